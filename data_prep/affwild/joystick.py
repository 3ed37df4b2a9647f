"""Joystick annotations: series of (seconds, value), and the values of frames they give (affwild_gan spec 1.4)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence

import numpy as np

from emojax.errors import Skip
from emojax.files import read_regular

FRAMES_PER_SECOND = 30
SCALE = 1000  # the tool writes -1000 .. 1000
MATCHINGS = ("interpolate", "nearest")
_SEPARATORS = re.compile(r"[\s,;]+")
_MAX_BYTES = 1 << 28

Series = tuple[np.ndarray, np.ndarray]


def read_lines(path: str | os.PathLike) -> list[str]:
    """Lines of a small text file, stripped, those that are empty at the end left out; raises OSError."""
    lines = [
        line.strip() for line in read_regular(path, _MAX_BYTES).decode("utf-8-sig", "replace").splitlines()
    ]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def numbers(line: str) -> list[float]:
    """The numbers of a line, separated by commas, semicolons or white space; ValueError where one is none."""
    return [float(cell) for cell in _SEPARATORS.split(line.strip()) if cell]


def read_series(path: str | os.PathLike) -> Series:
    """Seconds and values of one pass, by rising seconds; of equal seconds the last value is kept.

    Separators are commas, semicolons or white space; a first line that holds no number is a header.

    Raises:
        Skip: `missing_annotation`, `malformed_annotation`, `empty_annotation`; the reason names the file and the line.
    """
    try:
        lines = read_lines(path)
    except OSError as error:
        raise Skip("missing_annotation", f"{path}: {error.strerror or error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = numbers(line)
        except ValueError:
            if number == 1:
                continue  # header
            row = []
        if len(row) != 2 or not all(map(math.isfinite, row)) or abs(row[1]) > SCALE:
            detail = f"{path} line {number}: {line[:40]!r} is not SECONDS VALUE with a value in -{SCALE} .. {SCALE}"
            raise Skip("malformed_annotation", detail)
        rows.append(row)
    if not rows:
        raise Skip("empty_annotation", f"{path} holds no row")
    times, values = np.array(rows).T
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    last = np.append(times[1:] != times[:-1], True)
    return times[last], values[last]


def frame_values(series: Series, num_frames: int, matching: str = "interpolate") -> np.ndarray:
    """Values in [-1, 1] of frames 1 .. `num_frames` at 30 frames a second: float64 ``[num_frames]``.

    `interpolate` takes frame k at second k / 30 and keeps the first and last value outside the annotated time
    (affwild_gan spec 1.4, G19). `nearest` takes the row whose time is nearest, the earlier of two
    (affwild_cnn_rnn spec 1.5, step 7).
    """
    times, values = series
    frames = np.arange(1, num_frames + 1)
    if matching == "interpolate":
        return np.interp(frames, times * FRAMES_PER_SECOND, values) / SCALE
    seconds = frames / FRAMES_PER_SECOND
    after = np.clip(np.searchsorted(times, seconds), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    earlier = np.abs(times[before] - seconds) <= np.abs(times[after] - seconds)
    return np.where(earlier, values[before], values[after]) / SCALE


def mean_values(passes: Sequence[Series], num_frames: int, matching: str = "interpolate") -> np.ndarray:
    """Mean of several annotators, each converted on its own: float64 ``[num_frames]``."""
    return np.mean([frame_values(series, num_frames, matching) for series in passes], axis=0)
