"""Programs: two optimisers that alternate, and a state that never makes the step compile anew."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh
from emojax.engine.run import Run
from tests.engine.adversarial_toy import AdversarialToy
from tests.toy import make_config


def run(dataset, workdir, *, devices=1, **changes):
    config = make_config(dataset, num_epochs=12, **changes)
    mesh = data_mesh(jax.devices()[:devices])
    return train(config, AdversarialToy(config, dataset), dataset, workdir, mesh=mesh, progress=False)


def leaves(tree):
    return {jax.tree_util.keystr(p): np.asarray(x) for p, x in jax.tree_util.tree_leaves_with_path(tree)}


@pytest.fixture(scope="module")
def uninterrupted(dataset, tmp_path_factory):
    return run(dataset, tmp_path_factory.mktemp("toy"))


def test_two_optimisers_alternate(dataset):
    config = make_config(dataset)
    r = Run(config, AdversarialToy(config, dataset), dataset, data_mesh(jax.devices()[:1]))
    batches = r.batches("train", train=True)
    state = r.initial_state()
    for moved, stays in (("critic", "regressor"), ("regressor", "critic")) * 2:
        before = leaves(state.params)
        batch = {k: jax.device_put(v) for k, v in next(batches).items()}
        state, _ = r.train_step(state, batch)
        changed = {
            name.split("'")[1] for name, x in leaves(state.params).items() if (x != before[name]).any()
        }
        assert changed == {moved}, f"{stays} moved"
    batches.close()
    assert int(state.opt_state["regressor"][0].count) == 2  # Adam counts its own steps
    assert set(state.opt_state) == {"regressor", "critic"}


def test_a_program_with_two_optimisers_is_compiled_once_and_learns(dataset, uninterrupted):
    assert uninterrupted.finished and uninterrupted.compilations == 1
    config = make_config(dataset)
    fresh = Run(config, AdversarialToy(config, dataset), dataset)
    before = fresh.evaluate(fresh.initial_state().variables)
    assert uninterrupted.metrics["rmse"] < 0.6 * before["rmse"]


@pytest.mark.parametrize("stops", [(3,), (4, 9)])
def test_a_program_with_two_optimisers_resumes_bit_for_bit(dataset, uninterrupted, tmp_path, stops):
    for stop in stops:
        assert not run(dataset, tmp_path, run__stop_after_steps=stop).finished
    resumed = leaves(run(dataset, tmp_path).state)
    expected = leaves(uninterrupted.state)
    assert expected.keys() == resumed.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)


def test_a_program_gives_the_same_state_on_eight_devices_as_on_one(dataset, uninterrupted, tmp_path):
    eight = leaves(run(dataset, tmp_path, devices=8).state)
    for name, value in leaves(uninterrupted.state).items():
        np.testing.assert_allclose(eight[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
