"""AffectNet as people have it: unpacked in many ways, lists saved by spreadsheets, boxes and tags that mislead."""

from __future__ import annotations

import csv
import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from data_prep.affectnet.layout_2017 import IMAGE_FOLDER, LIST_FOLDER
from data_prep.affectnet.prepare import Options, main, prepare
from data_prep.affectnet.table import COLUMNS
from emojax.data.dataset import load_dataset
from emojax.data.decode import read_features, read_record
from emojax.errors import DataError

from .conftest import OPTIONS

_LISTS = ("training.csv", "validation.csv")


@pytest.fixture
def raw(raw_2017, tmp_path) -> pathlib.Path:
    """The drawn set with lists of its own, to be changed; the pictures are a link."""
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / IMAGE_FOLDER).symlink_to(raw_2017 / IMAGE_FOLDER)
    for name in _LISTS:
        shutil.copy(raw_2017 / name, folder)
    return folder


def expected(prepared: pathlib.Path) -> dict[str, str]:
    return {name: split.content_hash for name, split in load_dataset(prepared).splits.items()}


def hashes(raw: pathlib.Path, out: pathlib.Path, options: Options = OPTIONS) -> dict[str, str]:
    return {name: split.content_hash for name, split in prepare(raw, out, options)[0].splits.items()}


def rewrite(raw: pathlib.Path, change, names=_LISTS, **dialect) -> None:
    """Writes the lists again: `change` takes and gives the table [row][column], header first."""
    for name in names:
        with open(raw / name, newline="") as file:
            table = [row for row in csv.reader(file)]
        with open(raw / name, "w", newline="") as file:
            csv.writer(file, **dialect).writerows(change(table))


def edit_rows(raw: pathlib.Path, change, name="training.csv") -> None:
    """`change` takes one good row as a dict and edits it in place."""

    def edit(table):
        for row in table[1:]:
            if len(row) == len(COLUMNS):
                named = dict(zip(COLUMNS, row))
                change(named)
                row[:] = named.values()
        return table

    rewrite(raw, edit, [name])


# Where things are


def official(raw: pathlib.Path) -> pathlib.Path:
    """As the archives unpack: lists and pictures in folders of their own."""
    (raw / LIST_FOLDER).mkdir()
    for name in _LISTS:
        (raw / name).rename(raw / LIST_FOLDER / name)
    (raw / "Manually_Annotated_compressed").mkdir()
    (raw / IMAGE_FOLDER).rename(raw / "Manually_Annotated_compressed" / IMAGE_FOLDER)
    return raw


@pytest.mark.parametrize("below", ["", LIST_FOLDER, "Manually_Annotated_compressed", ".."])
def test_the_official_unpacking_is_found_also_from_a_folder_too_high_or_too_low(
    raw, prepared, tmp_path, below
):
    given = official(raw) / below
    out = tmp_path / "elsewhere" / "out"
    assert hashes(given, out) == expected(prepared)


@pytest.mark.parametrize("below", ["train_set", ".."])
def test_the_layout_of_2021_is_found_from_a_folder_too_high_or_too_low(raw_2021, tmp_path, below):
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "AffectNet").symlink_to(raw_2021)
    given = tmp_path / "top" / "AffectNet" / below if below != ".." else tmp_path / "top"
    assert prepare(given, tmp_path / "out", OPTIONS)[0].splits["train"].num_records > 50


def test_other_cases_and_backslashes_name_the_same_files(raw, raw_2017, prepared, tmp_path):
    (raw / "training.csv").rename(raw / "Training.CSV")
    rewrite(
        raw,
        lambda table: [
            table[0],
            *([row[0].replace("/", "\\").replace(".jpg", ".JPG"), *row[1:]] for row in table[1:]),
        ],
        ["Training.CSV", "validation.csv"],
    )
    dataset, _ = prepare(raw, tmp_path / "out", OPTIONS)
    labels = [
        read_features(load_dataset(f), "train", ["label"])["label"] for f in (tmp_path / "out", prepared)
    ]
    np.testing.assert_array_equal(*labels)
    assert dataset.skipped == load_dataset(prepared).skipped
    assert b"\\" not in read_record(dataset.source("train"), 0, ["source_id"])["source_id"][0]


