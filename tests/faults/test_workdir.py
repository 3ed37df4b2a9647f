"""A work directory survives a full disk, a second command, a failed first try and a damaged log."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from emojax.engine.lock import RESULTS, locked
from emojax.engine.runlog import read_log
from emojax.errors import CheckpointError, ConfigError, DataError, EmojaxError, OutputError
from tests.faults.disk import small_files
from tests.faults.runs import is_one_line, metrics, rows_without_times, run


@pytest.mark.parametrize("room", [0, 1_000, 10_000])
def test_a_full_disk_ends_a_new_run_in_one_line_and_with_room_the_same_command_works(
    dataset, finished, tmp_path, room
):
    with small_files(room), pytest.raises((OutputError, CheckpointError)) as caught:
        run(dataset, tmp_path / "run")
    assert is_one_line(caught.value) and "same command" in str(caught.value)
    run(dataset, tmp_path / "run")
    assert rows_without_times(tmp_path / "run") == rows_without_times(finished)
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_full_disk_ends_an_evaluation_in_one_line_and_leaves_no_half_result(dataset, copy):
    (copy / "metrics.json").unlink(missing_ok=True)
    with small_files(10_000), pytest.raises(OutputError) as caught:
        metrics(dataset, copy)
    assert is_one_line(caught.value)
    assert not (copy / "metrics.json").exists() and not list(copy.rglob("*.tmp"))
    metrics(dataset, copy)
    assert json.loads((copy / "metrics.json").read_text())["step"] > 0


_HOLD = """
import pathlib, sys, time
from emojax.engine.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def test_two_trainings_in_one_folder_are_refused_with_the_name_of_the_holder_until_it_is_killed(
    dataset, copy
):
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(copy)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    before = (copy / "log.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=rf"in use by .*process {holder.pid} on .* since 20\d\d-") as caught:
        run(dataset, copy)
    assert is_one_line(caught.value) and (copy / "log.jsonl").read_bytes() == before
    holder.kill()
    holder.communicate()
    assert (copy / "lock").exists()  # stale, and holds nobody up
    assert run(dataset, copy).finished
    assert not (copy / "lock").exists()


def test_two_evaluations_in_one_folder_are_refused_and_one_beside_a_training_is_not(dataset, copy):
    with locked(copy, RESULTS), pytest.raises(ConfigError, match="in use by"):
        metrics(dataset, copy)
    with locked(copy):
        metrics(dataset, copy)


@pytest.mark.parametrize(
    "wrong", [{"init_from": "/nonexistent"}, {"sampler": "age"}, {"batch_size": -1}, {"seed": -1}]
)
def test_a_failed_first_try_leaves_nothing_behind_and_the_corrected_command_runs(dataset, tmp_path, wrong):
    with pytest.raises(EmojaxError):
        run(dataset, tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()
    assert run(dataset, tmp_path / "run", run__stop_after_steps=1).step == 1


def test_a_run_with_nan_in_its_config_resumes(dataset, tmp_path):
    from emojax.engine.workdir import require_own_config, write_recipe
    from tests.toy import make_config

    config = make_config(dataset, optimizer__weight_decay=float("nan"))
    write_recipe(tmp_path, config, dataset.recipe)
    require_own_config(tmp_path, config)
    with pytest.raises(ConfigError, match="weight_decay"):
        require_own_config(tmp_path, make_config(dataset))


@pytest.mark.parametrize(
    "content",
    ["", "null", "[]", "{", '{"name": "x"}', "\x00\x00", '{"optimizer": 1}', "wrong batch size", "no model"],
)
def test_a_damaged_recipe_is_one_line_for_training(dataset, copy, content):
    good = json.loads((copy / "recipe.json").read_text())
    changed = {"wrong batch size": {"batch_size": "many"}, "no model": {"model": None}}
    if content in changed:
        content = json.dumps(good | {"config": good["config"] | changed[content]})
    (copy / "recipe.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"recipe\.json is damaged: .*backup") as caught:
        run(dataset, copy)
    assert is_one_line(caught.value)


def test_a_damaged_recipe_costs_no_evaluation_for_checkpoints_hold_their_own_copy(dataset, copy):
    (copy / "recipe.json").write_text("{")
    assert metrics(dataset, copy)["accuracy"] >= 0


@pytest.mark.parametrize(
    "bad",
    [b"", b"{broken", b"null", b'{"step": 3}', b'{"kind": "train", "step": "x"}', b"\xff\xfe", b"[" * 5000],
)
def test_a_bad_line_in_the_middle_of_the_log_costs_no_other_row(dataset, finished, copy, bad):
    lines = (copy / "log.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "log.jsonl").write_bytes(b"".join([*lines[:2], bad + b"\n", *lines[2:]]))
    assert read_log(copy) == read_log(finished)
    run(dataset, copy)
    assert read_log(copy) == read_log(finished)
    assert bad in (copy / "log.jsonl").read_bytes().split(b"\n") or not bad


def test_line_separators_of_unicode_inside_a_text_are_no_line_ends(dataset, finished, copy):
    row = json.dumps({"kind": "start", "step": 0, "note": "a\u2028b\u0085c"}, ensure_ascii=False)
    log = (copy / "log.jsonl").read_text(encoding="utf-8")
    (copy / "log.jsonl").write_text(f"{row}\n{log}", encoding="utf-8")
    run(dataset, copy)
    assert read_log(copy) == [json.loads(row), *read_log(finished)]


def test_a_last_line_that_is_cut_off_is_dropped_and_a_whole_one_without_its_end_is_kept(
    dataset, finished, copy
):
    log = (copy / "log.jsonl").read_bytes()
    (copy / "log.jsonl").write_bytes(log + log[:20])
    run(dataset, copy)
    assert (copy / "log.jsonl").read_bytes() == log
    (copy / "log.jsonl").write_bytes(log[:-1])
    run(dataset, copy)
    assert (copy / "log.jsonl").read_bytes() == log


def test_a_pipe_in_place_of_the_log_is_one_line(dataset, copy):
    (copy / "log.jsonl").unlink()
    os.mkfifo(copy / "log.jsonl")
    with pytest.raises(EmojaxError, match="not a regular file"):
        run(dataset, copy)


def test_missing_checkpoints_beside_a_log_are_an_unmounted_disk(dataset, copy):
    shutil.rmtree(copy / "checkpoints")
    before = (copy / "log.jsonl").read_bytes()
    with pytest.raises(
        CheckpointError, match=r"log\.jsonl ends at step 15, but .*checkpoints holds no checkpoint"
    ):
        run(dataset, copy)
    (copy / "checkpoints").mkdir()  # the empty mount point
    with pytest.raises(CheckpointError, match="not mounted"):
        run(dataset, copy)
    assert (copy / "log.jsonl").read_bytes() == before
    (copy / "log.jsonl").unlink()
    assert run(dataset, copy, run__stop_after_steps=1).step == 1


def test_a_run_killed_before_its_first_checkpoint_starts_again(dataset, finished, tmp_path):
    run(dataset, tmp_path / "run", run__stop_after_steps=1)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    (tmp_path / "run" / "checkpoints").mkdir()
    (tmp_path / "run" / "log.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in read_log(finished)[:2])
    )
    run(dataset, tmp_path / "run")
    assert rows_without_times(tmp_path / "run") == rows_without_times(finished)


def test_a_work_directory_below_a_file_is_one_line(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((OutputError, DataError, ConfigError)) as caught:
        run(dataset, tmp_path / "file" / "run")
    assert is_one_line(caught.value)
