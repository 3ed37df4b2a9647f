"""Ranges of config values. Each field's range is written once, in a table that names the field."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from collections.abc import Iterator, Mapping

from emojax.errors import ConfigError

_LARGEST = 2**31 - 1  # of whole numbers: JAX and the loader count in 32 bits
# Sizes of the normal numbers of float32: a smaller one is 0 in training, a larger one infinite.
_FLOAT32 = 1.1754944e-38, 3.4028235e38


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: the smallest.
        high: the largest; infinity: every finite number.
        whole: no fractions.
        above: `low` itself is left out.
    """

    low: float
    high: float = math.inf
    whole: bool = False
    above: bool = False

    def __contains__(self, value) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        if self.whole and value != int(value):
            return False
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a finite number"
        low = f"above {self.low:g}" if self.above else f"of at least {self.low:g}"
        return f"{kind} {low}" + (f" and at most {self.high:.12g}" if math.isfinite(self.high) else "")


def whole(low: int, high: int = _LARGEST) -> Range:
    """The whole numbers from `low` to `high`."""
    return Range(low, high, whole=True)


def require_ranges(config, ranges: Mapping[str, Range]) -> None:
    """Raises ConfigError for the first field outside its range, and for any number that float32 does not hold.

    Args:
        config: a config; fields of the table that it does not have are left out.
        ranges: dotted field -> range; ``optimizer.factors.*`` stands for every field there.
    """
    for field, value in _leaves(config):
        for pattern, allowed in ranges.items():
            if fnmatch.fnmatchcase(field, pattern) and value not in allowed:
                raise ConfigError(f"config.{field} is {value!r}; it must be {allowed}.")
        for number in value if isinstance(value, tuple | list) else (value,):
            _require_float32(field, number)


def _require_float32(field: str, number) -> None:
    if not isinstance(number, float) or number == 0:
        return
    if not math.isfinite(number):
        raise ConfigError(f"config.{field} is {number!r}; it must be a finite number.")
    low, high = _FLOAT32
    if not low <= abs(number) <= high:
        raise ConfigError(
            f"config.{field} is {number!r}; training computes in float32, which holds 0 and sizes from {low:.2g} to "
            f"{high:.2g}."
        )


def _leaves(config: Mapping, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in config.items():
        if isinstance(value, Mapping) or hasattr(value, "items"):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
