"""Outputs of an evaluation in full precision: ``outputs_<split>.npz``, written whole or not at all.

A file stands alone. It holds predictions and truth of every example, what identifies each example, and the config and
the recipe of the system, so that outputs are combined, pooled and measured again without the run or the data.

- ``outputs/NAME`` ``[N, ...]``: predictions, truth and masks by name, as the measure of the system takes them;
- ``ids/NAME`` ``[N]``: texts and whole numbers that the data hold of the first record of each example: `source_id`,
  `subject`, `video_id`, `frame`, ...;
- ``meta``: UTF-8 JSON with the fields of `Meta`, and under ``arrays`` the type and shape of each array.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import numpy as np
from ml_collections import ConfigDict

from emojax.data.columns import Columns
from emojax.data.recipe import LabelsJson, Recipe, RecipeJson
from emojax.errors import DataError
from emojax.files import archive_explained, parse_json, read_npz, require_regular, write_npz
from emojax.labels import Labels

_SCHEMA = 1
_OUTPUTS, _IDS, _META, _ARRAYS = "outputs/", "ids/", "meta", "arrays"
_KINDS = "biufU"
_MEND = "Write it again: python -m emojax.evaluate --workdir RUN --split SPLIT."


class FoldJson(TypedDict):
    """Which fold of which division the examples are; see `emojax.data.folds`."""

    k: int
    of: int
    by: str
    pool: list[str]
    content_hash: str


class Meta(TypedDict):
    """What a file says of its outputs.

    `content_hash` is that of the split, `recipe_hash` the fingerprint of the recipe, `members` the systems and weights
    of combined outputs.
    """

    schema: Literal[1]
    system: str
    step: int
    split: str
    dataset: str
    content_hash: str
    fold: FoldJson | None
    labels: LabelsJson
    config: dict[str, Any]
    recipe: RecipeJson
    recipe_hash: str
    protocol: str
    members: dict[str, float]


class _File(Meta):
    """`Meta` as it is stored."""

    arrays: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The outputs of a system on a split.

    Attributes:
        arrays: predictions, truth and masks by name, ``[N, ...]``.
        ids: what identifies the examples, by name, ``[N]``.
        meta: of whom and of what they are.
        where: names them in messages.
    """

    arrays: Mapping[str, np.ndarray]
    ids: Mapping[str, np.ndarray]
    meta: Meta
    where: str = "the outputs"

    @property
    def num_examples(self) -> int:
        return len(self.arrays["index"])

    @property
    def labels(self) -> Labels:
        """Names of the classes and of the dimensions, in the order of the outputs."""
        return Labels.from_json(self.meta["labels"])

    @property
    def config(self) -> ConfigDict:
        """The resolved config of the system."""
        return ConfigDict(self.meta["config"])

    @property
    def recipe(self) -> Recipe:
        """What the system was built from."""
        return Recipe.from_json(self.meta["recipe"], origin=self.where)

    def rows(self, rows: np.ndarray) -> Outputs:
        """Some examples, in the order of their places `rows` ``[n]``."""
        arrays, ids = ({k: v[rows] for k, v in one.items()} for one in (self.arrays, self.ids))
        return dataclasses.replace(self, arrays=arrays, ids=ids)


def recipe_hash(recipe: Mapping) -> str:
    """Fingerprint of a recipe as JSON: SHA-256, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def make_meta(
    *, system: str, step: int, split: str, dataset: str, content_hash: str, labels: Labels, config, recipe: Recipe,
    protocol: str, fold: FoldJson | None = None, members: Mapping[str, float] | None = None,
) -> Meta:  # fmt: skip
    """`Meta` from the objects of a run; `config` is a JSON value."""
    described = recipe.to_json()
    return {
        "schema": _SCHEMA,
        "system": system,
        "step": step,
        "split": split,
        "dataset": dataset,
        "content_hash": content_hash,
        "fold": fold,
        "labels": labels.to_json(),
        "config": config,
        "recipe": described,
        "recipe_hash": recipe_hash(described),
        "protocol": protocol,
        "members": dict(members or {}),
    }


def identities(columns: Columns, records: np.ndarray) -> dict[str, np.ndarray]:
    """Texts and whole numbers that the columns hold of records, by name, ``[n]``: what tells examples apart."""
    names = dict.fromkeys([*columns, *columns.sequences])
    kinds = {n: (columns if n in columns else columns.sequences)[n] for n in names}
    single = [n for n, values in kinds.items() if values.ndim == 1 and values.dtype.kind in "iuU"]
    return {n: columns.of_records(n)[records] for n in single}


def write_outputs(path: str | os.PathLike, outputs: Outputs) -> None:
    """Writes a file of outputs.

    Args:
        path: of the file.
        outputs: arrays of numbers, truth values or text, all of the length of `index`.

    Raises:
        ValueError: an array has another length or holds objects.
        OutputError: the file cannot be written.
    """
    arrays = {_OUTPUTS + k: np.asarray(v) for k, v in outputs.arrays.items()}
    arrays |= {_IDS + k: np.asarray(v) for k, v in outputs.ids.items()}
    count = len(outputs.arrays["index"])
    for name, values in arrays.items():
        if values.dtype.kind not in _KINDS or values.ndim == 0 or len(values) != count:
            raise ValueError(
                f"{name} is {values.dtype} {values.shape}, not numbers or text of {count} examples."
            )
    meta = json.dumps({**outputs.meta, _ARRAYS: _described(arrays)}).encode()
    write_npz(path, {_META: np.frombuffer(meta, np.uint8), **arrays}, compressed=True)


def read_outputs(path: str | os.PathLike) -> Outputs:
    """Reads a file of outputs and checks it.

    Raises:
        DataError: the file is missing, damaged, of another version, or is no file of outputs.
    """
    stored = read_npz(path, mend=_MEND)
    meta = _parse_meta(path, stored.pop(_META, None))
    found, expected = _described(stored), meta.pop(_ARRAYS)
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise DataError(
                f"{path} is damaged: {name} is {found.get(name, 'missing')}, and was written as "
                f"{expected.get(name, 'nothing')}. {_MEND}"
            )
    if recipe_hash(meta["recipe"]) != meta["recipe_hash"]:
        raise DataError(f"{path} is damaged: its recipe has another fingerprint than it says. {_MEND}")
    by_kind = ({k.removeprefix(p): v for k, v in stored.items() if k.startswith(p)} for p in (_OUTPUTS, _IDS))
    return Outputs(*by_kind, meta, os.fspath(path))


def read_meta(path: str | os.PathLike) -> Meta:
    """What a file says of its outputs, without reading them; DataError as `read_outputs`."""
    with archive_explained(path, mend=_MEND):
        require_regular(path)
        with np.load(path, allow_pickle=False) as archive:
            stored = archive[_META] if _META in archive.files else None
    return _parse_meta(path, stored)


def _parse_meta(path: str | os.PathLike, stored: np.ndarray | None) -> dict[str, Any]:
    if stored is None or stored.dtype != np.uint8:
        raise DataError(f"{path} is no file of outputs: it has no description 'meta'. {_MEND}")
    return parse_json(stored.tobytes(), _File, what=os.fspath(path), mend=_MEND)


def _described(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {name: f"{values.dtype} {values.shape}" for name, values in arrays.items()}
