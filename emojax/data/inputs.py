"""What of the data a system takes: which features and columns, and which records make one example."""

from __future__ import annotations

import dataclasses

from emojax.data.select import Pictures, Select


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a batch holds besides `index`, `mask` and `position` (see `emojax.data.loader`).

    Attributes:
        features: read from the shards; none, and no shard is opened.
        columns: taken from the columns, per record or per sequence.
        select: which records make one example.
        evaluate: the same in evaluation; as in training if None. Rules that draw at random do so in training alone.
    """

    features: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    select: Select = dataclasses.field(default_factory=Pictures)
    evaluate: Select | None = None

    def selection(self, train: bool) -> Select:
        """The rule of training or evaluation."""
        return self.select if train or self.evaluate is None else self.evaluate
