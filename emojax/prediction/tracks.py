"""Which face of a frame is which of the frames before, and predictions smoothed along each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from emojax.vision.detectors import overlap

_SAME_PERSON = 0.3  # intersection over union of the boxes
_LONGEST_GAP = 1.0  # seconds without a face until a track ends


@dataclasses.dataclass
class _Track:
    number: int
    box: tuple[float, ...]
    seconds: float
    smoothed: np.ndarray | None = None


class Tracker:
    """Numbers the people of one video by the overlap of their boxes, and smooths what is predicted of each.

    The pairs of largest overlap are joined first. A track ends after one second without its face.

    Args:
        smooth: time constant in seconds of an exponential mean of the frames so far; 0 for none.
    """

    def __init__(self, smooth: float = 0.0):
        self._smooth, self._tracks, self._next = smooth, [], 0

    def update(
        self, seconds: float, boxes: Sequence[tuple[float, ...]], outputs: Sequence[np.ndarray]
    ) -> list[tuple[int, np.ndarray]]:
        """Track and smoothed output of each face of a frame.

        Args:
            seconds: time of the frame.
            boxes: x, y, width, height of each face.
            outputs: prediction ``[D]`` of each face.
        """
        self._tracks = [track for track in self._tracks if seconds - track.seconds <= _LONGEST_GAP]
        chosen = self._assign(boxes)
        result = []
        for i, (box, output) in enumerate(zip(boxes, outputs)):
            track = chosen.get(i)
            if track is None:
                track = _Track(self._next, box, seconds)
                self._tracks.append(track)
                self._next += 1
            track.smoothed = self._mixed(track, seconds, np.asarray(output, np.float64))
            track.box, track.seconds = box, seconds
            result.append((track.number, track.smoothed))
        return result

    def follows(self, number: int) -> bool:
        """Whether a track has not ended."""
        return any(track.number == number for track in self._tracks)

    def _assign(self, boxes: Sequence[tuple[float, ...]]) -> dict[int, _Track]:
        pairs = [(overlap(box, track.box), i, track) for i, box in enumerate(boxes) for track in self._tracks]
        chosen: dict[int, _Track] = {}
        taken: set[int] = set()
        for share, i, track in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2].number)):
            if share >= _SAME_PERSON and i not in chosen and track.number not in taken:
                chosen[i] = track
                taken.add(track.number)
        return chosen

    def _mixed(self, track: _Track, seconds: float, output: np.ndarray) -> np.ndarray:
        if track.smoothed is None or not self._smooth:
            return output
        kept = math.exp(-max(seconds - track.seconds, 0.0) / self._smooth)
        return kept * track.smoothed + (1 - kept) * output
