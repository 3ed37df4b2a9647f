"""What must hold on a GPU; `scripts/gpu_check` runs it there.

Without a GPU the tests are skipped. `EMOJAX_REHEARSE_GPU=1` runs them with a CPU in the place of the card.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from emojax import systems
from emojax.cli import load_config_file
from emojax.engine.loop import train
from emojax.engine.measure import random_batch
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.run import Run
from emojax.engine.runlog import read_log
from tests.toy import make_config

ROOT = pathlib.Path(__file__).resolve().parents[2]
REHEARSAL = bool(os.environ.get("EMOJAX_REHEARSE_GPU"))
CARDS = [d for d in jax.devices() if d.platform == ("cpu" if REHEARSAL else "gpu")]
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not CARDS, reason="needs a GPU: scripts/gpu_check")]

# One small system of each family, of the bodies one on skeletons, too.
SYSTEMS = {
    "faces": "configs/affectnet_gcn.py:demo",
    "people": "configs/emotic.py:emotic_bcfp_gcn_r18@demo",
    "bodies": "configs/bold.py:bold_rgb_b@demo",
    "skeletons": "configs/bold.py:bold_stgcn_spatial@demo",
    "sequences": "configs/sasefe.py:sase6_cnn_face_unfrozen_flat@demo",
    "face_videos": "configs/affwild.py:affwild_cnnm_small@demo",
    "face_gan": "configs/affwild_gan.py:affwild_reggan_small@demo",
}


def card():
    return data_mesh(CARDS[:1])


def one_step(spec, mesh, precision):
    """Loss, and the change of all parameters ``[P]``, of one step from the same state on the same batch."""
    config = load_config_file(spec)
    constant = {"optimizer.schedule": "constant", "optimizer.warmup_epochs": 0.0, "optimizer.name": "sgd"}
    fields = {
        "precision": precision,
        "batch_size": 8,
        "augment": "none",
        "run.deterministic": True,
        **constant,
    }
    config.update_from_flattened_dict(
        {k: v for k, v in fields.items() if k != "augment" or "augment" in config}
    )
    dataset = systems.stand_in_dataset(config)
    run = Run(config, systems.build(config, dataset.recipe), dataset, mesh)
    with jax.default_device(jax.devices("cpu")[0]):
        variables = jax.device_get(run.system.initial_variables(jax.random.key(0)))
    state = jax.device_put(run.program.init(variables), jax.sharding.NamedSharding(mesh, jax.P()))
    before = jax.device_get(state.params)
    state, logs = run.train_step(state, put_batch(random_batch(run), mesh))
    change = jax.tree.map(lambda a, b: np.ravel(a - b), jax.device_get(state.params), before)
    return float(logs["loss"]), np.concatenate(jax.tree.leaves(change))


@pytest.fixture(scope="module", params=SYSTEMS)
def steps(request):
    """The step of a family on the CPU in float32, on the card in float32, and there in bfloat16."""
    spec, cpu = SYSTEMS[request.param], data_mesh(jax.devices("cpu")[-1:])
    return {
        "cpu": one_step(spec, cpu, "float32"),
        "float32": one_step(spec, card(), "float32"),
        "bfloat16": one_step(spec, card(), "bfloat16"),
    }


def test_a_float32_step_is_that_of_a_cpu(steps):
    """Sums are added up in another order; TF32 factors would be off by 5e-4 each and fail here."""
    (expected, change), (loss, its_change) = steps["cpu"], steps["float32"]
    assert loss == pytest.approx(expected, rel=2e-5)
    assert np.linalg.norm(its_change - change) <= 2e-3 * np.linalg.norm(change)


def test_a_bfloat16_step_goes_the_way_of_a_float32_step(steps):
    (expected, change), (loss, its_change) = steps["float32"], steps["bfloat16"]
    assert loss == pytest.approx(expected, rel=0.05)
    cosine = its_change @ change / np.linalg.norm(its_change) / np.linalg.norm(change)
    assert cosine > 0.9


def test_float32_products_keep_their_digits_and_tf32_would_not():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 256, 256))
    x, y = (jax.device_put(v.astype(np.float32), CARDS[0]) for v in (a, b))
    exact = x.astype(jnp.float32)
    expected = np.asarray(exact, np.float64) @ np.asarray(y, np.float64)

    def worst(precision):
        return np.abs(np.asarray(jnp.matmul(x, y, precision=precision), np.float64) - expected).max()

    assert worst("highest") < 1e-4
    if not REHEARSAL:
        assert worst("tensorfloat32") > 10 * worst("highest")


@pytest.mark.parametrize("schedule", ["constant", "step", "milestone", "cosine", "inverse_time"])
def test_the_step_is_compiled_once_under_every_schedule(dataset, tmp_path, schedule):
    config = make_config(dataset, optimizer__schedule=schedule, num_epochs=1, batch_size=45)
    system = systems.build(config, dataset.recipe)
    assert train(config, system, dataset, tmp_path, mesh=card(), progress=False).compilations == 1


def test_the_step_is_compiled_once_although_the_learning_rate_falls_with_the_validation_loss():
    config = load_config_file(SYSTEMS["face_videos"])
    config.update_from_flattened_dict({"optimizer.schedule": "plateau", "optimizer.plateau_patience": 0})
    dataset = systems.stand_in_dataset(config)
    run = Run(config, systems.build(config, dataset.recipe), dataset, card())
    state, batch = run.initial_state(), put_batch(random_batch(run), run.mesh)
    for loss in (1.0, 2.0, 3.0):
        state, _ = run.train_step(state, batch)
        state = run.after_evaluation(state, {"loss": loss})
    assert int(state.step) == 3 and run.train_step._cache_size() == 1


def command(dataset, workdir):
    fields = {
        "data_dir": dataset.path,
        "align": "",
        "image_size": 32,
        "batch_size": 9,
        "eval_batch_size": 21,
        "num_epochs": 3,
        "run.deterministic": True,
        "run.log_every": 1,
        "run.checkpoint_every_steps": 4,
    }
    changes = [f"--config.{k}={v}" for k, v in fields.items()]
    config = ["--config", "configs/affectnet_gcn.py:demo"]
    return [sys.executable, "-m", "emojax.train", *config, *changes, "--workdir", str(workdir)]


def start(dataset, workdir):
    # This process holds memory of the card, too.
    ours = {"XLA_FLAGS": "", "XLA_PYTHON_CLIENT_PREALLOCATE": "false", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command(dataset, workdir), cwd=ROOT, env={**os.environ, **ours}, stdout=subprocess.DEVNULL
    )


def final_state(workdir):
    steps = [int(p.name) for p in (workdir / "checkpoints").iterdir() if p.name.isdigit()]
    with ocp.StandardCheckpointer() as reader:
        return max(steps), reader.restore((workdir / "checkpoints" / str(max(steps)) / "state").absolute())


def test_a_killed_run_resumes_bit_for_bit_in_another_process(dataset, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(dataset, whole).wait(300) == 0
    process = start(dataset, killed)
    while process.poll() is None and not any(row["step"] >= 6 for row in read_log(killed)):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert start(dataset, killed).wait(300) == 0
    (step, expected), (its_step, actual) = final_state(whole), final_state(killed)
    assert step == its_step == 30
    different = jax.tree.map(lambda a, b: not np.array_equal(a, b), expected, actual)
    assert not any(jax.tree.leaves(different))