def test_two_files_that_differ_in_case_alone_are_not_mixed_up(raw, raw_2017, tmp_path):
    (raw / IMAGE_FOLDER).unlink()
    shutil.copytree(raw_2017 / IMAGE_FOLDER, raw / IMAGE_FOLDER)
    with open(raw / "training.csv", newline="") as file:
        row = list(csv.reader(file))[6]
    picture = raw / IMAGE_FOLDER / row[0]
    for suffix in (".JPG", ".Jpg"):
        shutil.copy(picture, picture.with_suffix(suffix))
    picture.unlink()
    dataset, results = prepare(raw, tmp_path / "out", OPTIONS)
    assert dataset.skipped["train"]["missing_image"] == 2
    stem = picture.stem
    assert f"its folder holds {stem}.JPG, {stem}.Jpg" in results[0].skipped["missing_image"][1]


def test_the_example_of_a_missing_picture_says_what_is_near(raw, raw_2017, tmp_path):
    (raw / IMAGE_FOLDER).unlink()
    shutil.copytree(raw_2017 / IMAGE_FOLDER, raw / IMAGE_FOLDER)
    with open(raw / "validation.csv", newline="") as file:
        source = list(csv.reader(file))[1][0]
    (raw / IMAGE_FOLDER / source).rename((raw / IMAGE_FOLDER / source).with_suffix(".png"))
    _, results = prepare(raw, tmp_path / "out", OPTIONS)
    (example,) = [r.skipped["missing_image"][1] for r in results if r.split == "validation"]
    assert example.endswith(f"its folder holds {pathlib.Path(source).stem}.png")


def test_two_copies_of_the_data_are_refused_by_name(raw, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(raw, tmp_path / "top" / name, symlinks=True)
    with pytest.raises(DataError, match=r"more than one folder with training.csv .*top/one, .*top/two"):
        prepare(tmp_path / "top", tmp_path / "out", OPTIONS)


def test_lists_without_their_pictures_fail_at_once_and_say_what_is_near(raw, tmp_path):
    (raw / IMAGE_FOLDER).unlink()
    with pytest.raises(
        DataError, match=r"None of \d+ pictures .* e\.g\. p\d.*training\.csv line 2.*validation\.csv"
    ):
        prepare(raw, tmp_path / "out", OPTIONS)
    assert not (tmp_path / "out").exists()


# What the columns mean


@pytest.mark.parametrize(
    "change, dialect",
    [
        (lambda table: [[row[i] for i in range(len(row) - 1, -1, -1)] for row in table], {}),
        (lambda table: [["" if i == 0 else str(i), *row] for i, row in enumerate(table)], {}),
        (lambda table: [["Unnamed: 0" if i == 0 else str(i), *row] for i, row in enumerate(table)], {}),
        (lambda table: [[cell.lower() for cell in table[0]], *table[1:]], {}),
        (lambda table: [[cell.replace("_", " ").title() for cell in table[0]], *table[1:]], {}),
        (lambda table: [[*row, "note"] for row in table], {}),
        (lambda table: table, {"delimiter": "\t"}),
        (lambda table: table, {"delimiter": ";", "quoting": csv.QUOTE_ALL}),
        (lambda table: table, {"lineterminator": "\n", "quoting": csv.QUOTE_ALL}),
    ],
    ids=["reversed", "index", "unnamed", "lower", "spaces", "extra", "tabs", "semicolons", "quoted"],
)
def test_columns_are_read_by_their_names(raw, prepared, tmp_path, change, dialect):
    def keep_widths(table):
        return change([row for row in table if len(row) == len(COLUMNS)])

    rewrite(raw, keep_widths, **dialect)
    assert hashes(raw, tmp_path / "out") == expected(prepared)


def test_a_byte_order_mark_changes_nothing_with_and_without_header(raw, prepared, tmp_path):
    for name in _LISTS:
        data = (raw / name).read_bytes()
        if name == "validation.csv":
            data = data.split(b"\n", 1)[1]
        (raw / name).write_bytes(b"\xef\xbb\xbf" + data)
    assert hashes(raw, tmp_path / "out") == expected(prepared)


def test_codes_as_pandas_writes_them_are_read(raw, prepared, tmp_path):
    edit_rows(
        raw,
        lambda row: row.update(expression=f"{row['expression']}.0") if row["expression"].isdigit() else None,
    )
    assert hashes(raw, tmp_path / "out") == expected(prepared)


def test_valence_and_arousal_exchanged_with_their_names_keep_their_meaning(raw, prepared, tmp_path):
    rewrite(
        raw, lambda table: [[*row[:7], *row[:6:-1]] if len(row) == len(COLUMNS) else row for row in table]
    )
    assert (raw / "training.csv").read_text().splitlines()[0].endswith("expression,arousal,valence")
    assert hashes(raw, tmp_path / "out") == expected(prepared)


def test_valence_and_arousal_exchanged_in_a_list_without_header_are_noticed(raw, tmp_path):
    rewrite(raw, lambda table: [[*row[:7], *row[:6:-1]] for row in table[1:] if len(row) == len(COLUMNS)] * 4)
    with pytest.raises(
        DataError, match=r"training\.csv has no header, and its last two columns seem to be arousal"
    ):
        prepare(raw, tmp_path / "out", OPTIONS)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda table: [row[:6] + row[7:] for row in table], "has no column expression"),
        (lambda table: [[*row, row[7]] for row in table], "names valence twice"),
        (
            lambda table: [[str(i), *row] for i, row in enumerate(table[1:])],
            "no header, and its first row has 10 columns",
        ),
        (
            lambda table: [["x", *row[1:6], "happy", *row[7:]] for row in table[1:]],
            "No row .* expression is 'happy', not",
        ),
    ],
)
def test_a_list_that_cannot_be_understood_is_refused_before_anything_is_written(
    raw, tmp_path, change, message
):
    rewrite(raw, lambda table: change([row for row in table if len(row) == len(COLUMNS)]))
    with pytest.raises(DataError, match=message):
        prepare(raw, tmp_path / "out", OPTIONS)
    assert not (tmp_path / "out").exists()


