"""Cards that are not there: what is planned for them, and what is said where they cannot be compiled for."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from emojax.engine import cards, roofline
from emojax.errors import ConfigError

HAS_PLUGIN = any(importlib.util.find_spec(f"jax_cuda{n}_plugin") for n in (12, 13))

_COMPILE = """
import jax, jax.numpy as jnp, sys
jax.config.update("jax_platforms", "cpu")
from emojax.engine import cards, mesh
devices = cards.devices(sys.argv[1])
x = jax.ShapeDtypeStruct((256, 256), jnp.bfloat16, sharding=mesh.replicated(mesh.data_mesh(devices)))
step = jax.jit(lambda x: jnp.tanh(x @ x).sum(), compiler_options={"xla_gpu_deterministic_ops": True})
print(devices[0].device_kind, step.lower(x).compile().memory_analysis().argument_size_in_bytes)
"""


@pytest.mark.skipif(HAS_PLUGIN, reason="JAX's CUDA plugin is here")
def test_a_missing_plugin_is_told_with_the_way_to_get_it():
    with pytest.raises(ConfigError, match=r"Cannot compile for h100 here: .*jax-cuda13-plugin.*ptxas"):
        cards.devices("h100")


@pytest.mark.skipif(not HAS_PLUGIN, reason="needs JAX's CUDA plugin (the extra cuda12 or cuda13); no card")
@pytest.mark.parametrize("name", cards.CARDS)
def test_xla_compiles_for_a_card_that_is_not_there(name):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": ""}
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE, name], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == "131072" and cards.CARDS[name].name in done.stdout


@pytest.mark.parametrize("name", cards.CARDS)
def test_the_limits_of_every_card_are_known(name):
    card = cards.CARDS[name]
    roof = roofline.of_device(card.name)
    assert roof.bandwidth == pytest.approx(card.bandwidth, rel=0.03)
    assert f"device_memory_size: {card.memory}" in cards.target_config(card)


def test_what_fits_is_said_with_its_figures():
    memory = cards.CARDS["h100"].memory
    assert cards.fit("h100", memory // 2).startswith("yes: 39.6 GiB of the 59.3 that JAX takes")
    assert "MEM_FRACTION=0.95" in cards.fit("h100", int(0.9 * memory))
    assert cards.fit("h100", memory).startswith("no: 79.1 GiB")
