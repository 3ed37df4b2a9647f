"""Image files that are missing, unreadable or cut short are told apart, and good ones are let through."""

from __future__ import annotations

import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from emojax.errors import Skip
from emojax.vision.images import MAX_SIDE, encode_jpeg, jpeg_is_complete, read_grey_image, read_image


@pytest.fixture
def picture() -> np.ndarray:
    return cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8), (0, 0), 2
    )


def reason_of(path) -> str:
    with pytest.raises(Skip) as skip:
        read_image(path)
    return skip.value.reason


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif"])
def test_good_files_are_read_whatever_their_format(tmp_path, picture, suffix):
    path = tmp_path / f"good{suffix}"
    cv2.imwrite(str(path), picture)
    assert np.abs(read_image(path).astype(int) - picture).mean() < 3


def test_missing_and_unreadable_files(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "marker.jpg").write_bytes(b"\xff\xd8\xff\xda\x00\x02\xff\xd9")
    assert reason_of(tmp_path / "absent.jpg") == "missing_image"
    assert reason_of(tmp_path / "folder.jpg") == "missing_image"
    assert reason_of(tmp_path / "text.jpg") == "unreadable_image"
    assert reason_of(tmp_path / "empty.jpg") == "unreadable_image"
    assert reason_of(tmp_path / "marker.jpg") == "unreadable_image"
    assert reason_of(tmp_path / "nul\0byte.jpg") == "unreadable_image"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_jpeg_cut_short_is_noticed_although_the_decoder_takes_it(tmp_path, picture, share):
    data = encode_jpeg(picture)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * share)])
    assert reason_of(path) == "truncated_image"


def test_the_end_marker_of_a_thumbnail_does_not_count(picture):
    data = encode_jpeg(picture)
    thumbnail = encode_jpeg(cv2.resize(picture, (16, 12)))
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = data[:2] + segment + data[2:]
    assert jpeg_is_complete(whole)
    assert not jpeg_is_complete(whole[: len(whole) - 200])


def test_progressive_files_and_bytes_after_the_end_are_fine(picture):
    progressive = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))[1].tobytes()
    assert jpeg_is_complete(progressive) and jpeg_is_complete(encode_jpeg(picture) + b"\0" * 100)
    assert not jpeg_is_complete(progressive[:-40])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_come_as_stored_whatever_the_exif_orientation(tmp_path, picture, orientation):
    """Boxes and landmarks are in stored pixels: a picture turned by its tag would be cut beside the face."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "tagged.jpg"
    Image.fromarray(picture[..., ::-1]).save(path, quality=95, exif=exif)
    assert Image.open(path).getexif()[0x0112] == orientation
    image = read_image(path)
    assert image.shape == picture.shape and np.abs(image.astype(int) - picture).mean() < 3


def test_a_pipe_in_place_of_a_picture_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason_of(tmp_path / "pipe.jpg") == "unreadable_image"


def _png_header(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; its pixel data are those of a small grey picture."""
    data = cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()
    chunk = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]


def _jpeg_header(width: int, height: int) -> bytes:
    data = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", height, width) + data[start + 4 :]


@pytest.mark.parametrize("make", [_png_header, _jpeg_header])
@pytest.mark.parametrize("width, height", [(30_000, 30_000), (9_000, 9_000), (40_000, 10), (12_000, 12_000)])
def test_a_picture_that_claims_too_many_pixels_is_refused_by_its_header(
    tmp_path, make, width, height, monkeypatch
):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    (tmp_path / "huge").write_bytes(make(width, height))
    assert reason_of(tmp_path / "huge") == "huge_image"


def test_the_largest_picture_is_still_read(tmp_path):
    cv2.imwrite(str(tmp_path / "wide.png"), np.full((60, MAX_SIDE), 7, np.uint8))
    assert read_grey_image(tmp_path / "wide.png").shape == (60, MAX_SIDE)
