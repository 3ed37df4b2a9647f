"""The training loop: when it stops, what it has saved then, and what it never saves."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import sys

import jax
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from emojax.engine import loop
from emojax.engine.checkpoint import Checkpoints
from emojax.engine.finite import require_finite
from emojax.engine.mesh import data_mesh
from emojax.engine.monitor import EarlyStopping, Monitor
from emojax.engine.plateau import scale_on_plateau
from emojax.engine.run import Run
from emojax.engine.runlog import read_log
from emojax.engine.state import TrainState
from emojax.engine.workdir import RECIPE_FILE, differences
from emojax.errors import ConfigError, TrainingError
from emojax.systems.base import SupervisedSystem
from emojax.train import closing_words
from tests.engine.adversarial_toy import AdversarialToy, regressor_loss
from tests.toy import make_config


class Toy(AdversarialToy):
    """Its validation error follows a script, one value an evaluation, by the step that was evaluated."""

    script: tuple[float, ...] = ()

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.evaluations = 0

    def metrics(self, outputs):
        self.evaluations += 1
        value = super().metrics(outputs)["rmse"]
        return {"rmse": self.script[self.evaluations - 1] if self.script else value}


class Supervised(Toy):
    """The regressor alone, by the program that every system gets from its config."""

    program = SupervisedSystem.program

    def loss(self, params, model_state, batch, key):
        return regressor_loss(params, batch, key), (model_state, {})


def run(dataset, workdir, *, system=Toy, evaluated=0, **changes):
    changes = {"num_epochs": 3, "monitor_direction": "smaller", **changes}
    config = make_config(dataset, **changes)
    toy = system(config, dataset)
    toy.evaluations = evaluated
    return loop.train(config, toy, dataset, workdir, mesh=data_mesh(jax.devices()[:1]), progress=False)


def steps(workdir):
    checkpoints = Checkpoints(workdir, "rmse", "smaller")
    found = checkpoints.steps()
    checkpoints.close()
    return found


def leaves(tree):
    return {jax.tree_util.keystr(p): np.asarray(x) for p, x in jax.tree_util.tree_leaves_with_path(tree)}


def assert_equal(a, b):
    a, b = leaves(a), leaves(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def evaluated_at(workdir):
    return [row["step"] for row in read_log(workdir) if row["kind"] == "eval"]


# -- Signals ------------------------------------------------------------------------------------------------------

# The functions that decide what is saved; the others are called from their lines.
FUNCTIONS = {"go", "_after_step"}


class SignalAtLine:
    """SIGTERM when the loop comes to a line of its own code for the `visit`-th time; all lines seen, in order."""

    def __init__(self, line: int | None = None, visit: int = 1):
        self.line, self.left, self.seen = line, visit, {}

    def __enter__(self):
        self._previous = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *exc):
        sys.settrace(self._previous)

    def _call(self, frame, event, argument):
        code = frame.f_code
        return self._line if code.co_filename == loop.__file__ and code.co_name in FUNCTIONS else None

    def _line(self, frame, event, argument):
        if event == "line":
            self.seen[frame.f_lineno] = self.seen.get(frame.f_lineno, 0) + 1
            if frame.f_lineno == self.line:
                self.left -= 1
                if self.left == 0:
                    os.kill(os.getpid(), signal.SIGTERM)
        return self._line


@pytest.fixture(scope="module")
def uninterrupted(dataset, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole")
    with SignalAtLine() as trace:
        result = run(dataset, workdir, num_epochs=2)
    return result, trace.seen


def test_a_signal_at_any_line_of_the_loop_ends_saved_and_the_run_resumes_bit_for_bit(
    dataset, uninterrupted, tmp_path
):
    whole, lines = uninterrupted
    assert len(lines) > 12
    resumed_ones = 0
    for line, visits in lines.items():
        workdir = tmp_path / str(line)
        with SignalAtLine(line, visit=(visits + 1) // 2):
            stopped = run(dataset, workdir, num_epochs=2)
        assert steps(workdir)[-1:] == ([stopped.step] if stopped.step else []), f"line {line}"
        if not stopped.finished and resumed_ones < 3:  # the others differ by nothing but the moment
            resumed_ones += 1
            assert_equal(run(dataset, workdir, num_epochs=2).state, whole.state)
    assert resumed_ones == 3


def test_a_run_that_stops_before_its_first_step_does_not_say_that_it_saved():
    before_the_first = loop.TrainResult(None, 0, False, "it was asked to", {}, None, 0, 0.0, 0.0)
    assert "nothing to save" in words(before_the_first)
    assert "saved" in words(dataclasses.replace(before_the_first, step=7))


@pytest.mark.parametrize(("schedule", "way"), [("cosine", "another --workdir"), ("step", "num_epochs=N")])
def test_a_finished_run_says_the_way_to_more_epochs_that_its_schedule_allows(schedule, way):
    finished = loop.TrainResult(None, 7, True, "all 2 epochs", {}, 7, 0, 0.0, 0.0)
    assert way in words(finished, schedule) and "before" not in words(
        dataclasses.replace(finished, compilations=1), schedule
    )


def words(result, schedule="constant"):
    return closing_words(result, pathlib.Path("runs/a"), ConfigDict({"optimizer": {"schedule": schedule}}))


# -- What is not finite -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 0])
def test_parameters_that_are_not_finite_are_never_saved(dataset, tmp_path, every):
    class Bursts(Toy):
        def program(self, steps_per_epoch):
            return Poisoned(super().program(steps_per_epoch), at=4)

    with pytest.raises(TrainingError, match=r"Step 4 made params/regressor/kernel NaN.*is kept"):
        run(dataset, tmp_path, system=Bursts, run__checkpoint_every_steps=every, run__stop_after_steps=4)
    assert steps(tmp_path) == ([3] if every else [])


def test_a_finite_state_that_has_exploded_is_not_saved():
    params = {"head": {"kernel": jax.numpy.array([0.5, -1e36])}}
    with pytest.raises(TrainingError, match=r"Step 3 made params/head/kernel as large as 1e\+36\. .*smaller"):
        require_finite(TrainState.create({"params": params}, ()), 3)


def test_an_infinite_moment_of_the_optimizer_is_not_saved_and_a_plateau_without_value_is():
    params = {"kernel": jax.numpy.ones(2)}
    moments, plateau = optax.adam(0.1).init(params), scale_on_plateau().init({})
    state = TrainState.create({"params": params}, (moments, plateau))
    require_finite(state, 3)
    exploded = jax.tree.map(lambda x: x + jax.numpy.inf if x.ndim else x, moments)
    with pytest.raises(TrainingError, match="Step 3 made the state of the optimizer NaN or infinite"):
        require_finite(state.replace(opt_state=(exploded, plateau)), 3)


class Poisoned:
    """A program whose parameters become NaN at one step although its loss is finite."""

    def __init__(self, program, at):
        self.program, self.at = program, at
        self.init, self.after_evaluation = program.init, program.after_evaluation

    def update(self, state, batch, key):
        state, logs = self.program.update(state, batch, key)
        params = dict(state.params)
        kernel = params["regressor"]["kernel"] * jax.numpy.where(state.step == self.at, jax.numpy.nan, 1.0)
        params["regressor"] = {**params["regressor"], "kernel": kernel}
        return state.replace(params=params), logs


# -- Cadence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"eval_every_epochs": 1}, [5, 10, 15]),
        ({"eval_every_epochs": 2}, [10, 15]),
        ({"eval_every_steps": 4}, [4, 8, 12, 15]),
        ({"eval_every_steps": 7, "eval_every_epochs": 1}, [7, 14, 15]),
    ],
)
def test_a_run_evaluates_every_so_many_epochs_or_steps_and_at_its_end(dataset, tmp_path, options, expected):
    run(dataset, tmp_path, **{f"run__{name}": value for name, value in options.items()})
    assert evaluated_at(tmp_path) == expected


# -- What is best -------------------------------------------------------------------------------------------------


class Scripted(Toy):
    script = (0.5, 0.3, 0.4, 0.3, 0.6, 0.3)


def test_the_best_of_a_smaller_is_better_metric_is_the_smallest_and_of_equal_ones_the_later(
    dataset, tmp_path
):
    assert run(dataset, tmp_path, system=Scripted, num_epochs=5).best_step == 20
    assert steps(tmp_path) == [20, 25]


def test_the_best_of_a_larger_is_better_metric_is_the_largest(dataset, tmp_path):
    result = run(dataset, tmp_path, system=Scripted, num_epochs=5, monitor_direction="larger")
    assert result.best_step == 25


def test_a_metric_that_is_nan_is_never_the_best():
    for direction in ("larger", "smaller"):
        monitor = Monitor("ccc", direction)
        assert monitor.score({"ccc": float("nan")}) < monitor.score({"ccc": -1.0})


def test_a_monitor_that_is_not_measured_is_one_line(dataset, tmp_path):
    class Misnamed(Toy):
        monitor = "accuracy"

    with pytest.raises(ConfigError, match="'accuracy', but the evaluation measures rmse"):
        run(dataset, tmp_path, system=Misnamed)


# -- Early stopping -----------------------------------------------------------------------------------------------


def test_a_run_stops_after_as_many_evaluations_without_improvement_as_it_has_patience(dataset, tmp_path):
    result = run(dataset, tmp_path, system=Scripted, num_epochs=6, early_stopping__patience=2)
    assert result.finished and result.step == 20 and evaluated_at(tmp_path) == [5, 10, 15, 20]
    assert "Finished at step 20 (early stopping: rmse has not improved since step 10, in 2" in words(result)
    again = run(dataset, tmp_path, system=Scripted, num_epochs=6, early_stopping__patience=2)
    assert again.step == 20 and again.finished  # nothing to do


def test_a_resumed_run_stops_early_at_the_same_step(dataset, tmp_path):
    for stop, evaluated in ((7, 0), (12, 1), (17, 2), (0, 3)):
        changes = {"num_epochs": 6, "early_stopping__patience": 2, "run__stop_after_steps": stop}
        result = run(dataset, tmp_path, system=Scripted, evaluated=evaluated, **changes)
    assert result.step == 20


def test_more_patience_trains_an_early_stopped_run_on(dataset, tmp_path):
    run(dataset, tmp_path, system=Scripted, num_epochs=6, early_stopping__patience=2)
    more = {"num_epochs": 6, "early_stopping__patience": 3}
    result = run(dataset, tmp_path, system=Scripted, evaluated=4, **more)
    assert result.step == 25 and result.finished


def test_an_improvement_smaller_than_min_delta_does_not_count():
    early = EarlyStopping(Monitor("accuracy"), patience=2, min_delta=0.01)
    for step, value in enumerate((0.5, 0.505, 0.509), 1):
        assert not early.stopped
        early.observe({"accuracy": value}, step)
    assert early.stopped


def test_without_patience_a_run_never_stops_early():
    early = EarlyStopping(Monitor("accuracy"), patience=0, min_delta=0.0)
    for step in range(1, 100):
        early.observe({"accuracy": float("nan")}, step)
    assert not early.stopped


def test_the_state_of_early_stopping_is_json_also_before_an_evaluation_and_after_nan_alone():
    early = EarlyStopping(Monitor("accuracy"), patience=1, min_delta=0.0)
    assert json.loads(json.dumps(early.state())) == early.state()
    early.observe({"accuracy": float("nan")}, 1)
    resumed = EarlyStopping(
        Monitor("accuracy"), 1, 0.0, json.loads(json.dumps(early.state(), allow_nan=False))
    )
    assert resumed.stopped and "has not improved at all" in resumed.reason()


# -- Longer runs -------------------------------------------------------------------------------------------------


def test_a_run_of_steps_crosses_epochs_resumes_and_gets_more_steps(dataset, tmp_path):
    changes = {"optimizer__schedule": "constant", "optimizer__warmup_epochs": 0.0, "run__eval_every_steps": 4}
    whole = run(dataset, tmp_path / "whole", num_steps=13, **changes)
    assert whole.step == 13 and evaluated_at(tmp_path / "whole") == [4, 8, 12, 13]
    assert "all 13 steps" in words(whole)
    assert run(dataset, tmp_path / "parts", num_steps=7, **changes).step == 7
    assert_equal(run(dataset, tmp_path / "parts", num_steps=13, **changes).state, whole.state)
    with pytest.raises(ConfigError, match=r"of 13 steps; it can get more, not fewer \(9 steps\)"):
        run(dataset, tmp_path / "parts", num_steps=9, **changes)


def num_epochs_of(workdir):
    return json.loads((workdir / RECIPE_FILE).read_text())["config"]["num_epochs"]


def test_a_finished_run_gets_more_epochs_as_if_it_had_been_given_them_at_first(dataset, tmp_path):
    for schedule in ("constant", "step", "milestone", "inverse_time"):
        changes = {
            "optimizer__schedule": schedule,
            "optimizer__decay_epochs": 1,
            "optimizer__decay_rate": 0.1,
        }
        changes |= {"system": Supervised, "optimizer__warmup_epochs": 0.5}
        workdir = tmp_path / schedule
        assert run(dataset, workdir, num_epochs=1, **changes).finished
        longer = run(dataset, workdir, num_epochs=2, **changes)
        assert_equal(
            longer.state, run(dataset, tmp_path / f"{schedule}-whole", num_epochs=2, **changes).state
        )
        assert num_epochs_of(workdir) == 2


def test_more_epochs_under_a_schedule_that_ends_with_the_run_and_fewer_epochs_are_refused(dataset, tmp_path):
    run(dataset, tmp_path / "cosine", num_epochs=1, optimizer__schedule="cosine")
    with pytest.raises(ConfigError, match=r"of 1 epoch.*'cosine'.*init_from"):
        run(dataset, tmp_path / "cosine", num_epochs=2, optimizer__schedule="cosine")
    run(dataset, tmp_path / "short", num_epochs=2, optimizer__schedule="constant")
    with pytest.raises(ConfigError, match=r"can get more, not fewer \(1 epoch\)"):
        run(dataset, tmp_path / "short", num_epochs=1, optimizer__schedule="constant")
    assert num_epochs_of(tmp_path / "short") == 2


def test_the_cadence_of_evaluations_belongs_to_a_run_on_a_plateau_alone():
    theirs = {"optimizer": {"schedule": "plateau"}, "run": {"eval_every_epochs": 1, "log_every": 5}}
    mine = {"optimizer": {"schedule": "plateau"}, "run": {"eval_every_epochs": 2, "log_every": 7}}
    assert differences(theirs, mine) == ["run.eval_every_epochs (1 there, 2 now)"]
    theirs["optimizer"] = mine["optimizer"] = {"schedule": "step"}
    assert differences(theirs, mine) == []


# -- One compilation ----------------------------------------------------------------------------------------------


def test_fresh_and_restored_states_are_alike_in_types_and_placement(dataset, tmp_path):
    stopped = run(dataset, tmp_path, run__stop_after_steps=3)
    config = make_config(dataset, num_epochs=3, monitor_direction="smaller")
    r = Run(config, Toy(config, dataset), dataset, data_mesh(jax.devices()[:1]))
    with contextlib.closing(r.checkpoints(tmp_path)) as checkpoints:
        restored = checkpoints.restore(3, r.abstract_state())
    fresh = r.initial_state()
    observed = r.after_evaluation(fresh, {"rmse": 0.5})
    for other in (restored, observed, stopped.state):
        for a, b in zip(jax.tree.leaves(fresh), jax.tree.leaves(other), strict=True):
            assert (a.aval.strip_weak_type(), a.weak_type, a.sharding) == (
                b.aval.strip_weak_type(),
                b.weak_type,
                b.sharding,
            )
