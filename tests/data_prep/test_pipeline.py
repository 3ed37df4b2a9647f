"""The shard pipeline: order, counting, refusal, recovery, whatever the data set."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import pathlib
import subprocess
import sys

import pytest

from data_prep.claim import Part
from data_prep.parallel import parallel_map
from data_prep.pipeline import (
    Record,
    Shard,
    default_num_shards,
    split_evenly,
    sum_skipped,
    write_shards,
)
from data_prep.split import read_columns
from emojax.data.example import decode_example
from emojax.data.tfrecord import TFRecordSource
from emojax.errors import DataError, OutputError, Skip
from tests.faults.disk import no_space

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class NumberFiles:
    """A source of text files with one number each; odd numbers are left out."""

    folder: str

    def read(self, items):
        for i in items:
            yield f"number {i}", pathlib.Path(self.folder, f"{i}.txt")

    def signature(self, item):
        return item.read_bytes() if item.exists() else b"-"

    def convert(self, item):
        if not item.exists():
            raise Skip("missing", item.name)
        value = int(item.read_text())
        if value % 2:
            raise Skip("odd", str(value))
        return Record({"value": value}, {"value": value, "name": item.name})


@pytest.fixture
def numbers(tmp_path) -> NumberFiles:
    folder = tmp_path / "raw"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i}.txt").write_text(str(100 + i))
    return NumberFiles(os.fspath(folder))


def shards(count: int = 4) -> list[Shard]:
    return [
        Shard("train", f"n-train.tfrecord-{i:05d}-of-{count:05d}", list(part), len(part))
        for i, part in enumerate(split_evenly(40, count))
    ]


def write(out, source, *, workers=1, parameters=None, inputs="same", plan=None, part=None):
    return write_shards(
        out,
        source,
        plan or shards(),
        parameters=parameters or {"size": 1},
        inputs=inputs,
        workers=workers,
        title="t",
        part=part,
    )


def contents(out: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.tfrecord-*-of-?????"))}


def test_records_come_in_order_and_skips_are_counted_with_an_example(tmp_path, numbers):
    pathlib.Path(numbers.folder, "6.txt").unlink()
    results = write(tmp_path / "out", numbers)
    source = TFRecordSource([tmp_path / "out" / result.file_name for result in results])
    values = [int(decode_example(source[i])["value"][0]) for i in range(len(source))]
    assert values == [value for value in range(100, 140, 2) if value != 106]
    columns = read_columns(tmp_path / "out", results, "train")
    assert columns["value"].tolist() == values and columns["name"].tolist() == [
        f"{v - 100}.txt" for v in values
    ]
    assert read_columns(tmp_path / "out", results, "test") == {}
    assert sum_skipped(results) == {
        "train": {"odd": (20, "number 1: 101"), "missing": (1, "number 6: 6.txt")}
    }


def test_the_number_of_workers_does_not_change_the_bytes(tmp_path, numbers):
    write(tmp_path / "one", numbers, workers=1)
    write(tmp_path / "three", numbers, workers=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


def test_a_second_run_keeps_finished_shards_and_mends_the_others(tmp_path, numbers):
    out = tmp_path / "out"
    first = write(out, numbers)
    before = contents(out)
    names = list(before)
    (out / names[0]).unlink()
    damaged = bytearray(before[names[1]])
    damaged[20] ^= 1
    (out / names[1]).write_bytes(damaged)
    (out / ".prepare" / f"{names[2]}.json").write_text("{broken")
    kept = (out / names[3]).stat().st_mtime_ns
    assert write(out, numbers) == first
    assert contents(out) == before
    assert (out / names[3]).stat().st_mtime_ns == kept


@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_a_shard_whose_columns_are_lost_is_made_again(tmp_path, numbers, damage):
    out = tmp_path / "out"
    first, before = write(out, numbers), contents(out)
    columns = read_columns(out, first, "train")
    file = out / ".prepare" / f"{first[1].file_name}.npz"
    file.unlink() if damage == "missing" else file.write_bytes(b"garbage")
    kept = (out / first[0].file_name).stat().st_mtime_ns
    assert write(out, numbers) == first and contents(out) == before
    again = read_columns(out, first, "train")
    assert all(again[name].tolist() == values.tolist() for name, values in columns.items())
    assert (out / first[0].file_name).stat().st_mtime_ns == kept


def test_a_folder_begun_before_there_were_columns_is_made_anew(tmp_path, numbers):
    """Notes of schema version 1 held the values themselves."""
    out = tmp_path / "out"
    first, before = write(out, numbers), contents(out)
    for note in (out / ".prepare").glob("n-*.json"):
        content = json.loads(note.read_text())
        note.write_text(json.dumps({**content, "columns": {"value": [1, 2]}}))
        note.with_suffix(".npz").unlink()
    assert write(out, numbers) == first and contents(out) == before


def test_other_parameters_are_refused_by_name(tmp_path, numbers):
    write(tmp_path / "out", numbers, parameters={"size": 64, "align": "none"})
    with pytest.raises(DataError, match=r"size 64 then, 48 now.*delete that folder"):
        write(tmp_path / "out", numbers, parameters={"size": 48, "align": "none"})


def test_changed_annotations_are_refused(tmp_path, numbers):
    write(tmp_path / "out", numbers, inputs="a")
    with pytest.raises(DataError, match="raw annotations changed"):
        write(tmp_path / "out", numbers, inputs="b")


def test_changed_raw_files_are_refused(tmp_path, numbers):
    missing = pathlib.Path(numbers.folder, "12.txt")
    content = missing.read_text()
    missing.unlink()
    write(tmp_path / "out", numbers)
    missing.write_text(content)
    with pytest.raises(DataError, match=r"raw files of n-train.tfrecord-00001-of-00004 changed"):
        write(tmp_path / "out", numbers)


def test_a_folder_with_other_data_is_refused(tmp_path, numbers):
    out = tmp_path / "out"
    out.mkdir()
    (out / "dataset.json").write_text("{}")
    with pytest.raises(DataError, match="not begun by this command"):
        write(out, numbers)
    assert (out / "dataset.json").read_text() == "{}"


def test_a_damaged_plan_is_refused(tmp_path, numbers):
    write(tmp_path / "out", numbers)
    (tmp_path / "out" / ".prepare" / "plan.json").write_text("{")
    with pytest.raises(DataError, match=r"plan.json is damaged"):
        write(tmp_path / "out", numbers)


def test_two_runs_at_once_are_refused(tmp_path, numbers):
    out = tmp_path / "out"
    write(out, numbers)
    with open(out / ".prepare" / "lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="Another preparation is writing"):
            write(out, numbers)


def test_parts_made_one_by_one_are_joined_to_the_same_bytes(tmp_path, numbers):
    whole = write(tmp_path / "whole", numbers)
    out = tmp_path / "parts"
    parts = [write(out, numbers, part=Part(i, 3)) for i in (3, 1, 2)]
    assert sorted(result.file_name for part in parts for result in part) == list(contents(out))
    times = {path: path.stat().st_mtime_ns for path in out.glob("*.tfrecord-*-of-?????")}
    assert write(out, numbers) == whole and contents(out) == contents(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_what_a_missing_part_would_have_made_is_made_by_the_join(tmp_path, numbers):
    whole = write(tmp_path / "whole", numbers)
    write(tmp_path / "parts", numbers, part=Part(2, 3))
    assert write(tmp_path / "parts", numbers) == whole


def test_more_parts_than_shards_leave_some_without_any(tmp_path, numbers):
    assert write(tmp_path / "out", numbers, part=Part(9, 9)) == []


def test_a_part_of_other_parameters_is_refused(tmp_path, numbers):
    write(tmp_path / "out", numbers, part=Part(1, 2))
    with pytest.raises(DataError, match="size 1 then, 2 now"):
        write(tmp_path / "out", numbers, part=Part(2, 2), parameters={"size": 2})


class _Busy:
    """Held open in another process: a run of one part, or of everything."""

    def __init__(self, out, part):
        code = (
            "import pathlib, sys, time; from data_prep.claim import Part, claimed\n"
            f"with claimed(pathlib.Path({os.fspath(out)!r}), {{'size': 1}}, 'same', {part!r}):\n"
            "    print('held', flush=True); time.sleep(600)"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout.readline() == "held\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def test_parts_run_at_the_same_time_and_exclude_only_what_would_write_the_same_shards(tmp_path, numbers):
    out = tmp_path / "out"
    with _Busy(out, Part(1, 3)):
        write(out, numbers, part=Part(2, 3))
        with pytest.raises(DataError, match=r"Part 1/3 of .* is being prepared already"):
            write(out, numbers, part=Part(1, 3))
        with pytest.raises(DataError, match=r"is being prepared in 3 parts\. Take --part I/3"):
            write(out, numbers, part=Part(2, 4))
        with pytest.raises(DataError, match="Another preparation is writing"):
            write(out, numbers)
    write(out, numbers, part=Part(4, 4))  # nobody is there any more, not even after a kill
    with _Busy(out, None), pytest.raises(DataError, match="Another preparation is writing"):
        write(out, numbers, part=Part(1, 4))


def test_full_disk_is_told_and_finished_shards_stay_valid(tmp_path, numbers):
    """/dev/full answers every write with 'no space left on device'."""
    reference, out = tmp_path / "reference", tmp_path / "out"
    write(reference, numbers)
    out.mkdir()
    (out / "n-train.tfrecord-00002-of-00004.tmp").symlink_to("/dev/full")
    with pytest.raises(DataError, match="No space left on device"):
        write(out, numbers)
    complete = contents(reference)
    assert all(complete[name] == data for name, data in contents(out).items())
    (out / "n-train.tfrecord-00002-of-00004.tmp").unlink(missing_ok=True)
    write(out, numbers)
    assert contents(out) == complete


def test_a_disk_too_full_for_the_plan_is_told_and_the_folder_is_not_claimed(tmp_path, numbers, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("emojax.files.os.fsync", no_space)
        with pytest.raises(OutputError, match=r"plan\.json: No space left on device"):
            write(tmp_path, numbers)
    assert not list(tmp_path.rglob("*.json*"))
    write(tmp_path, numbers)


def test_a_killed_worker_is_told(tmp_path):
    with pytest.raises(DataError, match="fewer --workers"):
        list(parallel_map(_die, [1, 2], workers=2, total=2, title="t"))


def _die(task):
    os._exit(9)


def test_shards_are_even_and_follow_from_the_size_alone():
    assert [len(part) for part in split_evenly(10, 4)] == [2, 3, 2, 3]
    assert split_evenly(2, 5) == [range(0, 1), range(1, 2)]
    assert (default_num_shards(100), default_num_shards(6000), default_num_shards(414_799)) == (1, 16, 102)
