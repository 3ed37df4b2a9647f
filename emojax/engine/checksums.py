"""A checksum for each array of a checkpoint: a flipped bit is reported with the array's name, never taken for a value.

Taken when a checkpoint is saved, from the host's copy of each array, and stored with the labels and the config.
CRC-32C finds every error of up to 31 bits in a row and misses one other in 4 billion; it runs at memory speed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import google_crc32c
import jax
import numpy as np

from emojax.errors import CheckpointError


def array_names(tree: Any) -> dict[str, Any]:
    """Path of each leaf, e.g. ``params/backbone/conv0/kernel`` -> the leaf."""
    return {_path_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def checksums(tree: Any) -> dict[str, int]:
    """Path -> CRC-32C of type, shape and values of each array; replicated arrays are read on one device."""
    return {name: _checksum(leaf) for name, leaf in array_names(tree).items()}


def json_checksum(value: Mapping) -> int:
    """CRC-32C of a JSON value, whatever the order of its fields."""
    return google_crc32c.value(json.dumps(value, sort_keys=True).encode())


def fingerprint(variables: Any) -> int:
    """One number for a trained network: of a run and of its exported copy it is the same."""
    return json_checksum(checksums(variables))


def verify(tree: Any, expected: Mapping[str, int], where: Any) -> None:
    """Compares arrays with the checksums of a checkpoint, or of a part of it.

    Raises:
        CheckpointError: an array differs from what was saved.
    """
    damaged = [name for name, value in checksums(tree).items() if expected.get(name) != value]
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        raise CheckpointError(f"{damaged[0]}{more} in {where} is not what was saved (wrong checksum)")


def _checksum(leaf: Any) -> int:
    values = np.asarray(leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf)
    header = google_crc32c.value(f"{values.dtype.name} {values.shape}".encode())
    # As bytes: Python's buffers do not know bfloat16.
    return google_crc32c.extend(header, np.ascontiguousarray(values).reshape(-1).view(np.uint8))


def _path_name(path) -> str:
    return "/".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path)