def test_a_list_in_another_encoding_is_refused(raw, tmp_path):
    (raw / "training.csv").write_bytes((raw / "training.csv").read_text().encode("utf-16"))
    with pytest.raises(DataError, match="not written in UTF-8"):
        prepare(raw, tmp_path / "out", OPTIONS)


@pytest.mark.parametrize(
    "change, cause",
    [
        ({"valence": "0,5"}, "valence is '0,5', not a number"),
        ({"valence": ""}, "valence is '', not a number"),
        ({"expression": "1.5"}, "expression is '1.5', not a whole number"),
        ({"face_width": "wide"}, "face_width is 'wide', not a number"),
    ],
)
def test_the_example_of_a_bad_row_names_its_cause(raw, tmp_path, capsys, change, cause):
    rewrite(
        raw, lambda table: [table[0], list((dict(zip(COLUMNS, table[1])) | change).values()), *table[2:-2]]
    )
    arguments = ["--raw", str(raw), "--out", str(tmp_path / "out"), "--size", "48", "--workers", "1"]
    assert main(arguments) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert f"malformed_row 1 e.g. training.csv line 2: {cause}" in words


# What costs too much, or is not needed


def test_a_line_without_end_is_one_bad_row(raw, prepared, tmp_path):
    lines = (raw / "training.csv").read_bytes().splitlines(keepends=True)
    (raw / "training.csv").write_bytes(b"".join([*lines[:3], b"x," * 2_000_000 + b"\n", *lines[3:]]))
    dataset, results = prepare(raw, tmp_path / "out", OPTIONS)
    before = load_dataset(prepared)
    assert dataset.splits["train"].content_hash == before.splits["train"].content_hash
    assert dataset.skipped["train"]["malformed_row"] == before.skipped["train"]["malformed_row"] + 1
    assert (
        results[0].skipped["malformed_row"][1] == "training.csv line 4: the row is longer than 65,536 bytes"
    )


