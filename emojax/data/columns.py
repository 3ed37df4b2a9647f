"""Columns: what is known of every record of a split besides its pixels, as arrays beside the shards.

`columns-<split>.npz` holds one array `[N, ...]` by name for the N records of a split: labels, values, ages, ids.
Samplers, folds, predictions, figures and error messages read it; nobody reads shards to learn labels. A data set of
videos also says which records follow each other:

- `sequence` int32 `[N]`: the number of the record's sequence, one person in one video. Sequences are numbered from 0
  in record order, so the records of a sequence are consecutive;
- `frame` int32 `[N]`: the number of the record's frame in its video, rising within a sequence;
- `sequences/NAME` `[S, ...]`: one value a sequence, e.g. the label of a whole clip.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from emojax.errors import DataError
from emojax.files import write_npz

SEQUENCE, FRAME = "sequence", "frame"
PICTURE = "picture"  # hash of the file of the picture: records of one file, whatever its name and their boxes
PREFIX = "sequences/"
_KINDS = "biufU"
_MEND = "Run the preparation command again: it writes this file anew and keeps finished shards."


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which records belong together.

    Attributes:
        starts: int64 [S], first record of each sequence.
        lengths: int64 [S], its number of records.
        frames: int32 [N], frame number of each record; None where the data have none.
        sequential: False where the records are single pictures: then each is a sequence of its own.
    """

    starts: np.ndarray
    lengths: np.ndarray
    frames: np.ndarray | None = None
    sequential: bool = True

    @property
    def num_records(self) -> int:
        return int(self.lengths.sum())


class Columns(Mapping[str, np.ndarray]):
    """The columns of a split by name; each array is read from the file when it is first asked for.

    Attributes:
        num_records: N.
        sequences: arrays `[S, ...]` by name, one value a sequence; empty for single pictures.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], num_records: int, where: str = "the columns"):
        """
        Args:
            arrays: name -> array [N, ...], and `sequences/NAME` -> array [S, ...].
            num_records: N.
            where: names the file in messages.
        """
        self.num_records, self._where = num_records, where
        names = list(arrays)
        self._arrays = _Named(arrays, {n: n for n in names if not n.startswith(PREFIX)}, where)
        per_sequence = {n.removeprefix(PREFIX): n for n in names if n.startswith(PREFIX)}
        self.sequences: Mapping[str, np.ndarray] = _Named(arrays, per_sequence, f"{where}, of each sequence")

    def __getitem__(self, name: str) -> np.ndarray:
        """The column `[N, ...]`, read-only; DataError with the names there are."""
        values = self._arrays[name]
        if len(values) != self.num_records:
            raise DataError(
                f"Column {name!r} of {self._where} holds {len(values)} values for {self.num_records} records. {_MEND}"
            )
        return values

    def get(self, name: str, default=None):
        """The column, or `default` where there is none."""
        return self[name] if name in self._arrays else default

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def of_records(self, name: str) -> np.ndarray:
        """The value of each record `[N, ...]`, of a column of records or of sequences; DataError without either."""
        if name not in self and name in self.sequences:
            return self.sequences[name][self[SEQUENCE]]
        return self[name]

    def sources(self, records: np.ndarray) -> np.ndarray | None:
        """Where records come from: texts `[n]`; None where the data do not tell."""
        known = "source_id" in self or "source_id" in self.sequences
        return self.of_records("source_id")[records] if known else None

    @functools.cached_property
    def layout(self) -> Layout:
        """Which records belong together, from the columns `sequence` and `frame`."""
        if SEQUENCE not in self:
            ones = np.ones(self.num_records, np.int64)
            return Layout(np.arange(self.num_records), ones, sequential=False)
        starts = _starts(self[SEQUENCE])
        return Layout(starts, np.diff(np.append(starts, self.num_records)), self.get(FRAME))


class _Named(Mapping[str, np.ndarray]):
    """Arrays under other names, each read once and then read-only."""

    def __init__(self, arrays: Mapping[str, np.ndarray], keys: Mapping[str, str], where: str):
        self._arrays, self._keys, self._where = arrays, keys, where
        self._read: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._keys:
            raise DataError(
                f"There is no column {name!r} in {self._where}. There is: {', '.join(self._keys) or 'none'}. "
                "Prepare the data again with the option that stores it, or choose a system that does without."
            )
        if name not in self._read:
            values = self._arrays[self._keys[name]]
            values.flags.writeable = False
            self._read[name] = values
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def columns_name(split: str) -> str:
    """File name of the columns of a split."""
    return f"columns-{split}.npz"


def write_columns(
    folder: str | os.PathLike,
    split: str,
    columns: Mapping[str, np.ndarray],
    sequences: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Writes `columns-<split>.npz`, whole or not at all.

    Args:
        folder: of the shards and `dataset.json`.
        split: name of the split.
        columns: name -> array [N, ...] of numbers or text, in record order. `sequence` (see `number_sequences`) says
            which records follow each other.
        sequences: name -> array [S, ...], one value a sequence; needs the column `sequence`.

    Returns:
        SHA-256 of the file, which belongs into `Split.columns_hash`.

    Raises:
        ValueError: arrays of different lengths or of objects, sequences that are not numbered from 0 in record order,
            or frames that do not rise within a sequence.
        OutputError: the file cannot be written.
    """
    arrays = {name: _plain(name, values) for name, values in columns.items()}
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"The columns of {split!r} have different lengths: {lengths}.")
    count = _require_sequences(arrays) if SEQUENCE in arrays else 0
    for name, values in (sequences or {}).items():
        arrays[PREFIX + name] = _plain(name, values)
        if len(values) != count:
            raise ValueError(
                f"Column {name!r} of each sequence has {len(values)} values for {count} sequences."
            )
    return save_arrays(pathlib.Path(folder, columns_name(split)), arrays)


