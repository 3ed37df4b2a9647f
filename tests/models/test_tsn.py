"""Temporal segment networks: sizes of the specification, snippets that do not know of each other."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.models.backbones import create_backbone
from emojax.models.constants import init_with_constants
from emojax.models.tsn import TSN


def network(streams, channels=3, arch="resnet18", **options):
    make = lambda name: create_backbone(arch, dtype=jnp.float32, axis_name=None, module_name=name)  # noqa: E731
    vectors = {"scenes": 365, "attributes": 102}
    encoders = {s: functools.partial(make) for s in streams if s not in vectors}
    size = 64

    def inputs(batch, count, rng):
        return {
            s: rng.normal(size=(batch, count, vectors[s])).astype(np.float32)
            if s in vectors
            else rng.normal(size=(batch, count, size, size, channels)).astype(np.float32)
            for s in streams
        }

    return TSN(streams, encoders, 26, 3, **options), inputs


def fresh(net, x):
    """Variables; compiled, so that nothing but they is computed."""
    return jax.jit(lambda key: net.init(key, x, train=False))(jax.random.key(0))


@pytest.mark.parametrize(
    "streams, channels, published",
    [
        (("body", "context", "face", "scenes", "attributes"), 3, 34_188_852),
        (("body", "context", "face"), 10, 34_101_065),
    ],
)
def test_full_networks_with_an_embedding_have_the_published_number_of_parameters(
    streams, channels, published
):
    net, inputs = network(streams, channels, embedding=True)
    example = inputs(1, 1, np.random.default_rng(0))
    words = {"head": {"words": np.zeros((26, 300), np.float32)}}
    shapes = jax.eval_shape(lambda: init_with_constants(net, words, jax.random.key(0), example, train=False))
    assert sum(x.size for x in jax.tree.leaves(shapes["params"])) == published


def test_snippets_taken_one_at_a_time_conclude_as_all_at_once():
    net, inputs = network(("body",), arch="resnet_tiny", consensus="attention")
    x = inputs(2, 3, np.random.default_rng(0))
    variables = fresh(net, x)
    whole = net.apply(variables, x, train=False)
    parts = [
        net.apply(variables, {k: v[:, i : i + 1] for k, v in x.items()}, method="snippets") for i in range(3)
    ]
    again = net.apply(variables, jnp.concatenate(parts, axis=1), method="conclude")
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole, again)


def test_the_average_of_equal_snippets_is_the_snippet():
    net, inputs = network(("body",), arch="resnet_tiny")
    one = inputs(2, 1, np.random.default_rng(0))
    variables = fresh(net, one)
    five = {k: np.repeat(v, 5, axis=1) for k, v in one.items()}
    a, b = (net.apply(variables, x, train=False) for x in (one, five))
    for name in ("logits", "dimensions"):
        np.testing.assert_allclose(a[name], b[name], atol=1e-6)


def test_padding_rows_change_no_statistics():
    net, inputs = network(("body",), arch="resnet_tiny")
    x = inputs(3, 2, np.random.default_rng(0))
    variables = fresh(net, x)
    two = {k: v[:2] for k, v in x.items()}
    _, padded = net.apply(variables, x, train=True, mask=np.array([1, 1, 0.0]), mutable=["batch_stats"])
    _, alone = net.apply(variables, two, train=True, mask=np.ones(2), mutable=["batch_stats"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), padded, alone)
