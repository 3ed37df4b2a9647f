"""What `dataset.json` says about a prepared EMOTIC, and the table its preparation ends with."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

import emojax
from data_prep.emotic.raw import Person
from data_prep.emotic.side import Status
from data_prep.pipeline import ShardResult, sum_skipped
from data_prep.split import read_columns, skipped_counts, write_split
from emojax.data.dataset import Dataset, Feature
from emojax.errors import DataError
from emojax.graphs.statistics import people_statistics
from emojax.labels import EMOTIC_LABELS
from emojax.wording import counted

SIDE_INPUTS = ("face", "pose", "scene", "attribute", "depth")
# Images and people of the two releases (spec 1.3, 10 G1).
_RELEASES = {"2017 (the thesis)": (18_316, 23_788), "2019": (23_571, 34_320)}


def category_bits(names: Iterable[str]) -> int:
    """Names as one number: bit i stands for category i. ValueError for a name that is none of the 26."""
    bits = 0
    for name in names:
        bits |= 1 << EMOTIC_LABELS.classes.index(name)
    return bits


def describe(
    out: pathlib.Path,
    name: str,
    features: Mapping[str, Feature],
    parameters: Mapping,
    people: Mapping[str, Sequence[Person]],
    results: Sequence[ShardResult],
) -> Dataset:
    """Writes the columns and returns the content of `dataset.json`.

    Its `statistics`, from the training split unless they are given by split:

    - `counts` [26], `cooccurrence` [26][26], `num_samples`, `dimension_mean`, `dimension_std` [3] (scaled
      values): see `emojax.graphs.cooccurrence.multilabel_statistics`;
    - `conditional` [26][26]: share of the people with category i who have category j;
    - `labels_per_person`: mean number of categories;
    - `depth_mean`, `depth_std` of the pixels in [0, 1] of the valid depth maps, null without any;
    - `side_inputs`: split -> face, pose, scene, attribute, depth -> number of people by `Status`, in lower
      case;
    - `raw`: split -> images and people of the annotation file.

    Raises:
        DataError: a split has no usable person.
    """
    splits, side_inputs, statistics = {}, {}, {}
    for split in people:
        columns = read_columns(out, results, split)
        if not columns:
            raise DataError(_nobody_left(split, sum_skipped(results)[split]))
        categories = columns["categories"].astype(np.int64)
        counts = dict(zip(EMOTIC_LABELS.classes, categories.sum(axis=0)))
        splits[split] = write_split(out, split, results, columns, counts)
        side_inputs[split] = side_input_counts(columns)
        if split == "train":
            valid = columns["depth_status"] == Status.VALID
            moments = columns["_depth_mean"][valid], columns["_depth_square"][valid]
            statistics = people_statistics(columns, EMOTIC_LABELS) | depth_statistics(*moments)
    statistics["side_inputs"] = side_inputs
    statistics["raw"] = {
        split: {"images": len({person.image for person in found}), "people": len(found)}
        for split, found in people.items()
    }
    build = {
        **parameters,
        "version": emojax.__version__,
        "statistics": "emojax.graphs.statistics:people_statistics",
    }
    return Dataset(
        str(out), name, EMOTIC_LABELS, features, splits, statistics, build, skipped_counts(results)
    )


def side_input_counts(columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """Side input -> number of people by `Status`."""
    return {
        side: {status.name.lower(): int((columns[f"{side}_status"] == status).sum()) for status in Status}
        for side in SIDE_INPUTS
    }


def depth_statistics(means: np.ndarray, squares: np.ndarray) -> dict[str, float | None]:
    """Mean and standard deviation over all pixels of the valid maps (spec 1.3, thesis l.7066), null without any.

    Args:
        means, squares: ``[n]``, mean and mean square of each valid map's pixels in [0, 1].
    """
    if not len(means):
        return {"depth_mean": None, "depth_std": None}
    mean = float(means.mean())
    return {"depth_mean": mean, "depth_std": max(float(squares.mean()) - mean * mean, 0.0) ** 0.5}


def _nobody_left(split: str, reasons: Mapping[str, tuple[int, str]]) -> str:
    skipped = "; ".join(f"{reason} {count:,}, e.g. {example}" for reason, (count, example) in reasons.items())
    return (
        f"No person of the {split} split can be used ({skipped}). "
        "Check --raw: images and Annotations.mat must fit."
    )


def print_summary(dataset: Dataset, results: Sequence[ShardResult]) -> None:
    """Prints records, skip reasons with an example each, side inputs and category counts of every split."""
    skipped = sum_skipped(results)
    statistics = dataset.statistics
    print()
    for split, description in dataset.splits.items():
        raw = statistics["raw"][split]
        print(
            f"{split}: {description.num_records:,} of {raw['people']:,} people in {raw['images']:,} images, "
            f"{counted(len(description.shards), 'shard')}"
        )
        for reason, (count, example) in skipped.get(split, {}).items():
            print(f"    skipped {reason:<20} {count:>9,}   e.g. {example}")
    for line in [
        *_release_lines(statistics["raw"]),
        "",
        *_side_lines(dataset),
        "",
        *_category_lines(dataset),
    ]:
        print(line)


def _release_lines(raw: Mapping[str, Mapping[str, int]]) -> list[str]:
    images, people = (sum(counts[name] for counts in raw.values()) for name in ("images", "people"))
    for release, (known_images, known_people) in _RELEASES.items():
        if (images, people) == (known_images, known_people):
            return [f"This is EMOTIC's release of {release}: {images:,} images, {people:,} people."]
    known = ", ".join(f"{release} {known[0]:,} / {known[1]:,}" for release, known in _RELEASES.items())
    return [
        f"{images:,} images and {people:,} people: no release of EMOTIC ({known}), so results are not "
        "comparable with published ones."
    ]


def _side_lines(dataset: Dataset) -> list[str]:
    """Table of side inputs, one line each, and a warning for those nobody has."""
    table = dataset.statistics["side_inputs"]
    lines = [f"{'side input':<12}{'':<12}" + "".join(f"{status.name.lower():>15}" for status in Status)]
    for side in SIDE_INPUTS:
        for split, counts in table.items():
            lines.append(
                f"{side:<12}{split:<12}" + "".join(f"{count:>15,}" for count in counts[side].values())
            )
    missing = [side for side in SIDE_INPUTS if not table["train"][side]["valid"]]
    if missing:
        lines.append(
            f"No training record has: {', '.join(missing)}. Systems with these streams would see zeros only."
        )
    return lines


def _category_lines(dataset: Dataset) -> list[str]:
    lines = [f"{'category':<18}" + "".join(f"{split:>12}" for split in dataset.splits)]
    for name in dataset.labels.classes:
        cells = "".join(f"{split.class_counts[name]:>12,}" for split in dataset.splits.values())
        lines.append(f"{name:<18}{cells}")
    mean = dataset.statistics["labels_per_person"]
    return [*lines, f"{mean:.2f} categories a person in the training split"]
