"""Rows one after another: what fails, is missing, is there already, or is stopped."""

from __future__ import annotations

from emojax.sweeps.outcome import DONE, FAILED, KEPT, MISSING, STOPPED
from emojax.sweeps.plan import Options, plan
from emojax.sweeps.sweep import run_tasks
from emojax.sweeps.tables import find_table
from tests.sweeps.runs import finish, write_data

ROWS = ("base7", "mtl_mse_classic", "mtl_ccc_classic")


def make_tasks(tmp_path, name="5.1", rows=ROWS):
    write_data(tmp_path / "data" / "affectnet")
    return plan(find_table(name), Options(out=tmp_path / "out", data=tmp_path / "data", rows=rows))


def sweep(tasks, run_row):
    """Statuses, and what was told after each row."""
    told = []
    outcomes = run_tasks(tasks, run_row, lambda so_far, left: told.append((len(so_far), left)))
    return [o.status for o in outcomes], told, outcomes


def test_one_row_that_fails_does_not_stop_the_others(tmp_path):
    def run_row(task):
        return (FAILED, "no luck") if task.row.name == "mtl_mse_classic" else finish(task)

    statuses, told, outcomes = sweep(make_tasks(tmp_path), run_row)
    assert statuses == [DONE, FAILED, DONE]
    assert outcomes[1].message == "no luck" and [n for n, _ in told] == [1, 2, 3]


def test_finished_rows_are_not_run_again(tmp_path):
    sweep(make_tasks(tmp_path), finish)
    ran = []
    statuses, _, _ = sweep(make_tasks(tmp_path), lambda task: ran.append(task))
    assert statuses == [KEPT] * 3 and not ran


def test_only_what_is_missing_runs_after_a_failure(tmp_path):
    sweep(make_tasks(tmp_path), lambda task: (FAILED, "") if task.row.name == "base7" else finish(task))
    ran = []

    def run_row(task):
        ran.append(task.row.name)
        return finish(task)

    assert sweep(make_tasks(tmp_path), run_row)[0] == [DONE, KEPT, KEPT]
    assert ran == ["base7"]


def test_a_row_without_data_is_not_run_and_the_others_are(tmp_path):
    tasks = make_tasks(tmp_path, "6.1", ("base7", "aw2_single", "emotion_gcn"))
    statuses, _, outcomes = sweep(tasks, finish)
    by_name = {o.task.row.name: o for o in outcomes}
    assert sorted(statuses) == sorted([DONE, MISSING, DONE])
    assert "affwild2" in by_name["aw2_single"].message


def test_a_stop_ends_the_sweep_at_that_row(tmp_path):
    answers = iter([finish, lambda task: (STOPPED, "")])
    statuses, _, _ = sweep(make_tasks(tmp_path), lambda task: next(answers)(task))
    assert statuses == [DONE, STOPPED]


def test_the_time_left_comes_from_the_rows_that_were_trained(tmp_path, monkeypatch):
    clock = iter([0.0, 10.0, 10.0, 30.0, 30.0, 60.0])
    monkeypatch.setattr("emojax.sweeps.sweep.time.monotonic", lambda: next(clock))
    _, told, _ = sweep(make_tasks(tmp_path), finish)
    assert told == [(1, 20.0), (2, 15.0), (3, 0.0)]
