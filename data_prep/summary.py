"""The table a preparation ends with: what was written, left out and why, beside the published counts."""

from __future__ import annotations

from collections.abc import Mapping

from data_prep.published import compare_counts
from emojax import datasets
from emojax.data.dataset import Dataset
from emojax.wording import counted


def print_summary(dataset: Dataset, skipped: Mapping[str, Mapping[str, tuple[int, str]]]) -> None:
    """Prints records, skip reasons with an example each, and class counts for every split."""
    print()
    for split, description in dataset.splits.items():
        print(
            f"{split}: {counted(description.num_records, 'record')} in {counted(len(description.shards), 'shard')}"
        )
        reasons = skipped.get(split, {})
        if reasons:
            print(f"  skipped {counted(sum(count for count, _ in reasons.values()), 'row')}")
        for reason, (count, example) in reasons.items():
            print(f"    {reason:<28} {count:>9,}   e.g. {example}")
    print()
    for line in class_table(
        dataset.name, {name: split.class_counts for name, split in dataset.splits.items()}
    ):
        print(line)
    if "label" in dataset.features and "valence" in dataset.features and "spearman" not in dataset.statistics:
        print(
            "Every training record has the same valence or the same arousal: their correlations are undefined, so "
            "systems with a label graph cannot be trained on this data. Others can."
        )


def class_table(dataset: str, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Lines: classes down, splits across, each beside its known count, and whether they agree."""
    classes = list(next(iter(counts.values())))
    if not classes:
        return ["The records hold no classes: there are no counts to compare."]
    card = datasets.find(dataset)
    published = card.known_counts(classes) if card else {}
    source = card.published.source if published else "published"
    header = "".join(f"{split:>12} {source:>11}" for split in counts)
    width = max(12, *(len(name) + 1 for name in classes))
    lines = [f"{'class':<{width}}{header}"]
    for name in [*classes, "total"]:
        cells = ""
        for split, numbers in counts.items():
            known = published.get(split)
            if name == "total":
                ours, theirs = sum(numbers.values()), sum(known.values()) if known else None
            else:
                ours, theirs = numbers[name], known[name] if known else None
            cells += f"{ours:>12,} {'-' if theirs is None else format(theirs, ','):>11}"
        lines.append(f"{name:<{width}}{cells}")
    return [*lines, compare_counts(dataset, counts)[1]]
