"""float32 means float32, `run.deterministic` changes nothing on a CPU, and a silent copy is an error."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax import systems
from emojax.engine import inference, prefetch
from emojax.engine.compiler import compiler_options
from emojax.engine.loop import train
from emojax.engine.measure import random_batch
from emojax.engine.mesh import data_mesh
from emojax.engine.precision import described, full_products
from emojax.engine.run import Run
from tests.toy import make_config


def mesh():
    return data_mesh(jax.devices()[:1])


def make_run(dataset, **changes):
    config = make_config(dataset, **changes)
    return Run(config, systems.build(config, dataset.recipe), dataset, mesh())


def gpu_program(run) -> str:
    """The training step as a GPU's compiler gets it; nothing is compiled."""
    traced = run.train_step.trace(run.abstract_state(), random_batch(run))
    return traced.lower(lowering_platforms=("cuda",)).as_text()


def products(program: str) -> list[str]:
    """Lines of matrix products and convolutions."""
    return [s for s in program.splitlines() if "stablehlo.dot_general" in s or "stablehlo.convolution" in s]


def test_no_product_of_a_float32_step_may_be_rounded_to_tf32(dataset):
    lines = products(gpu_program(make_run(dataset, precision="float32")))
    assert len(lines) > 20
    assert [line for line in lines if "HIGHEST" not in line] == []


def test_bfloat16_keeps_the_fast_products(dataset):
    lines = products(gpu_program(make_run(dataset, precision="bfloat16")))
    half = [
        line for line in lines if "bf16" in line
    ]  # those that a loss wants in full float32 say so themselves
    assert len(half) > 20 and not any("HIGHEST" in line for line in half)


def test_the_precision_says_what_it_means():
    assert "never TF32" in described("float32") and "bfloat16" in described("bfloat16")
    with full_products("bfloat16"):
        assert jax.config.jax_default_matmul_precision is None


def test_deterministic_options_are_for_gpus_alone():
    class Gpu:
        platform = "cuda"

    class GpuMesh:
        devices = np.array([Gpu()])

    assert compiler_options(GpuMesh(), deterministic=True)["xla_gpu_deterministic_ops"] is True
    assert "xla_gpu_deterministic_ops" not in compiler_options(GpuMesh())
    assert compiler_options(mesh(), deterministic=True) == compiler_options(mesh())


@pytest.fixture(scope="module")
def silent_copies(dataset, tmp_path_factory):
    """Trains and evaluates with batches that stay on the host; returns the error of each."""

    def on_the_host(batch, mesh):
        return dict(batch)

    errors = {}
    with pytest.MonkeyPatch.context() as patch:
        run = make_run(dataset)
        variables = run.initial_state().variables
        patch.setattr(prefetch, "put_batch", on_the_host)
        workdir = tmp_path_factory.mktemp("silent")
        with pytest.raises(jax.errors.JaxRuntimeError) as errors["train"]:
            train(run.config, run.system, dataset, workdir, mesh=run.mesh, progress=False)
        with pytest.raises(jax.errors.JaxRuntimeError) as errors["evaluate"]:
            run.evaluate(variables)
    return {name: str(error.value) for name, error in errors.items()}


@pytest.mark.parametrize("part", ["train", "evaluate"])
def test_a_batch_that_was_not_put_on_the_device_is_an_error(silent_copies, part):
    assert "Disallowed host-to-device transfer" in silent_copies[part]


def test_variables_on_the_host_are_placed_once_and_not_with_every_batch(dataset, monkeypatch):
    run = make_run(dataset)
    variables = jax.device_get(run.initial_state().variables)
    placed = []
    place = inference.Predictor.place
    monkeypatch.setattr(
        inference.Predictor, "place", lambda self, v: placed.append(place(self, v)) or placed[-1]
    )
    metrics = run.evaluate(variables)  # with host arrays in the guarded call this raises
    assert len(placed) == 1 and 0 <= metrics["accuracy"] <= 1
    assert all(isinstance(x, jax.Array) for x in jax.tree.leaves(placed[0]))
