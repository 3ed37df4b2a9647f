"""Which records make one example: single pictures, windows of frames, segments of a clip.

A `Select` turns the layout of a split (which records follow each other) into a `Plan`: how many examples there are and
which records each takes. An example never mixes sequences, that is videos or people. What is drawn at random comes
from a generator that the caller keys by (seed, epoch, example), so any step of a run can be taken up again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from emojax.data.columns import Layout
from emojax.data.plan import (
    PADDING,
    Plan,
    Select,
    filled,
    parts,
    require_examples,
    require_one_of,
    require_positive,
    require_sequences,
    require_shares,
    require_spare,
    runs,
    usable_length,
)
from emojax.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Every record is an example."""

    time = None

    def plan(self, layout: Layout, train: bool) -> Plan:
        sequence = np.repeat(np.arange(len(layout.starts)), layout.lengths)
        return Plan(sequence, np.arange(layout.num_records, dtype=np.int32)[:, None])


@dataclasses.dataclass(frozen=True)
class Frames:
    """Single frames out of a part of each sequence (image_sequences spec 1.4).

    Attributes:
        between: first and last share of a sequence's frames, e.g. (0.5, 0.8): of n frames those with
            floor(0.5 n) <= i < ceil(0.8 n), at least one.
    """

    between: tuple[float, float] = (0.0, 1.0)
    time = None

    def __post_init__(self):
        require_shares(self.between)

    def plan(self, layout: Layout, train: bool) -> Plan:
        records = [np.arange(start, stop) for _, start, stop in parts(layout, self.between)]
        sequence = [np.full(len(part), i) for i, part in enumerate(records)]
        return Plan(np.concatenate(sequence), np.concatenate(records).astype(np.int32)[:, None])


@dataclasses.dataclass(frozen=True)
class Windows:
    """Consecutive records of one sequence, cut one after another.

    Frames that the data lack (no face was found) are passed over: the records that are there count as consecutive
    (affwild_cnn_rnn spec A4, affwild_gan spec G24), unless `max_step` says otherwise. In evaluation every record comes
    exactly once where `stride` is `length`.

    Attributes:
        length: T.
        stride: records from one window to the next; `length` if None.
        max_step: a window ends where the frame number rises by more than this; None never.
        between: part of each sequence, see `Frames`.
        rest: what becomes of records that are left over and do not fill a window: `drop`, or `pad`; None drops them in
            training and pads them in evaluation.
        short: what becomes of a sequence that does not fill its only window: as `rest` if None, or `repeat`: its last
            record is repeated (image_sequences spec 1.8).
        dilation: records from one frame of a window to the next; over 1 only where the rest is dropped.

    Raises:
        ConfigError: an impossible size or an unknown word.
    """

    length: int
    stride: int | None = None
    max_step: int | None = None
    between: tuple[float, float] = (0.0, 1.0)
    rest: str | None = None
    short: str | None = None
    dilation: int = 1

    def __post_init__(self):
        require_shares(self.between)
        require_positive(self, "length", "stride", "max_step", "dilation")
        if self.dilation > 1 and self.rest != "drop":
            raise ConfigError(
                f"{self}: frames that are passed over leave a rest, which only rest='drop' allows."
            )
        require_one_of("rest", self.rest, (None, "drop", "pad"))
        require_one_of("short", self.short, (None, "drop", "pad", "repeat"))

    @property
    def time(self) -> int:
        return self.length

    def plan(self, layout: Layout, train: bool) -> Plan:
        require_sequences(layout, self)
        rest = self.rest or ("drop" if train else "pad")
        stride = self.stride or self.length
        if rest == "pad" and stride > self.length:
            raise ConfigError(
                f"{self} leaves records out between its windows: evaluation needs stride <= length."
            )
        rows, sequence = [], []
        for i, start, stop in parts(layout, self.between):
            for first, last in runs(layout.frames, start, stop, self.max_step):
                windows = list(self._windows(first, last, stride, rest))
                rows += windows
                sequence += [i] * len(windows)
        require_examples(rows, layout, self)
        return Plan(np.array(sequence), np.array(rows, np.int32))

    def _windows(self, first: int, last: int, stride: int, rest: str) -> Iterator[np.ndarray]:
        """Windows of the records first .. last - 1."""
        count, span = last - first, (self.length - 1) * self.dilation + 1
        if count < span:
            rest = self.short or rest
            if rest != "drop":
                fill = last - 1 if rest == "repeat" else PADDING
                yield filled(np.arange(first, last, self.dilation), self.length, fill)
            return
        full = (count - span) // stride + 1
        for i in range(full):
            yield np.arange(first + i * stride, first + i * stride + span, self.dilation)
        if rest == "pad" and (full - 1) * stride + self.length < count:
            yield filled(np.arange(first + full * stride, last), self.length, PADDING)


