"""`python -m emojax.predict`: pictures and videos in, tables and annotated files out; faults are counted."""

import csv
import json
import pathlib

import cv2
import numpy as np
import pytest

from emojax.predict import main
from emojax.prediction.inputs import find_files


def picture(path: pathlib.Path, size=(60, 48), seed=0) -> pathlib.Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


def video(path: pathlib.Path, frames: int, size=(64, 48)) -> pathlib.Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, size)
    for i in range(frames):
        writer.write(np.full((size[1], size[0], 3), 20 * i % 256, np.uint8))
    writer.release()
    return path


def rows(out: pathlib.Path) -> list[dict]:
    with (out / "predictions.csv").open() as file:
        return list(csv.DictReader(file))


def test_pictures_and_videos_become_tables_annotated_files_and_a_timeline(run, tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    picture(folder / "a.png")
    video(folder / "b.avi", 5)
    arguments = ["--workdir", str(run), str(folder), "--out", str(out), "--detector", "none", "--smooth", "1"]
    assert main(arguments) == 0
    assert "6 faces in 1 picture and 1 video (5 frames)" in capsys.readouterr().out
    table = rows(out)
    assert [row["frame"] for row in table] == ["0", "0", "1", "2", "3", "4"]
    assert [row["seconds"] for row in table][:2] == ["", "0.0"] and float(
        table[-1]["seconds"]
    ) == pytest.approx(0.4)
    assert [row["track"] for row in table] == ["", "0", "0", "0", "0", "0"]
    assert table[0]["width"] == "48.0" and table[0]["label"] in table[0]
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines] == [row["label"] for row in table]
    assert set(lines[0]["probabilities"]) <= set(table[0])
    assert sorted(p.name for p in (out / "annotated").iterdir()) == [
        "a.png.jpg",
        "b.avi.mp4",
        "b.avi.timeline.png",
    ]
    assert int(cv2.VideoCapture(str(out / "annotated" / "b.avi.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)) == 5


def test_what_cannot_be_read_is_counted_by_reason(run, tmp_path, capsys):
    good = picture(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "sound.mp4").write_bytes(b"\0\0\0\x18ftypM4A no frames")
    one = video(tmp_path / "one.avi", 1)
    inputs = [
        str(good),
        str(tmp_path / "bad.jpg"),
        str(tmp_path / "sound.mp4"),
        str(one),
        str(tmp_path / "gone.png"),
    ]
    out = tmp_path / "out"
    arguments = ["--workdir", str(run), *inputs, "--out", str(out), "--detector", "none", "--no_annotated"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "2 faces in 1 picture and 1 video (1 frame)" in told
    for reason in ("unreadable_image: 1", "no_video: 1", "missing_file: 1"):
        assert f"skipped, {reason}" in told
    assert len(rows(out)) == 2


def test_pictures_without_a_face_give_no_rows_and_are_counted(run, tmp_path, capsys):
    plain = tmp_path / "plain.png"
    cv2.imwrite(str(plain), np.full((90, 90, 3), 128, np.uint8))
    out = tmp_path / "out"
    assert main(["--workdir", str(run), str(plain), "--out", str(out), "--detector", "haar"]) == 0
    assert "without a face: 1" in capsys.readouterr().out and rows(out) == []


def test_nothing_readable_is_an_error_and_leaves_no_table(run, tmp_path, capsys):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    out = tmp_path / "out"
    assert (
        main(["--workdir", str(run), str(tmp_path / "bad.jpg"), "--out", str(out), "--detector", "none"]) == 2
    )
    assert "error: The file could not be read (unreadable_image" in capsys.readouterr().err
    assert not (out / "predictions.csv").exists()


def test_a_rotated_photo_is_turned_upright(run, tmp_path):
    from PIL import Image

    wide = Image.fromarray(np.zeros((20, 60, 3), np.uint8))
    exif = wide.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    wide.save(tmp_path / "turned.jpg", exif=exif)
    out = tmp_path / "out"
    arguments = ["--workdir", str(run), str(tmp_path / "turned.jpg"), "--out", str(out), "--detector", "none"]
    assert main(arguments) == 0
    assert (rows(out)[0]["width"], rows(out)[0]["height"]) == ("20.0", "60.0")


def test_given_boxes_replace_the_detector(run, tmp_path):
    picture(tmp_path / "a.png")
    table = tmp_path / "boxes.csv"
    table.write_text("image,x,y,width,height\na.png,3,4,20,22\na.png,20,5,25,22\n")
    out = tmp_path / "out"
    command = ["--workdir", str(run), str(tmp_path / "a.png"), "--out", str(out), "--boxes", str(table)]
    assert main([*command, "--no_annotated"]) == 0
    assert [row["x"] for row in rows(out)] == ["3.0", "20.0"]
    table.write_text("image,x,y,width,height\na.png,3,4,0,22\n")
    assert main(command) == 2


def test_a_webcam_without_camera_is_one_clear_line(run, capsys):
    assert main(["--workdir", str(run), "webcam", "--camera", "97"]) == 2
    assert "error: There is no camera 97." in capsys.readouterr().err


def test_files_are_found_by_folder_pattern_and_name_each_once(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "a.jpg", "deep/c.MP4", "note.txt"):
        (tmp_path / name).touch()
    files, missing = find_files([str(tmp_path), str(tmp_path / "*.png"), str(tmp_path / "no*.gif")])
    assert [file.name for file in files] == ["a.jpg", "b.png", "c.MP4"]
    assert [skip.reason for skip in missing] == ["missing_file"]
