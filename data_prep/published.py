"""Published sizes of the data sets, to compare a prepared folder with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emojax.labels import AFFECTNET_CLASSES, EMOTIC_CATEGORIES

_AFFECTNET_VALIDATION = 500  # per class (spec emotion_gcn 1.2)


def class_order(dataset: str, num_classes: int) -> tuple[str, ...]:
    """The class names in index order of a known data set; empty if it is not known."""
    known = {"affectnet": AFFECTNET_CLASSES[:num_classes], "emotic": EMOTIC_CATEGORIES}
    return known.get(dataset, ())


def published_counts(dataset: str, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Split -> class -> number of images that was published; empty if none is known for the data set."""
    if dataset != "affectnet":
        return {}
    from emojax.graphs.affectnet import (
        AFFECTNET_TRAIN_COUNTS,
    )  # scipy behind it: slow to import in every worker

    train = dict(zip(AFFECTNET_CLASSES, AFFECTNET_TRAIN_COUNTS))
    return {
        "train": {name: train[name] for name in classes},
        "validation": {name: _AFFECTNET_VALIDATION for name in classes},
    }


def compare_counts(dataset: str, counts: Mapping[str, Mapping[str, int]]) -> tuple[bool, str]:
    """Whether `counts` (split -> class -> number) are the published ones, and a sentence that says so."""
    classes = list(next(iter(counts.values())))
    published = published_counts(dataset, classes)
    if not published:
        return False, f"No published counts are known for {dataset}."
    different = [
        f"{split} {name} {counts.get(split, {}).get(name, 0):,} instead of {number:,}"
        for split, numbers in published.items()
        for name, number in numbers.items()
        if counts.get(split, {}).get(name, 0) != number
    ]
    if not different:
        return True, "The class counts are the published ones."
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return False, (
        f"The class counts are NOT the published ones ({'; '.join(different[:3])}{more}): synthetic, partial "
        "or changed data. Results are not comparable with published ones."
    )
