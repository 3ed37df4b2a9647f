"""Sizes and parameter counts of the specifications."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import pytest

from emojax.errors import ConfigError
from emojax.models.backbones import backbone_names, create_backbone, feature_size


def abstract(name, size, channels=3, batch=2, **sizes):
    """Stage shapes (H, W, C) and parameter count, without running anything."""
    model = create_backbone(name, **sizes)
    x = jax.ShapeDtypeStruct((batch, size, size, channels), jnp.float32)
    stages, variables = jax.eval_shape(lambda x: model.init_with_output(jax.random.key(0), x, train=True), x)
    return {k: v.shape[1:] for k, v in stages.items()}, variables


def count(tree):
    return sum(math.prod(v.shape) for v in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("size", "sides"), [(227, (114, 57, 57, 28, 28, 14, 14, 7, 7)), (112, (56, 28, 28, 14, 14, 7, 7, 3, 3))]
)
def test_densenet121_has_the_sizes_and_parameters_of_the_spec(size, sides):
    stages, variables = abstract("densenet121", size)
    names = [
        "stem",
        "pool",
        *(f"{n}{i}" for i in (1, 2, 3) for n in ("denseblock", "transition")),
        "denseblock4",
    ]
    channels = (64, 64, 256, 128, 512, 256, 1024, 512, 1024)
    expected = {n: (s, s, c) for n, s, c in zip(names, sides, channels)}
    assert stages == {**expected, "features": expected["denseblock4"]}
    assert count(variables["params"]) == 6_953_856


@pytest.mark.parametrize("name", ["densenet121", "densenet169", "densenet_tiny"])
def test_feature_size_is_the_width_of_the_final_map(name):
    stages, _ = abstract(name, 64)
    assert stages["features"][-1] == feature_size(name)


def test_unknown_names_and_options_are_told_with_the_known_ones():
    with pytest.raises(ConfigError, match="densenet121"):
        create_backbone("densenet_121")
    with pytest.raises(ConfigError, match="growth_rate"):
        create_backbone("densenet121", growth=1)
    assert "densenet_tiny" in backbone_names()
