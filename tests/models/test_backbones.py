"""Sizes and parameter counts of the specifications."""

from __future__ import annotations

import math
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.models.backbones import backbone_names, create_backbone, feature_size
from emojax.pretrained.layouts import flatten, unflatten
from tests.models import golden


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


# Parameters of the trunk and side of the final map, from the specs (context_emotion 2.2, affwild_cnn_rnn 2.2
# and 2.3, image_sequences 2.1, affwild_gan 2.1, emotion_gcn 2.4) and, for the others, torchvision's totals
# less the classifier.
@pytest.mark.parametrize(
    ("name", "size", "channels", "parameters", "side"),
    [
        ("densenet169", 224, 3, 14_149_480 - 1665 * 1000, 7),
        ("resnet18", 224, 3, 11_176_512, 7),
        ("resnet18", 224, 10, 11_198_464, 7),
        ("resnet18", 224, 15, 11_214_144, 7),
        ("resnet34", 224, 3, 21_797_672 - 513 * 1000, 7),
        ("resnet50", 227, 3, 23_508_032, 8),
        ("resnet101", 96, 3, 44_549_160 - 2049 * 1000, 3),
        ("wide_resnet18_places", 224, 3, 11_176_512, 14),
        ("vgg16", 72, 3, 14_714_688, 2),
        ("vgg16_bn", 224, 3, 138_365_992 - 123_642_856, 7),
        ("vgg19", 72, 3, 20_024_384, 2),
        ("vgg19_bn", 224, 3, 143_678_248 - 123_642_856, 7),
        ("vggface", 96, 3, 14_714_688, 3),
        ("xception", 72, 3, 20_861_480 - 54_528, 3),
        ("breg_next50", 112, 3, 3_071_664, 28),
        ("cnn_m", 224, 3, 6_528_640 + 3_776, 7),
        ("cnn_m", 96, 3, 6_528_640 + 3_776, 3),
        ("cnn_m", 64, 3, 6_528_640 + 3_776, 2),
    ],
)
def test_backbones_have_the_sizes_and_parameters_of_the_specs(name, size, channels, parameters, side):
    stages, variables = abstract(name, size, channels)
    assert stages["features"] == (side, side, feature_size(name))
    assert count(variables["params"]) == parameters


def test_published_classifiers_complete_the_published_totals():
    def total(name, size=224, **heads):
        return count(abstract(name, size, **heads)[1]["params"])

    assert total("densenet121", num_classes=1000) == 7_978_856
    assert total("densenet121", num_classes=7) == 6_961_031
    assert total("resnet50", num_classes=1000) == 25_557_032
    assert total("vgg16", num_classes=1000) == 138_357_544
    assert total("breg_next50", 112, num_classes=7) == 3_072_567
    assert total("vggface", num_classes=2622) == 145_002_878
    assert total("xception", 299, num_classes=1000) == 22_910_480 - 54_528
    assert (
        total("wide_resnet18_places", num_classes=365, num_attributes=102)
        == 11_176_512 + 513 * 365 + 512 * 102
    )


def test_tiny_densenet_turns_64_pixels_into_4():
    stages, variables = abstract("densenet_tiny", 64)
    assert stages["features"] == (4, 4, feature_size("densenet_tiny"))
    assert count(variables["params"]) < 100_000


def test_rematerialised_blocks_give_the_same_loss_and_gradients():
    x = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype(np.float32)
    sizes = {"block_sizes": (2,), "growth_rate": 4, "stem_features": 8, "num_classes": 3}
    nets = [create_backbone("densenet121", remat=remat, **sizes) for remat in (False, True)]
    shapes = jax.eval_shape(lambda: nets[0].init(jax.random.key(0), x, train=False))
    variables = unflatten(golden.variables({p: leaf.shape for p, leaf in flatten(shapes).items()}))

    def step(net):
        def loss(params):
            stages, new = net.apply({**variables, "params": params}, x, train=True, mutable=["batch_stats"])
            return jnp.mean(jnp.square(stages["logits"])), new

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"])

    plain, remat = (step(net) for net in nets)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), remat, plain)


@pytest.mark.parametrize("name", ["densenet_tiny", "resnet_tiny", "breg_next_tiny"])
def test_bfloat16_computes_the_maps_and_leaves_parameters_and_logits_in_float32(name):
    net = create_backbone(name, num_classes=3, dtype=jnp.bfloat16)
    x = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
    stages, variables = jax.eval_shape(lambda x: net.init_with_output(jax.random.key(0), x, train=True), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    assert stages.pop("logits").dtype == jnp.float32
    assert {leaf.dtype for leaf in stages.values()} == {jnp.dtype(jnp.bfloat16)}


def test_only_densenet_offers_rematerialisation():
    with pytest.raises(ConfigError, match="resnet18 has no option 'remat'"):
        create_backbone("resnet18", remat=True)


@pytest.mark.parametrize("name", ["densenet121", "resnet50", "xception", "vgg16"])
def test_shapes_and_counts_of_a_full_network_take_less_than_two_seconds(name):
    start = time.process_time()
    abstract(name, 224, num_classes=1000)
    assert time.process_time() - start < 2


def test_unknown_names_and_options_are_told_with_the_known_ones():
    with pytest.raises(ConfigError, match="densenet121"):
        create_backbone("densenet_121")
    with pytest.raises(ConfigError, match="growth_rate"):
        create_backbone("densenet121", growth=1)
    assert "densenet_tiny" in backbone_names()
