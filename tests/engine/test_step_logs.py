"""The logs of a step are one array, and whoever reads them sees scalars by name."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.engine.mesh import data_mesh
from emojax.engine.runlog import LateLogs
from emojax.engine.state import TrainState
from emojax.engine.step import make_train_step


class Counting:
    """A program that learns nothing and logs."""

    def update(self, state, batch, key):
        logs = {"loss": jnp.float32(2.5), "z": state.step, "accuracy": jnp.bfloat16(0.5)}
        return state.replace(step=state.step + 1), logs


@pytest.fixture(scope="module")
def logs():
    step = make_train_step(Counting(), data_mesh(jax.devices()[:1]), seed=0)
    state = TrainState(jnp.int32(7), {}, {}, ())
    return step(state, {"mask": jnp.ones(1)})[1]


def test_the_logs_of_a_step_are_one_array(logs):
    (array,) = jax.tree.leaves(logs)
    assert array.shape == (3,) and array.dtype == jnp.float32


def test_they_read_as_scalars_by_name_in_the_order_of_the_program(logs):
    assert list(logs) == ["loss", "z", "accuracy"] and len(logs) == 3
    assert {name: float(value) for name, value in logs.items()} == {"loss": 2.5, "z": 7, "accuracy": 0.5}
    assert logs["z"].shape == () and "loss" in logs and "lost" not in logs
    with pytest.raises(KeyError, match="lost"):
        logs["lost"]


def test_a_log_fetches_them_with_one_copy(logs, monkeypatch):
    late, fetched, get = LateLogs(str), [], jax.device_get
    monkeypatch.setattr(jax, "device_get", lambda tree: fetched.append(jax.tree.leaves(tree)) or get(tree))
    late.push(1, logs, np.arange(2))
    late.flush()
    assert [len(leaves) for leaves in fetched] == [1]
    assert late.means() == {"loss": 2.5, "z": 7.0, "accuracy": 0.5}
