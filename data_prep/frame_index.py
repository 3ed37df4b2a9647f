"""Frames of many videos as one row, to be cut into shards."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol


class Video(Protocol):
    """Frames in their order.

    Attributes:
        num_frames: to account for.
    """

    num_frames: int


class FrameIndex:
    """All frames of a list of videos as one row, to be cut into shards: a shard holds runs of frames."""

    def __init__(self, videos: Sequence[Video]):
        self._videos = videos
        self._ends = list(itertools.accumulate(video.num_frames for video in videos))

    @property
    def total(self) -> int:
        return self._ends[-1] if self._ends else 0

    def cut(self, part: range) -> tuple[tuple[Video, int, int], ...]:
        """(video, first frame, past the last) of every video that has frames in the range, from 0."""
        pieces = []
        for video, end in zip(self._videos, self._ends):
            first = end - video.num_frames
            start, stop = max(part.start, first), min(part.stop, end)
            if start < stop:
                pieces.append((video, start - first, stop - first))
        return tuple(pieces)
