"""Image files that are missing, unreadable or cut short are told apart, and good ones are let through."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from data_prep.images import encode_jpeg, jpeg_is_complete, read_image
from data_prep.pipeline import Skip


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
