"""Reads image files, telling missing, unreadable, truncated and oversized ones apart."""

from __future__ import annotations

import hashlib
import io
import os
import warnings

import cv2
import numpy as np
from PIL import Image

from emojax.errors import Skip
from emojax.files import read_regular

MAX_PIXELS = 1 << 26  # 8192 x 8192: 200 MB decoded
MAX_SIDE = 32_000  # OpenCV's warps count pixels in 16 bits
_MAX_BYTES = 1 << 28
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_START_OF_SCAN = 0xDA
_ORIENTATION = 0x0112  # EXIF tag
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}

warnings.filterwarnings(
    "ignore", category=Image.DecompressionBombWarning
)  # `_require_size` has its own limit


def read_image(path: str | os.PathLike, *, upright: bool = False) -> np.ndarray:
    """Decodes an image file into `[H, W, 3]` uint8 BGR (OpenCV's order).

    The pixels come as they are stored: an EXIF orientation is ignored. Boxes and landmarks of every data set here are
    given in stored pixels: they were made by tools that ignored it, too. With `upright` the picture is turned as its
    EXIF orientation says, as viewers show it.

    Compressed data of a JPEG have no checksum: of pictures with four changed bytes in the middle a decoder notices one
    in four, and OpenCV decodes all of them to other pixels.

    Raises:
        Skip: `missing_image`, `truncated_image` (a JPEG that stops before its end marker, which decoders
            quietly fill with grey), `huge_image` (more than `MAX_PIXELS` according to its header; it is not
            decoded) or `unreadable_image`.
    """
    return _decode(_read(path), path, cv2.IMREAD_COLOR, upright=upright)


def decode_image(data: bytes, name: str, *, upright: bool = False) -> np.ndarray:
    """As `read_image`, of the content of a file; `name` stands in messages."""
    return _decode(data, name, cv2.IMREAD_COLOR, upright=upright)


def read_grey_image(path: str | os.PathLike) -> np.ndarray:
    """As `read_image`: `[H, W]` uint8 or uint16, whichever is stored."""
    return _decode(_read(path), path, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)


def orientation(path: str | os.PathLike) -> int:
    """EXIF orientation of an image file, 1 to 8; 1 (not turned) where it names none."""
    try:
        with Image.open(path) as image:
            found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged header makes Pillow's many parsers fail in many ways
        return 1
    return found if found in range(1, 9) else 1


def _read(path: str | os.PathLike) -> bytes:
    try:
        return read_regular(path, _MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise Skip("missing_image", f"no file {path}") from None
    except (OSError, ValueError) as error:
        reason = str(error)
        raise Skip("unreadable_image", reason if str(path) in reason else f"{path}: {reason}") from None


def _decode(data: bytes, path: str | os.PathLike, mode: int, *, upright: bool = False) -> np.ndarray:
    if data[:2] == _JPEG_START and not jpeg_is_complete(data):
        raise Skip("truncated_image", f"{path} stops before the end of the JPEG")
    _require_size(data, path)
    try:
        stored = 0 if upright else cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imdecode(np.frombuffer(data, np.uint8), mode | stored)
    except cv2.error:
        image = None
    if image is None:
        raise Skip("unreadable_image", f"{path} is no image that can be decoded")
    return image


def _require_size(data: bytes, path: str | os.PathLike) -> None:
    """Raises Skip where the header, which alone is read, claims too many pixels."""
    try:
        width, height = Image.open(io.BytesIO(data)).size
    except Image.DecompressionBombError:
        raise Skip("huge_image", f"{path} has more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # a damaged header makes Pillow's many parsers fail in many ways
        raise Skip("unreadable_image", f"{path} is no image that can be decoded") from error
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise Skip(
            "huge_image",
            f"{path} has {width:,} x {height:,} pixels: at most {MAX_PIXELS:,}, and {MAX_SIDE:,} a side, are read",
        )


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


def file_hash(path: str | os.PathLike) -> np.uint64:
    """Of the bytes of a file that has just been read; equal for copies of a picture under other names."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def encode_jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    """JPEG of a BGR image `[H, W, 3]` uint8."""
    return cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def encode_png(image: np.ndarray) -> bytes:
    """PNG of a uint8 picture, BGR or grey: no pixel changes."""
    return cv2.imencode(".png", image)[1].tobytes()
