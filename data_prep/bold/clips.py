"""From the frames of a clip to the pictures of its people's streams (context_emotion spec 1.4)."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from emojax.errors import Skip
from emojax.files import require_regular
from emojax.vision.images import encode_jpeg
from emojax.vision.skeleton_boxes import PUBLISHED, Box, Margins, body_box, face_box, mask_box

STREAMS = ("body", "context", "face")
MAX_FRAMES = 3000  # ten times the longest clip of BoLD


def read_frames(path: pathlib.Path) -> Iterator[np.ndarray]:
    """The frames ``[H, W, 3]`` uint8 BGR of a video.

    Raises:
        Skip: `missing_clip`, `unreadable_clip`, `one_frame_clip` or `long_clip`.
    """
    try:
        require_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Skip("missing_clip", f"no file {path}") from None
    except OSError as error:
        raise Skip("unreadable_clip", str(error)) from None
    video = cv2.VideoCapture(os.fspath(path))
    count = 0
    try:
        while True:
            there, frame = video.read()
            if not there:
                break
            count += 1
            if count > MAX_FRAMES:
                raise Skip("long_clip", f"{path} has more than {MAX_FRAMES} frames")
            yield frame
    finally:
        video.release()
    if not count:
        raise Skip("unreadable_clip", f"{path} is no video that can be decoded")
    if count == 1:
        raise Skip("one_frame_clip", f"{path} has one frame: no movement")


def count_frames(path: pathlib.Path) -> int:
    """Frames that can really be decoded, whatever the container says; raises Skip as `read_frames`."""
    return sum(1 for _ in read_frames(path))


def stream_pictures(
    frame: np.ndarray,
    joints: np.ndarray,
    size: int,
    *,
    margins: Margins = PUBLISHED,
    fill: int | np.ndarray = 0,
    nothing: int = 0,
) -> dict[str, np.ndarray]:
    """What the streams see of one person in one frame: pictures ``[size, size, C]`` uint8.

    The body is cut out, or the whole frame where no joint is visible; in the context the person is hidden; the face is
    empty where no joint of the head is visible. Sides are stretched to a square.

    Args:
        frame: ``[H, W, C]`` uint8, e.g. BGR.
        joints: ``[18, 3]`` x, y, confidence.
        size: of the pictures.
        margins: of the boxes.
        fill: what hides the person, one value or one a channel: black.
        nothing: what an empty face consists of: black.
    """
    height, width = frame.shape[:2]
    body, mask, face = (box(joints, width, height, margins) for box in (body_box, mask_box, face_box))
    context = frame
    if mask is not None:
        context = frame.copy()
        context[mask[1] : mask[3], mask[0] : mask[2]] = fill
    empty = np.full((size, size, frame.shape[2]), nothing, np.uint8)
    return {
        "body": _resize(frame if body is None else _cut(frame, body), size),
        "context": _resize(context, size),
        "face": empty if face is None else _resize(_cut(frame, face), size),
    }


def encode_pictures(pictures: Mapping[str, np.ndarray], encoding: str) -> dict[str, bytes]:
    """JPEG of quality 95, or the pixels (`raw`); BGR pictures become RGB, grey ones ``[H, W]`` stay grey."""
    if encoding == "jpeg":
        return {name: encode_jpeg(picture) for name, picture in pictures.items()}
    return {name: _packed(picture) for name, picture in pictures.items()}


def _packed(picture: np.ndarray) -> bytes:
    return (picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).tobytes()


def _cut(frame: np.ndarray, box: Box) -> np.ndarray:
    x1, y1, x2, y2 = box
    return frame[y1:y2, x1:x2]


def _resize(picture: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
