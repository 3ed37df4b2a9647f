"""Reads image files, telling missing, unreadable and truncated ones apart."""

from __future__ import annotations

import os

import cv2
import numpy as np

from data_prep.pipeline import Skip

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Decodes an image file into `[H, W, 3]` uint8 BGR (OpenCV's order).

    Raises:
        Skip: `missing_image`, `truncated_image` (a JPEG that stops before its end marker, which decoders
            quietly fill with grey), or `unreadable_image`.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise Skip("missing_image", f"no file {path}") from None
    except (OSError, ValueError) as error:
        raise Skip("unreadable_image", f"{path}: {error}") from None
    if data[:2] == _JPEG_START and not jpeg_is_complete(data):
        raise Skip("truncated_image", f"{path} stops before the end of the JPEG")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        image = None
    if image is None:
        raise Skip("unreadable_image", f"{path} is no image that can be decoded")
    return image


def jpeg_is_complete(data: bytes) -> bool:
    """Whether a JPEG has its end marker after the start of its (first) scan.

    Walks the segments up to the scan, so that the end marker of a thumbnail in the header does not count. In
    scan data 0xFF is always stuffed, so an end marker found there is one.
    """
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return False
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _WITHOUT_LENGTH:
            position += 2
        elif marker == _START_OF_SCAN:
            return data.find(_JPEG_END, position) >= 0
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def encode_jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    """JPEG of a BGR image `[H, W, 3]` uint8."""
    return cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
