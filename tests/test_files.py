"""Small files are written whole or not at all, and damage is one line when they are read."""

from __future__ import annotations

import contextlib
import os
import time

import numpy as np
import pytest

from emojax.errors import CheckpointError, DataError, OutputError
from emojax.files import (
    read_json,
    read_npz,
    replacing,
    write_csv,
    write_json,
    write_npz,
    write_text,
)
from tests.faults.disk import no_space, small_files

WRITERS = {
    "text": lambda path: write_text(path, "new" * 1000),
    "json": lambda path: write_json(path, {"new": list(range(1000))}),
    "csv": lambda path: write_csv(path, ["a"], [[i] for i in range(1000)]),
    "npz": lambda path: write_npz(path, {"a": np.arange(1000), "sequences/b": np.ones(3)}),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_full_disk_at_any_moment_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, write, call):
    path = tmp_path / "file"
    path.write_text("old")
    with monkeypatch.context() as patch, contextlib.ExitStack() as stack:
        if call in ("fsync", "replace"):
            patch.setattr(os, call, no_space)
        elif call == "open":
            patch.setattr("pathlib.Path.open", no_space)
            patch.setattr("pathlib.Path.write_bytes", no_space)
        else:
            stack.enter_context(small_files(100))
        with pytest.raises(OutputError, match=r"Cannot write .*file: .*[Ff]ree some space"):
            write(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]
    write(path)
    assert path.stat().st_size > 1000 and os.listdir(tmp_path) == ["file"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "file", "old")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "file") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "file").read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_what_a_killed_writer_left_is_removed_and_that_of_a_living_one_is_kept(tmp_path):
    for name, age in {"file.1.tmp": 7200, "file.2.tmp": 10, "other.1.tmp": 7200}.items():
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    write_text(tmp_path / "file", "whole")
    assert sorted(os.listdir(tmp_path)) == ["file", "file.2.tmp", "other.1.tmp"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    write_text(tmp_path / "file", "")
    with pytest.raises(OutputError, match="Cannot write .*file/below: File exists"):
        write_text(tmp_path / "file" / "below", "")


def test_json_comes_back_as_it_was_written(tmp_path):
    content = {"a": [1, 2.5, None], "b": {"c": "ü\u2028"}}
    write_json(tmp_path / "x" / "y.json", content)
    assert read_json(tmp_path / "x" / "y.json", dict) == content


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "is damaged: it is no JSON"),
        (b"null", "is damaged: the file is null, not an object"),
        (b'{"a": 1', "is damaged: it is no JSON"),
        (b'{"a": "x"}', "is damaged: a is 'x', not an integer"),
        (b"\xff\xfe\x00", "is damaged: it is no JSON"),
        (b"[" * 100_000, "is damaged: it is no JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "is damaged: it is no JSON"),
    ],
)
def test_damaged_json_is_one_line_that_names_the_file_and_how_to_mend_it(tmp_path, data, message):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_json(tmp_path / "x.json", dict[str, int], error=CheckpointError, mend="Delete it.")
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "x.json")) and text.endswith(". Delete it.") and "\n" not in text


def test_a_missing_file_a_folder_and_a_pipe_are_one_line(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, reason in {
        "none": "No such file",
        "": "not a regular file",
        "pipe": "not a regular file",
    }.items():
        with pytest.raises(DataError, match=f"Cannot read .*{reason}"):
            read_json(tmp_path / name, dict)


def test_arrays_come_back_and_a_damaged_archive_is_one_line(tmp_path):
    arrays = {"a": np.arange(600, dtype=np.int32), "sequences/b": np.array(["x", "yy"])}
    for compressed in (False, True):
        path = tmp_path / f"{compressed}.npz"
        write_npz(path, arrays, compressed=compressed)
        back = read_npz(path)
        assert back.keys() == arrays.keys() and all(np.array_equal(back[k], arrays[k]) for k in arrays)
        whole = path.read_bytes()
        rng = np.random.default_rng(0)
        for position in rng.choice(len(whole), 60, replace=False):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << int(rng.integers(8))
            path.write_bytes(flipped)
            try:
                found = read_npz(path)
            except DataError as error:
                assert str(error).startswith(f"Cannot read {path}")
            else:  # a bit that carries no data, e.g. of the time stamp
                assert all(np.array_equal(found.get(k), arrays[k]) for k in found)
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DataError, match="Cannot read"):
            read_npz(path)
