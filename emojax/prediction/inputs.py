"""Pictures and videos named on a command line, as a stream of frames in constant memory."""

from __future__ import annotations

import dataclasses
import glob
import os
import pathlib
import queue
import threading
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from emojax.errors import Skip
from emojax.vision.images import MAX_PIXELS, read_image

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".mts")
_READ_AHEAD = 4  # frames


@dataclasses.dataclass(frozen=True)
class Frame:
    """One picture, or one frame of a video.

    Attributes:
        file: where it is.
        number: of the frame in its video, from 0; 0 for a picture.
        seconds: from the start of the video; None for a picture.
        image: `[H, W, 3]` uint8 BGR.
    """

    file: pathlib.Path
    number: int
    seconds: float | None
    image: np.ndarray


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What a video's header says; the number of frames is 0 where it says nothing."""

    width: int
    height: int
    frames_per_second: float
    num_frames: int


def find_files(inputs: Sequence[str]) -> tuple[list[pathlib.Path], list[Skip]]:
    """Files of paths, folders (all pictures and videos below) and patterns (``*.jpg``), each once and in order.

    Returns:
        The files, and what is missing.
    """
    files: dict[pathlib.Path, None] = {}
    missing = []
    for text in inputs:
        path = pathlib.Path(os.path.expanduser(text))
        if path.is_dir():
            known = (*PICTURES, *VIDEOS)
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in known and p.is_file())
            if not found:
                missing.append(Skip("empty_folder", f"{path} holds no picture and no video"))
        elif path.exists():
            found = [path]
        else:
            found = sorted(map(pathlib.Path, glob.glob(os.path.expanduser(text), recursive=True)))
            if not found:
                missing.append(Skip("missing_file", f"there is no file {text}"))
        files |= dict.fromkeys(found)
    return list(files), missing


def is_video(path: pathlib.Path) -> bool:
    """Whether a file is read as a video: by its name; a file of another name where it is no picture."""
    suffix = path.suffix.lower()
    if suffix in VIDEOS or suffix in PICTURES:
        return suffix in VIDEOS
    return not cv2.haveImageReader(os.fspath(path))


def read_picture(path: pathlib.Path, *, upright: bool) -> Frame:
    """A picture, turned as its EXIF orientation says if `upright`; raises Skip as `read_image`."""
    return Frame(path, 0, None, read_image(path, upright=upright))


class Video:
    """A video file, read frame by frame in a thread; use it as a context manager.

    Args:
        path: of the file.
        every: of so many frames one is given.

    Raises:
        Skip: `no_video` (no file with a video stream that OpenCV reads), `huge_image`.
    """

    def __init__(self, path: pathlib.Path, every: int = 1):
        self._path, self._every = path, every
        self._capture = cv2.VideoCapture(os.fspath(path), cv2.CAP_FFMPEG)
        width, height, rate, count = (
            self._capture.get(p)
            for p in (
                cv2.CAP_PROP_FRAME_WIDTH,
                cv2.CAP_PROP_FRAME_HEIGHT,
                cv2.CAP_PROP_FPS,
                cv2.CAP_PROP_FRAME_COUNT,
            )
        )
        if not self._capture.isOpened() or width < 1 or height < 1:
            self._capture.release()
            raise Skip("no_video", f"{path} has no video stream that can be read")
        if width * height > MAX_PIXELS:
            self._capture.release()
            raise Skip("huge_image", f"{path} has {width:.0f} x {height:.0f} pixels a frame")
        rate = rate if np.isfinite(rate) and rate > 0 else 25.0
        self.info = VideoInfo(int(width), int(height), float(rate), max(int(count), 0))
        self._queue: queue.Queue = queue.Queue(_READ_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="video", daemon=True)

    def __enter__(self) -> Video:
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._closed.set()
        self._thread.join()
        self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _fill(self) -> None:
        try:
            number = 0
            while not self._closed.is_set() and self._capture.grab():
                if number % self._every == 0:
                    seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                    readable, image = self._capture.retrieve()
                    if readable and image is not None:
                        at = seconds if number == 0 or seconds > 0 else number / self.info.frames_per_second
                        self._offer(Frame(self._path, number, at, image))
                number += 1
            self._offer(None)
        except BaseException as error:  # raised again in the reader's thread
            self._offer(error)

    def _offer(self, item) -> None:
        while not self._closed.is_set():
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
