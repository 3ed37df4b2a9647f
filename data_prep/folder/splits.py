"""Which items are for training and which for validation."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
from collections.abc import Sequence

from data_prep.folder.items import Item
from emojax.errors import DataError


def divide(items: Sequence[Item], share: float) -> dict[str, list[Item]]:
    """Items by split; where none is for validation, a share of the training items is.

    Whose turn it is follows from a hash of the names, so the same pictures always give the same split. A person is
    never divided; pictures without a person are taken class by class.

    Args:
        items: of a layout; without a split they are training items.
        share: of the training items for validation, in (0, 1).

    Raises:
        DataError: a person in two splits, or nothing left for one.
    """
    _require_separate(items)
    splits: dict[str, list[Item]] = {"train": [], "validation": [], "test": []}
    for item in items:
        splits[item.split or "train"].append(item)
    if not splits["validation"]:
        chosen = _chosen(splits["train"], share)
        splits["validation"] = [item for item in splits["train"] if _group(item) in chosen]
        splits["train"] = [item for item in splits["train"] if _group(item) not in chosen]
    for name in ("train", "validation"):
        if not splits[name]:
            raise DataError(
                f"There is no picture for the {name} split: give more, or another --validation_share."
            )
    return {
        name: [dataclasses.replace(item, split=name) for item in own] for name, own in splits.items() if own
    }


def _group(item: Item) -> tuple[str, str]:
    return ("subject", item.subject) if item.subject else ("picture", item.source)


def _chosen(items: Sequence[Item], share: float) -> set[tuple[str, str]]:
    people = collections.Counter(_group(item) for item in items if item.subject)
    chosen = _first(people, share)
    by_class = collections.defaultdict(collections.Counter)
    for item in items:
        if not item.subject:
            by_class[item.label][_group(item)] += 1
    for pictures in by_class.values():
        chosen |= _first(pictures, share)
    return chosen


def _first(groups: collections.Counter, share: float) -> set[tuple[str, str]]:
    """Groups in the order of their hashes until they hold the share; one stays behind."""
    order = sorted(groups, key=lambda group: hashlib.sha256("/".join(group).encode()).digest())
    wanted, taken, chosen = share * groups.total(), 0, set()
    for group in order[:-1]:
        if taken >= wanted:
            break
        chosen.add(group)
        taken += groups[group]
    return chosen


def _require_separate(items: Sequence[Item]) -> None:
    seen: dict[str, str] = {}
    for item in items:
        if item.subject and seen.setdefault(item.subject, item.split) != item.split:
            raise DataError(
                f"The person {item.subject!r} is in the splits {seen[item.subject] or 'train'} and "
                f"{item.split or 'train'}: results would be too good. Give each person one split."
            )