@pytest.mark.parametrize(
    "box",
    [
        {"face_width": "1e30", "face_height": "1e30"},
        {"face_width": "50000", "face_height": "50000"},
        {"face_x": "-1e30", "face_width": "2e30"},
        {"face_width": "1e9", "face_height": "1"},
    ],
)
def test_a_huge_face_box_is_skipped_and_counted(raw, prepared, tmp_path, box):
    rewrite(raw, lambda table: [*table, list((dict(zip(COLUMNS, table[1])) | box).values())])
    skipped = prepare(raw, tmp_path / "out", OPTIONS)[0].skipped["train"]
    assert skipped == {**load_dataset(prepared).skipped["train"], "huge_face_box": skipped["huge_face_box"]}
    assert skipped["huge_face_box"] == 1


@pytest.mark.parametrize("landmarks", ["", "nan;" * 135 + "nan", "0;0"])
def test_landmarks_are_not_demanded_where_faces_are_not_aligned(raw, tmp_path, landmarks):
    edit_rows(raw, lambda row: row.update(facial_landmarks=landmarks))
    dataset, _ = prepare(raw, tmp_path / "out", Options(size=48, align="none"))
    assert "bad_landmarks" not in dataset.skipped["train"]
    found = read_features(dataset, "train", ["landmarks", "landmarks_valid"])
    assert not found["landmarks"].any() and not found["landmarks_valid"].any()
    whole = read_features(dataset, "validation", ["landmarks_valid"])
    assert whole["landmarks_valid"].all()


def test_a_list_without_landmarks_goes_with_plain_crops_alone(raw, tmp_path):
    rewrite(raw, lambda table: [row[:5] + row[6:] for row in table if len(row) == len(COLUMNS)])
    with pytest.raises(DataError, match=r"no column facial_landmarks.*--align none"):
        prepare(raw, tmp_path / "out", OPTIONS)
    with pytest.raises(DataError, match="no column facial_landmarks"):
        prepare(raw, tmp_path / "out", Options(size=48, align="none", masks=True))
    assert prepare(raw, tmp_path / "out", Options(size=48, align="none"))[0].splits["train"].num_records > 50


# What pictures and annotation files may be


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_is_cut_where_its_box_says_whatever_its_exif_orientation(
    raw, raw_2017, prepared, tmp_path, orientation
):
    (raw / IMAGE_FOLDER).unlink()
    shutil.copytree(raw_2017 / IMAGE_FOLDER, raw / IMAGE_FOLDER)
    source = read_record(load_dataset(prepared).source("train"), 0, ["source_id"])["source_id"][0].decode()
    path = raw / IMAGE_FOLDER / source
    exif = Image.Exif()
    exif[0x0112] = orientation
    segment = exif.tobytes()
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:])
    assert Image.open(path).getexif()[0x0112] == orientation
    assert hashes(raw, tmp_path / "out") == expected(prepared)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04" + b"x" * 80, b"\x93NUMPY\x01\x00v\x00{'descr': (", b"", "pipe", "no code point"]
)
def test_a_damaged_annotation_file_of_2021_is_one_counted_row(raw_2021, tmp_path, content):
    raw = tmp_path / "raw"
    shutil.copytree(raw_2021, raw)
    path = min((raw / "val_set" / "annotations").glob("*_val.npy"))
    path.unlink()
    if content == "pipe":
        os.mkfifo(path)
    elif content == "no code point":
        np.save(path, np.array("0"))
        path.write_bytes(path.read_bytes()[:-4] + b"\xff" * 4)
    else:
        path.write_bytes(content)
    dataset, results = prepare(raw, tmp_path / "out", OPTIONS)
    assert dataset.skipped["validation"]["malformed_row"] == 1
    (example,) = [r.skipped["malformed_row"][1] for r in results if r.split == "validation"]
    assert "_val.npy" in example


def test_a_pipe_in_place_of_a_picture_is_counted(raw, raw_2017, tmp_path):
    (raw / IMAGE_FOLDER).unlink()
    shutil.copytree(raw_2017 / IMAGE_FOLDER, raw / IMAGE_FOLDER)
    with open(raw / "validation.csv", newline="") as file:
        source = list(csv.reader(file))[1][0]
    (raw / IMAGE_FOLDER / source).unlink()
    os.mkfifo(raw / IMAGE_FOLDER / source)
    assert prepare(raw, tmp_path / "out", OPTIONS)[0].skipped["validation"]["unreadable_image"] == 1
