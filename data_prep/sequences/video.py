"""A video of one expression: where it is, what it shows, and its frames, from a file or a folder of pictures."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import pathlib
import re
from collections.abc import Iterator

import cv2
import numpy as np

from emojax.errors import Skip
from emojax.files import require_regular
from emojax.vision.images import read_image

MAX_FRAMES = 20_000  # 200 s at 100 frames a second: fifty times the longest video
_PICTURE = re.compile(r"(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Video:
    """One video.

    Attributes:
        path: a file, or a folder of pictures numbered by frame.
        subject: id of the person; videos of one person are never in two splits.
        name: of the video among the subject's.
        label: class, or -1 where `fault` says why there is none.
        where: names it for a reader, relative to the data set.
        fault: reason (snake_case) and detail of a video that cannot be used; empty for a good one.
    """

    path: str
    subject: str
    name: str
    label: int
    where: str
    fault: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.subject}/{self.name}"


@dataclasses.dataclass(frozen=True)
class Raw:
    """The videos of a data set, those of a subject one after another.

    Attributes:
        root: folder that `Video.where` is relative to.
        videos: all, those with a fault included.
    """

    root: pathlib.Path
    videos: tuple[Video, ...]

    @property
    def digest(self) -> str:
        """Changes when videos are added, removed or renamed."""
        return hashlib.sha256("\n".join(video.where for video in self.videos).encode()).hexdigest()

    @property
    def subjects(self) -> list[str]:
        """Ids of the people with a usable video, sorted."""
        return sorted({video.subject for video in self.videos if not video.fault})


def window(num_frames: int, shares: tuple[float, float]) -> range:
    """Frames i of n with floor(low n) <= i < ceil(high n), at least one (image_sequences spec 1.4)."""
    low = min(math.floor(shares[0] * num_frames + 1e-9), num_frames - 1)
    return range(low, max(math.ceil(shares[1] * num_frames - 1e-9), low + 1))


@dataclasses.dataclass(frozen=True)
class Kept:
    """Which frames of a video are kept.

    Attributes:
        window: first and last share of the frames.
        last: in place of the window, so many frames at the end; 0 for the window.
        stride: of these the first and every `stride`-th after it.
    """

    window: tuple[float, float] = (0.5, 0.8)
    last: int = 0
    stride: int = 1

    def of(self, num_frames: int) -> range:
        """Numbers of the frames, at least one."""
        kept = window(num_frames, self.window)
        if self.last:
            kept = range(max(num_frames - self.last, 0), num_frames)
        return kept[:: self.stride]


USUAL_FRAMES = Kept()


def kept_frames(path: str, kept: Kept) -> tuple[int, Iterator[tuple[int, np.ndarray | Skip]]]:
    """Number of frames of a video, and those that are kept: (number, ``[H, W, 3]`` uint8 BGR or why not).

    Raises:
        Skip: `missing_video`, `unreadable_video`, `long_video` or `no_frames`.
    """
    if os.path.isdir(path):
        return _pictures(pathlib.Path(path), kept)
    count = sum(1 for _ in _decode(path))
    wanted = kept.of(count)
    return count, ((i, frame) for i, frame in enumerate(_decode(path)) if i in wanted)


def signature(path: str) -> bytes:
    """Changes when the files of a video change: their names and sizes."""
    try:
        if os.path.isdir(path):
            entries = sorted((entry.name, entry.stat().st_size) for entry in os.scandir(path))
        else:
            entries = [("", os.stat(path).st_size)]
    except OSError:
        entries = []
    return repr(entries).encode()


def _decode(path: str) -> Iterator[np.ndarray]:
    try:
        require_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Skip("missing_video", f"no file {path}") from None
    except OSError as error:
        raise Skip("unreadable_video", str(error)) from None
    video, count = cv2.VideoCapture(path), 0
    try:
        while True:
            there, frame = video.read()
            if not there:
                break
            count += 1
            if count > MAX_FRAMES:
                raise Skip("long_video", f"{path} has more than {MAX_FRAMES} frames")
            yield frame
    finally:
        video.release()
    if not count:
        raise Skip("unreadable_video", f"{path} is no video that can be decoded")


def _pictures(folder: pathlib.Path, kept: Kept):
    found = sorted(
        (int(match[1]), path) for path in folder.iterdir() if (match := _PICTURE.fullmatch(path.name))
    )
    if not found:
        raise Skip("no_frames", f"{folder} holds no picture 000.jpeg, 001.jpeg, ...")
    return len(found), ((i, _picture(found[i][1])) for i in kept.of(len(found)))


def _picture(path: pathlib.Path) -> np.ndarray | Skip:
    try:
        return read_image(path)
    except Skip as skip:
        return skip