def number_sequences(*keys: Sequence) -> np.ndarray:
    """Numbers the sequences of records: int32 [N], from 0, a new one wherever a key changes.

    Args:
        *keys: what tells sequences apart, [N] each, e.g. the video and the person of every record.

    Raises:
        ValueError: a sequence goes on after another began: its records are not consecutive.
    """
    columns = [np.asarray(key) for key in keys]
    count = len(columns[0])
    if not count:
        return np.zeros(0, np.int32)
    changes = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    numbers = np.concatenate([[0], np.cumsum(changes)]).astype(np.int32)
    seen: dict[tuple, int] = {}
    for record in _starts(numbers).tolist():
        key = tuple(column[record].item() for column in columns)
        if key in seen:
            raise ValueError(
                f"Sequence {key} goes on at record {record} after it ended: sort the records by it."
            )
        seen[key] = record
    return numbers


def first_of_each(sequence: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The value `[S, ...]` that all records of a sequence share; ValueError where they differ."""
    starts = _starts(sequence)
    firsts = np.asarray(values)[starts]
    if len(starts) and not np.array_equal(firsts[sequence], values, equal_nan=firsts.dtype.kind == "f"):
        raise ValueError("The records of a sequence have different values: this is no value of a sequence.")
    return firsts


def open_columns(path: str | os.PathLike, sha256: str, num_records: int) -> Columns:
    """Opens the columns of a split after comparing the file with its hash.

    Raises:
        DataError: the file is missing, damaged, or not the one that `dataset.json` describes.
    """
    return _open(os.fspath(path), sha256, num_records)


@functools.lru_cache(maxsize=16)
def _open(path: str, sha256: str, num_records: int) -> Columns:
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise DataError(
                f"{path} is damaged or from another preparation: its SHA-256 begins {found[:12]}, dataset.json says "
                f"{sha256[:12]}. Copy the folder again, or delete this file and run the preparation command again: "
                "finished shards are kept."
            )
        return Columns(np.load(path, allow_pickle=False), num_records, path)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}. {_MEND}") from error


def save_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Writes an `.npz`, whole or not at all; equal arrays give equal bytes. Returns its SHA-256.

    Raises:
        OutputError: the operating system refuses (disk full, no permission).
    """
    write_npz(path, arrays)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(name: str, values: np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in _KINDS or array.ndim == 0:
        raise ValueError(
            f"Column {name!r} is {array.dtype} of shape {array.shape}, not numbers or text [N, ...]."
        )
    return np.ascontiguousarray(array)


def _starts(sequence: np.ndarray) -> np.ndarray:
    """First record of each sequence, int64 [S]."""
    return np.flatnonzero(np.diff(sequence, prepend=-1))


def _require_sequences(arrays: Mapping[str, np.ndarray]) -> int:
    """Checks `sequence` and `frame`; returns the number of sequences."""
    sequence = arrays[SEQUENCE]
    steps = np.diff(sequence.astype(np.int64), prepend=-1)
    if len(sequence) and (steps[0] != 1 or not np.isin(steps, (0, 1)).all()):
        raise ValueError(
            "The column 'sequence' is not numbered from 0 in record order; see number_sequences."
        )
    if FRAME in arrays and (np.diff(arrays[FRAME].astype(np.int64))[steps[1:] == 0] <= 0).any():
        raise ValueError("The column 'frame' does not rise within a sequence: sort the records by frame.")
    return int(sequence[-1]) + 1 if len(sequence) else 0
