"""Known sizes of the data sets, to compare a prepared folder with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from emojax.labels import AFFECTNET_CLASSES, EMOTIC_CATEGORIES

_AFFECTNET_VALIDATION = 500  # per class (spec emotion_gcn 1.2)
# Spec emotion_gcn 1.4, in the order of AFFECTNET_CLASSES without contempt.
_AFFWILD2 = {
    "train": (132_756, 75_328, 68_256, 26_065, 8_080, 5_470, 13_834),
    "validation": (69_498, 24_417, 20_070, 7_197, 7_787, 625, 5_874),
}


@dataclasses.dataclass(frozen=True)
class KnownCounts:
    """Images per class, and who says so.

    Attributes:
        counts: split -> class -> number of images.
        source: short, for a column of a table.
        wording: in a sentence: "the class counts are (not) ...".
    """

    counts: Mapping[str, Mapping[str, int]]
    source: str
    wording: str


def class_order(dataset: str, num_classes: int) -> tuple[str, ...]:
    """The class names in index order of a known data set; empty if it is not known."""
    faces = AFFECTNET_CLASSES[:num_classes]
    known = {"affectnet": faces, "affwild2": faces, "emotic": EMOTIC_CATEGORIES}
    return known.get(dataset, ())


def known_counts(dataset: str, classes: Sequence[str]) -> KnownCounts | None:
    """What is known of the size of a data set with these classes; None if nothing is."""
    if dataset == "affwild2":
        counts = {split: dict(zip(classes, numbers)) for split, numbers in _AFFWILD2.items()}
        return KnownCounts(counts, "third-party", "the third-party ones, which are not verified")
    if dataset != "affectnet":
        return None
    from emojax.graphs.affectnet import (
        AFFECTNET_TRAIN_COUNTS,
    )  # scipy behind it: slow to import in every worker

    train = dict(zip(AFFECTNET_CLASSES, AFFECTNET_TRAIN_COUNTS))
    counts = {
        "train": {name: train[name] for name in classes},
        "validation": {name: _AFFECTNET_VALIDATION for name in classes},
    }
    return KnownCounts(counts, "published", "the published ones")


def compare_counts(dataset: str, counts: Mapping[str, Mapping[str, int]]) -> tuple[bool, str]:
    """Whether `counts` (split -> class -> number) are the known ones, and a sentence that says so."""
    classes = list(next(iter(counts.values())))
    known = known_counts(dataset, classes)
    if known is None:
        return False, f"No published counts are known for {dataset}."
    different = [
        f"{split} {name} {counts.get(split, {}).get(name, 0):,} instead of {number:,}"
        for split, numbers in known.counts.items()
        for name, number in numbers.items()
        if counts.get(split, {}).get(name, 0) != number
    ]
    if not different:
        return True, f"The class counts are {known.wording}."
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return False, (
        f"The class counts are NOT {known.wording} ({'; '.join(different[:3])}{more}): synthetic, partial "
        "or changed data. Results are not comparable with published ones."
    )