@dataclasses.dataclass(frozen=True)
class Uniform:
    """One example a sequence: `count` records evenly from the first to the last (image_sequences spec 1.8).

    Attributes:
        count: T.
        between: part of each sequence, see `Frames`.
    """

    count: int
    between: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self):
        require_shares(self.between)
        require_positive(self, "count")

    @property
    def time(self) -> int:
        return self.count

    def plan(self, layout: Layout, train: bool) -> Plan:
        require_sequences(layout, self)
        rows = [
            start + np.round(np.linspace(0, stop - 1 - start, self.count))
            for _, start, stop in parts(layout, self.between)
        ]
        return Plan(np.arange(len(rows)), np.array(rows, np.int32))


@dataclasses.dataclass(frozen=True)
class Segments:
    """One record of each of `count` equal segments of a sequence: temporal segment networks (context_emotion spec 1.5,
    corrections BoLD 2, 3).

    A snippet of `window` records is placed in each segment, at random in training and in the middle in evaluation; the
    example takes its middle record, so streams that need neighbours see the same places.

    Attributes:
        count: K, and T.
        window: W, records that must fit around the one taken.
        validation_fallback: evaluation takes the first place K times where a sequence has at most K + W - 1 records,
            as the public code does on the validation split.
        spare: records at the end of every sequence that count for nothing: the last frame has no flow to a next one.
    """

    count: int
    window: int = 1
    validation_fallback: bool = False
    spare: int = 0

    def __post_init__(self):
        require_positive(self, "count", "window")
        require_spare(self)

    @property
    def time(self) -> int:
        return self.count

    def plan(self, layout: Layout, train: bool) -> Plan:
        require_sequences(layout, self)
        sequence = np.arange(len(layout.starts))
        if train:
            return Plan(sequence, draw=lambda i, generator: self._draw(layout, i, generator))
        rows = [layout.starts[i] + self.places(int(n)) for i, n in enumerate(layout.lengths)]
        return Plan(sequence, np.array(rows, np.int32))

    def places(self, length: int) -> np.ndarray:
        """Frames of a sequence of `length` that evaluation takes: int64 [K]."""
        usable = usable_length(length, self.spare)
        return np.minimum(self.middle_offsets(usable) + (self.window - 1) // 2, usable - 1)

    def random_offsets(self, length: int, generator: np.random.Generator) -> np.ndarray:
        """First record of each snippet among `length` usable ones, drawn: int64 [K]."""
        count, places = self.count, max(length - self.window + 1, 1)
        size = (length - self.window + 1) // count
        if size > 0:
            return np.arange(count) * size + generator.integers(0, size, count)
        if length > count:
            return np.sort(generator.integers(0, places, count))
        return np.zeros(count, np.int64)

    def middle_offsets(self, length: int) -> np.ndarray:
        """First record of each snippet among `length` usable ones, in the middle of its segment: int64 [K]."""
        count, places = self.count, max(length - self.window + 1, 1)
        if self.validation_fallback and length <= count + self.window - 1:
            return np.zeros(count, np.int64)
        # floor(tick / 2 + k tick) with tick = places / K, in integers.
        return (2 * np.arange(count) + 1) * places // (2 * count)

    def _draw(self, layout: Layout, sequence: int, generator: np.random.Generator) -> np.ndarray:
        usable = usable_length(int(layout.lengths[sequence]), self.spare)
        middle = self.random_offsets(usable, generator) + (self.window - 1) // 2
        return (layout.starts[sequence] + np.minimum(middle, usable - 1)).astype(np.int32)


@dataclasses.dataclass(frozen=True)
class FlowStack:
    """The records of another selection with their neighbours, e.g. five flow images around each (spec 1.5).

    Attributes:
        select: what is sampled.
        before: neighbours before each record.
        after: neighbours after it. At the ends of a sequence its first or last record stands in for those that are
            not there. T is (before + 1 + after) times that of `select`, neighbours of one record side by side.
    """

    select: Select
    before: int = 2
    after: int = 2

    def __post_init__(self):
        if self.before < 0 or self.after < 0:
            raise ConfigError(f"{self}: the numbers of neighbours must not be negative.")

    @property
    def time(self) -> int:
        return (self.before + 1 + self.after) * (self.select.time or 1)

    def plan(self, layout: Layout, train: bool) -> Plan:
        require_sequences(layout, self)
        centres = self.select.plan(layout, train)
        ends = layout.starts[centres.sequence], (layout.starts + layout.lengths)[centres.sequence] - 1
        if centres.is_random:
            return dataclasses.replace(
                centres,
                draw=lambda i, generator: self._around(centres.draw(i, generator), ends[0][i], ends[1][i]),
            )
        return Plan(
            centres.sequence, self._around(centres.table, ends[0][:, None, None], ends[1][:, None, None])
        )

    def _around(self, records: np.ndarray, first, last) -> np.ndarray:
        """Records [..., T] -> [..., T (before + 1 + after)]."""
        neighbours = records[..., None] + np.arange(-self.before, self.after + 1)
        inside = np.where(records[..., None] == PADDING, PADDING, np.clip(neighbours, first, last))
        return inside.reshape(*records.shape[:-1], -1).astype(np.int32)


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole sequence, padded (context_emotion spec 1.6, corrections BoLD 7).

    Attributes:
        length: T, as long as the longest sequence.
        shift: in training the records begin anywhere in 0 .. T - n, else at 0.
        spare: records at the end of every sequence that are left out, as the public code does.
    """

    length: int
    shift: bool = False
    spare: int = 0

    def __post_init__(self):
        require_positive(self, "length")
        require_spare(self)

    @property
    def time(self) -> int:
        return self.length

    def plan(self, layout: Layout, train: bool) -> Plan:
        require_sequences(layout, self)
        longest = usable_length(int(layout.lengths.max()), self.spare)
        if longest > self.length:
            raise ConfigError(
                f"The longest sequence has {longest} records, {self} takes {self.length}. Give it more: "
                f"--config.model.frames={longest}."
            )
        sequence = np.arange(len(layout.starts))
        if train and self.shift:
            return Plan(sequence, draw=lambda i, generator: self._draw(layout, i, generator))
        rows = [self._records(layout, i, 0) for i in range(len(sequence))]
        return Plan(sequence, np.array(rows, np.int32))

    def _draw(self, layout: Layout, sequence: int, generator: np.random.Generator) -> np.ndarray:
        room = self.length - usable_length(int(layout.lengths[sequence]), self.spare)
        return self._records(layout, sequence, int(generator.integers(0, room + 1)))

    def _records(self, layout: Layout, sequence: int, offset: int) -> np.ndarray:
        row = np.full(self.length, PADDING, np.int32)
        count = usable_length(int(layout.lengths[sequence]), self.spare)
        row[offset : offset + count] = layout.starts[sequence] + np.arange(count)
        return row
