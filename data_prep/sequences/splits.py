"""Who is in which split: whole subjects, drawn with a seed (image_sequences spec 1.2, 1.3, G1, G3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from emojax.errors import DataError

SPLITS = ("train", "validation", "test")


def split_subjects(
    subjects: Sequence[str],
    sizes: tuple[int, int, int],
    *,
    seed: int,
    group_of: Callable[[str], str] = lambda subject: "",
) -> dict[str, list[str]]:
    """Split -> subjects, sorted; every subject is in exactly one.

    Args:
        subjects: all of them.
        sizes: subjects of train, validation and test as published. For another number of subjects the same shares are
            taken, rounded, at least one each where the published size is not 0.
        seed: of the drawing.
        group_of: subject -> group, e.g. where people come from: groups are spread evenly over the splits.

    Raises:
        DataError: there are too few subjects.
    """
    wanted = np.array(_scaled(len(subjects), sizes))
    order = np.random.default_rng((seed, 67)).permutation(len(subjects))
    groups: dict[str, list[str]] = {}
    for i in order:
        groups.setdefault(group_of(subjects[i]), []).append(subjects[i])
    chosen: dict[str, list[str]] = {split: [] for split, n in zip(SPLITS, wanted) if n}
    left, people = wanted.copy(), len(subjects)
    for _, members in sorted(groups.items()):
        counts = _share_out(left, len(members), people)
        left, people = left - counts, people - len(members)
        for split, part in zip(SPLITS, np.split(np.array(members), np.cumsum(counts)[:-1])):
            if len(part):
                chosen[split] += part.tolist()
    return {split: sorted(members) for split, members in chosen.items()}


def _scaled(count: int, sizes: tuple[int, int, int]) -> list[int]:
    used = sum(size > 0 for size in sizes)
    if count < used:
        raise DataError(
            f"There are {count} subjects with a usable video: {used} splits need one each at least."
        )
    if count == sum(sizes):
        return list(sizes)
    rest = [max(round(count * size / sum(sizes)), 1) if size else 0 for size in sizes[1:]]
    return [count - sum(rest), *rest]


def _share_out(left: np.ndarray, members: int, people: int) -> np.ndarray:
    """Members of a group for each split, in proportion to the places left for `people`; they add up."""
    exact = left * members / people
    counts = np.floor(exact).astype(int)
    for split in np.argsort(counts - exact, kind="stable")[: members - counts.sum()]:
        counts[split] += 1
    return counts


def split_of(splits: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Subject -> split."""
    return {subject: split for split, members in splits.items() for subject in members}
