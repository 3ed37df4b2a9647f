"""Convolutions over time and space by those of pictures: equal to XLA's; short clips keep their size at the start."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from emojax.models.volume_conv import VolumeConv, volume_conv


def of_xla(x, kernel):
    layout = ("NDHWC", "DHWIO", "NDHWC")
    return lax.conv_general_dilated(x, kernel, (1, 1, 1), "SAME", dimension_numbers=layout)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_output_and_both_gradients_are_those_of_a_convolution_of_volumes(frames):
    rng = np.random.default_rng(frames)
    x, kernel, weights = (
        jnp.asarray(rng.normal(size=shape), jnp.float32)
        for shape in ((2, frames, 4, 3, 5), (3, 3, 3, 5, 6), (2, frames, 4, 3, 6))
    )

    def all_of(conv):
        value, gradients = jax.value_and_grad(lambda *a: jnp.sum(conv(*a) * weights), (0, 1))(x, kernel)
        return conv(x, kernel), value, gradients

    ours, theirs = (jax.jit(all_of, static_argnums=0)(conv) for conv in (volume_conv, of_xla))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4, rtol=1e-5), ours, theirs)


@pytest.mark.parametrize("shape", [(32, 1, 2, 2, 64), (2, 2, 7, 7, 64)])
def test_at_the_start_outputs_are_twice_as_large_as_inputs_though_most_of_a_kernel_sees_padding(shape):
    """In mean square: a ReLU halves it again."""
    x = jax.random.normal(jax.random.key(0), shape)
    y, variables = jax.jit(VolumeConv(64).init_with_output)(jax.random.key(1), x)
    assert float(jnp.mean(y**2)) == pytest.approx(2, rel=0.1)
    assert not variables["params"]["bias"].any()
