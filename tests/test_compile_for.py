"""What the training step of the main network may cost on a card, compiled ahead of time; bytes that kernels move."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys

import jax
import pytest

from emojax import systems
from emojax.cli import load_config_file
from emojax.engine.measure import random_batch
from emojax.engine.mesh import data_mesh
from emojax.engine.run import Run

SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "scripts"
PROGRAM = """
HloModule step

%sliced (p: f32[8,16]) -> f32[2,16] {
  %p = f32[8,16]{1,0} parameter(0)
  %s = f32[2,16]{1,0} slice(%p), slice={[0:2], [0:16]}
  ROOT %m = f32[2,16]{1,0} multiply(%s, %s)
}

%updated (whole: f32[8,16], part: f32[2,16], at: s32[]) -> f32[8,16] {
  %whole = f32[8,16]{1,0} parameter(0)
  %part = f32[2,16]{1,0} parameter(1)
  %at = s32[] parameter(2)
  ROOT %u = f32[8,16]{1,0} dynamic-update-slice(%whole, %part, %at, %at)
}

ENTRY %main (x: f32[8,16], i: s32[]) -> f32[8,16] {
  %x = f32[8,16]{1,0} parameter(0)
  %i = s32[] parameter(1)
  %first = f32[2,16]{1,0} fusion(%x), kind=kLoop, calls=%sliced
  %call = (bf16[2,16]{1,0}, u8[4096]{0}) custom-call(%first), custom_call_target="library"
  ROOT %last = f32[8,16]{1,0} fusion(%x, %first, %i), kind=kLoop, calls=%updated
}
"""


@pytest.fixture
def kernels(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import kernel_traffic

    return kernel_traffic.kernels


def test_a_slice_reads_what_it_takes_an_update_writes_what_it_puts_and_work_space_is_not_counted(kernels):
    part = 2 * 16 * 4
    found = {k.name: k.nbytes for k in kernels(PROGRAM)}
    assert found == {"first": 2 * part, "call": part + part / 2, "last": 2 * part + 4}


def test_every_network_that_is_compiled_or_run_on_a_card_has_a_batch_without_data(monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):  # the scripts set them
        monkeypatch.setenv(name, "")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import compile_for
    import gpu_check

    mesh = data_mesh(jax.devices()[:1])
    for spec in {*compile_for.NETWORKS.values(), *gpu_check.FAMILIES.values()}:
        config = load_config_file(str(SCRIPTS.parent / spec))
        config.batch_size = 2
        dataset = systems.stand_in_dataset(config)
        run = Run(config, systems.build(config, dataset.recipe), dataset, mesh)
        batch = random_batch(run)
        assert {*run.system.inputs.features, *run.system.inputs.columns} <= set(batch), spec
        assert {len(values) for values in batch.values()} == {2}, spec


@pytest.mark.ahead_of_time
@pytest.mark.skipif(importlib.util.find_spec("jax_cuda13_plugin") is None, reason="needs JAX's CUDA plugin")
@pytest.mark.skipif(shutil.which("ptxas") is None, reason="needs ptxas")
def test_the_step_of_emotion_gcn_keeps_its_budget_on_an_h200():
    command = [sys.executable, str(SCRIPTS / "compile_for.py"), "--networks", "gcn"]
    environment = {**os.environ, "XLA_FLAGS": ""}  # as users compile, not as tests do
    done = subprocess.run(
        command, cwd=SCRIPTS.parent, env=environment, capture_output=True, text=True, timeout=600
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["init_cpu_s"] < 20 and figures["step_cpu_s"] < 150
    assert figures["gigabytes"] < 112 and figures["kernels"] < 2300 and figures["temporaries_gib"] < 14
