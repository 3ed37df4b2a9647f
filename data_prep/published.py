"""How the size of a prepared folder compares with the published one."""

from __future__ import annotations

from collections.abc import Mapping

from emojax import datasets


def compare_counts(dataset: str, counts: Mapping[str, Mapping[str, int]]) -> tuple[bool, str]:
    """Whether `counts` (split -> class -> number) are the known ones, and a sentence that says so."""
    card = datasets.find(dataset)
    if card is None or card.published is None:
        return False, f"No published counts are known for {dataset}."
    classes = list(next(iter(counts.values())))
    different = [
        f"{split} {name} {counts.get(split, {}).get(name, 0):,} instead of {number:,}"
        for split, numbers in card.known_counts(classes).items()
        for name, number in numbers.items()
        if counts.get(split, {}).get(name, 0) != number
    ]
    if not different:
        return True, f"The class counts are {card.published.wording}."
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return False, (
        f"The class counts are NOT {card.published.wording} ({'; '.join(different[:3])}{more}): synthetic, partial "
        "or changed data. Results are not comparable with published ones."
    )
