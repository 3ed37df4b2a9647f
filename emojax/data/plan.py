"""The plan of the examples of a split, and what the rules that make one share (see `emojax.data.select`)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np

from emojax.data.columns import Layout
from emojax.errors import ConfigError, DataError

PADDING = -1
Draw = Callable[[int, np.random.Generator], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The examples of a split.

    Attributes:
        sequence: int64 [E], the sequence that each example is taken from.
        table: int32 [E, T], the records of each example, -1 for padding; None where they are drawn anew every epoch.
        draw: (example, generator) -> int32 [T]; None where there is a table.
    """

    sequence: np.ndarray
    table: np.ndarray | None = None
    draw: Draw | None = None

    @property
    def num_examples(self) -> int:
        return len(self.sequence)

    @property
    def is_random(self) -> bool:
        """Whether `records` needs a generator."""
        return self.table is None

    def records(self, example: int, generator: np.random.Generator | None = None) -> np.ndarray:
        """Records of one example: int32 [T], -1 for padding."""
        return self.draw(example, generator) if self.table is None else self.table[example]


class Select(Protocol):
    """A rule of selection; a frozen dataclass, whose `repr` names it in checkpoints.

    Attributes:
        time: T, records an example; None for single pictures, whose batches have no axis of time.
    """

    time: int | None

    def plan(self, layout: Layout, train: bool) -> Plan:
        """The examples of a split.

        Args:
            layout: of the split.
            train: whether they are for training, where rules may draw at random or leave short rests out.

        Raises:
            DataError: the records have no sequences, or none of them gives an example.
        """


def parts(layout: Layout, between: tuple[float, float]) -> Iterator[tuple[int, int, int]]:
    """(sequence, first record, past the last) of the part of each sequence; at least one record."""
    low, high = (Fraction(repr(float(share))) for share in between)  # 0.8 itself, not the float beside it
    for i, (start, length) in enumerate(zip(layout.starts.tolist(), layout.lengths.tolist())):
        first = min(math.floor(low * length), length - 1)
        yield i, start + first, start + max(math.ceil(high * length), first + 1)


def runs(frames: np.ndarray | None, start: int, stop: int, max_step: int | None) -> Iterator[tuple[int, int]]:
    """Cuts the records start .. stop - 1 where the frame number rises by more than `max_step`."""
    cuts = []
    if max_step is not None:
        if frames is None:
            raise DataError("max_step needs the column 'frame', which these data lack. Leave max_step out.")
        cuts = (start + 1 + np.flatnonzero(np.diff(frames[start:stop]) > max_step)).tolist()
    yield from zip([start, *cuts], [*cuts, stop])


def filled(records: np.ndarray, length: int, value: int) -> np.ndarray:
    """The records and then `value`, up to `length`."""
    return np.concatenate([records, np.full(length - len(records), value)])


def require_positive(rule, *names: str) -> None:
    """Raises ConfigError where a field of the rule is below 1; None is left alone."""
    for name in names:
        value = getattr(rule, name)
        if value is not None and value < 1:
            raise ConfigError(f"{rule}: {name} must be at least 1.")


def require_spare(rule) -> None:
    """Raises ConfigError where a rule leaves out less than nothing."""
    if rule.spare < 0:
        raise ConfigError(f"{rule}: spare must not be negative.")


def usable_length(length: int, spare: int) -> int:
    """Records of a sequence without the `spare` last ones; at least one."""
    return max(length - spare, 1)


def require_one_of(name: str, value, known: tuple) -> None:
    """Raises ConfigError where the value is not among the known ones."""
    if value not in known:
        raise ConfigError(f"{name} is {value!r}, which is none of {list(known)}.")


def require_shares(between: tuple[float, float]) -> None:
    """Raises ConfigError unless these are two rising shares in [0, 1]."""
    low, high = between
    if not 0 <= low < high <= 1:
        raise ConfigError(f"between is {between}: two shares, the first below the second, both in [0, 1].")


def require_sequences(layout: Layout, rule) -> None:
    """Raises DataError where the data are single pictures."""
    if not layout.sequential:
        raise DataError(
            f"{rule} needs records that follow each other, but these data are single pictures (no column 'sequence'). "
            "Choose a system of single pictures, or prepare videos."
        )


def require_examples(rows: list, layout: Layout, rule) -> None:
    """Raises DataError where a rule found nothing."""
    if not rows:
        longest = int(layout.lengths.max(initial=0))
        raise DataError(f"{rule} finds no example: the longest sequence has {longest} records.")
