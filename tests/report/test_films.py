"""Figures of films' labels and of class shares, by the command."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from emojax import figures
from emojax.data.film_counts import FilmCount, read_film_counts, write_film_counts
from emojax.data.found_faces import FoundFace, write_found_faces
from emojax.errors import ConfigError, DataError
from emojax.report import style
from emojax.report.film_database import crop_figure
from emojax.sweeps.recalls import read_recalls
from tests.systems.face_video_toy import make_videos


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(style, "DPI", 40)


DATABASE = (
    "frames_per_second",
    "detection",
    "found_faces",
    "face_strips",
    "plane_of_each_set",
    "annotation_1",
    "annotation_3",
)


def page(tmp_path, *options):
    assert figures.main([*options, "--out", str(tmp_path / "out")]) == 0
    return (tmp_path / "out" / "index.html").read_text()


def test_films_get_histograms_of_every_split_and_the_plane_of_each_category(tmp_path):
    videos = make_videos(tmp_path / "videos", {"train": (40,) * 3, "validation": (30, 20)})
    sets = {"train0": "train", "train1": "extra", "train2": "extra", "validation0": "validation"}
    counts = [FilmCount(name, name, of, 25.0, 50, 40) for name, of in sets.items()]
    write_film_counts(tmp_path / "videos", counts)
    shown = FoundFace("train0/000001", np.zeros((40, 60, 3), np.uint8), (10.0, 5.0, 40.0, 35.0))
    write_found_faces(tmp_path / "videos", [shown])
    text = page(tmp_path, "--data_dir", videos.path)
    for name in ("labels", "annotated", "plane", "plane_of_each_class", "classes_of_bins", *DATABASE):
        assert (tmp_path / "out" / f"{name}.png").is_file()
    assert "Share of each category&#x27;s frames in each quadrant: validation." in text
    assert "H(category | cell)" in text and "all frames" in text


def test_sizes_of_faces_and_a_damaged_list_of_films(tmp_path):
    sizes = {"a": np.array([[70, 80], [75, 90]]), "b": np.array([[69, 69]])}
    assert crop_figure(tmp_path / "crop.png", sizes).stat().st_size > 1000
    counts = [FilmCount("a", "a", "train", None, 50, 40)]
    write_film_counts(tmp_path, counts)
    assert read_film_counts(tmp_path) == counts
    (tmp_path / "films.csv").write_text("video_id,video\na,a\n")
    with pytest.raises(DataError, match=r"films\.csv cannot be read"):
        read_film_counts(tmp_path)


def test_the_command_says_which_rows_of_a_published_table_do_not_fit(tmp_path):
    text = page(tmp_path, "--shares", "affwild_lstm/5.1", "--shares", "affwild_lstm/5.3")
    assert "without cat_vgg16_fc1, cat_vgg16_fc2 the others do" in text and "0.7612" in text


def test_our_own_tables_are_checked_likewise_and_what_does_not_go_together_is_one_line(tmp_path):
    file = tmp_path / "table.csv"
    classes = ("neutral", "happy", "sad", "angry", "fear", "surprise", "disgust")
    rows = [("a", f"{name} (%)", 50.0) for name in classes] + [("a", "accuracy (%)", 50.0)]
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["system", "split", "metric", "mean"])
        writer.writerows([system, "test", metric, mean] for system, metric, mean in rows)
    found = read_recalls([str(file)])
    assert found.split == "test" and found.systems == ("a",) and found.recalls.tolist() == [[0.5] * 7]
    with pytest.raises(ConfigError, match="different splits"):
        read_recalls([str(file), "affwild_lstm/5.1"])
    with pytest.raises(ConfigError, match="prints no recall"):
        read_recalls(["affwild_lstm/5.2"])
    file.write_text("system,split,metric,mean\n")
    with pytest.raises(DataError, match="no table of recalls"):
        read_recalls([str(file)])
