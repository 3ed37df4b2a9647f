"""Thresholds of several labels, chosen on the validation split: stored beside a run or an exported model.

``fitted/thresholds_STEP.npz`` holds ``thresholds [C]`` and of which network they are. An evaluation writes the file,
`emojax.export` carries it, and predictions of single people name the labels whose score reaches it.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any, Literal, TypedDict

import numpy as np

from emojax.engine.checksums import fingerprint
from emojax.engine.restored import Restored
from emojax.errors import DataError
from emojax.files import parse_json, read_npz, write_npz

NAME = "thresholds"
_META = "meta"
_MEND = "Delete it: python -m emojax.evaluate writes it again."


class _Meta(TypedDict):
    schema: Literal[1]
    network: int


def write_thresholds(folder: pathlib.Path, restored: Restored, values: np.ndarray) -> None:
    """Writes the thresholds ``[C]`` of a network, whole or not at all."""
    meta = json.dumps(_meta(restored)).encode()
    write_npz(_path(folder, restored), {NAME: np.asarray(values), _META: np.frombuffer(meta, np.uint8)})


def read_thresholds(folder: pathlib.Path, restored: Restored) -> np.ndarray | None:
    """The thresholds ``[C]`` of a network; None where there are none, or those of another one.

    Raises:
        DataError: a damaged file.
    """
    path = _path(folder, restored)
    if not path.exists():
        return None
    arrays = read_npz(path, mend=_MEND)
    if not {NAME, _META} <= arrays.keys():
        raise DataError(f"{path} is damaged: it has no thresholds or no description. {_MEND}")
    found = parse_json(arrays[_META].tobytes(), _Meta, what=str(path), mend=_MEND)
    return arrays[NAME] if found == _meta(restored) else None


def _path(folder: pathlib.Path, restored: Restored) -> pathlib.Path:
    return pathlib.Path(folder, "fitted", f"{NAME}_{restored.step}.npz")


def _meta(restored: Restored) -> dict[str, Any]:
    return {"schema": 1, "network": fingerprint(restored.variables)}
