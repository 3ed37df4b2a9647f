"""What two splits share: what is measured on one was then learned on the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from emojax import datasets
from emojax.data.columns import PICTURE, Columns
from emojax.data.dataset import Dataset
from emojax.errors import DataError
from emojax.wording import counted

_MEND = "Take them out of one of the splits and prepare into a new folder: results would be too good."
# column -> what it names
_KEYS = {
    **{"source_id": "source ids", "image_id": "images", PICTURE: "picture files (equal bytes)"},
    **{"video_id": "videos", "clip": "clips", "subject": "people"},
}


def shared_names(dataset: Dataset) -> Iterator[str]:
    """Problems: source ids, images, videos or people that are in two splits."""
    columns = {name: found for name in dataset.splits if (found := _columns(dataset, name)) is not None}
    card = datasets.find(dataset.name)
    for column, what in _KEYS.items():
        part = card.video_of if card and column == "video_id" else str
        names = {
            split: {part(str(text)) for text in np.unique(named[column])}
            for split, found in columns.items()
            for named in (found, found.sequences)
            if column in named
        }
        for a, b in itertools.combinations(names, 2):
            if both := sorted(names[a] & names[b]):
                yield f"{a} and {b} share {len(both):,} {what}, e.g. {both[0]}. {_MEND}"


def _columns(dataset: Dataset, split: str) -> Columns | None:
    try:
        return dataset.columns(split)
    except DataError:
        return None  # reported with the split


def shared_pictures(dataset: Dataset, pictures: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Problems: records of two splits with equal pixels.

    Args:
        dataset: the data set.
        pictures: split -> uint64 [N], the hash of each record's picture, 0 for none.
    """
    for a, b in itertools.combinations(pictures, 2):
        twins = np.flatnonzero(np.isin(pictures[b], pictures[a]) & (pictures[b] != 0))
        if twins.size:
            other = int(np.flatnonzero(pictures[a] == pictures[b][twins[0]])[0])
            places = f"{_place(dataset, a, other)} and {_place(dataset, b, int(twins[0]))}"
            yield f"{twins.size:,} pictures of {b} are in {a}, too (equal pixels), e.g. {places}. {_MEND}"


def repeated_pictures(dataset: Dataset, pictures: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Notes: records of one split with equal pixels. No fault: lists may name a picture more than once."""
    for split, hashes in pictures.items():
        values, counts = np.unique(hashes[hashes != 0], return_counts=True)
        if (counts > 1).any():
            repeated = int(counts[counts > 1].sum() - (counts > 1).sum())
            records = np.flatnonzero(hashes == values[np.argmax(counts)])[:2].tolist()
            places = " and ".join(_place(dataset, split, record) for record in records)
            yield f"{split} holds {counted(repeated, 'picture')} again (equal pixels), e.g. {places}"


def _place(dataset: Dataset, split: str, record: int) -> str:
    """The shard of a record and its number there."""
    for name, count in zip(dataset.splits[split].shards, dataset.splits[split].records_per_shard):
        if record < count:
            return f"{name} record {record}"
        record -= count
    return f"{split} record {record}"
