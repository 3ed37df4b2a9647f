"""Partial BN and frozen parts: the same few lines for any network and any family."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import emotic
from emojax import systems
from emojax.cli import load_config_file
from emojax.data.recipe import Recipe
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.step import make_train_step
from emojax.models.backbones import create_backbone
from emojax.models.freeze import later_batch_norms
from tests.systems.tiny import small_backbones

ROWS = 6


@pytest.fixture(autouse=True)
def backbones():
    with small_backbones():
        yield


def leaves(tree):
    return {jax.tree_util.keystr(p): np.asarray(x) for p, x in jax.tree_util.tree_leaves_with_path(tree)}


def random_batch(recipe: Recipe, names) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    batch = {"mask": np.ones(ROWS, np.float32), "index": np.arange(ROWS, dtype=np.int32)}
    batch["position"] = batch["index"]
    for name in names:
        feature = recipe.feature(name)
        shape = (ROWS, *feature.shape)
        if feature.kind == "image":
            batch[name] = rng.integers(0, 256, shape, dtype=np.uint8)
        elif feature.kind == "int":
            batch[name] = rng.integers(0, 7, shape).astype(np.int32)
        else:
            batch[name] = rng.uniform(0, 1, shape).astype(np.float32)
    batch["categories"] = (batch["categories"] > 0.5).astype(np.float32) if "categories" in names else 0
    return {name: value for name, value in batch.items() if not np.isscalar(value)}


def faces(backbone, **changes):
    config = load_config_file("configs/affectnet_baseline.py:base7@demo")
    config.update_from_flattened_dict({"image_size": 32, "batch_size": ROWS, "model.backbone": backbone})
    return with_changes(config, changes)


def people(**changes):
    config = emotic.get_config("emotic_bcfp_r18@demo")
    config.update_from_flattened_dict({"image_size": 32, "batch_size": ROWS, "model.streams": "body"})
    return with_changes(config, changes)


def with_changes(config, changes):
    always = {"optimizer.name": "sgd", "optimizer.weight_decay": 0.1, "optimizer.warmup_epochs": 0.0}
    config.update_from_flattened_dict({**always, **{k.replace("__", "."): v for k, v in changes.items()}})
    return config


def moved_and_kept(config) -> tuple[set[str], set[str]]:
    """Names of the variables that one step with weight decay changes, and of those that it does not."""
    recipe = systems.stand_in(config)
    system = systems.build(config, recipe)
    mesh = data_mesh(jax.devices()[:1])
    program = system.program(10)
    state = program.init(system.initial_variables(jax.random.key(0)))
    # Scales of one and biases of zero hide what moves them; every leaf gets values of its own.
    params = jax.tree.map(
        lambda x: x + 0.01 + 0.01 * jnp.arange(x.size).reshape(x.shape) / x.size, state.params
    )
    state = state.replace(params=params)
    before = leaves(state.variables)
    batch = put_batch(random_batch(recipe, (*system.inputs.features, *system.inputs.columns)), mesh)
    after = leaves(make_train_step(program, mesh, 0)(state, batch)[0].variables)
    moved = {name for name in before if (before[name] != after[name]).any()}
    return moved, before.keys() - moved


@pytest.mark.parametrize(
    ("backbone", "first", "remat"),
    [("resnet_tiny", "bn1", False), ("densenet_tiny", "norm0", False), ("densenet_tiny", "norm0", True)],
)
def test_partial_bn_keeps_statistics_scale_and_bias_of_all_batch_norms_but_the_first(backbone, first, remat):
    moved, kept = moved_and_kept(faces(backbone, model__partial_bn=True, model__remat=remat))
    top = {n for n in moved | kept if f"['backbone']['{first}']" in n}
    assert len(top) == 4 and top <= moved  # scale, bias, mean, var
    others = {n for n in moved | kept if n.endswith(("['scale']", "['mean']", "['var']"))} - top
    others |= {n.replace("['scale']", "['bias']") for n in others if n.endswith("['scale']")}
    assert len(others) >= 4 * 5 and others == kept  # and nothing else stays


def test_without_partial_bn_every_variable_moves():
    assert not moved_and_kept(faces("resnet_tiny"))[1]


def test_partial_bn_of_people_keeps_the_norms_of_the_image_streams_alone():
    moved, kept = moved_and_kept(people(model__partial_bn=True))
    top = {n for n in moved | kept if "['body']['bn1']" in n}
    assert len(top) == 4 and top <= moved
    later = {n for n in moved | kept if "['body']['layer" in n and ("['bn" in n or "_bn']" in n)}
    assert later and later == kept


def test_a_frozen_backbone_keeps_parameters_and_statistics_in_any_family():
    moved, kept = moved_and_kept(faces("resnet_tiny", optimizer__factors__backbone=0.0))
    assert kept == {n for n in moved | kept if "['backbone']" in n} and moved
    moved, kept = moved_and_kept(people(optimizer__factors__body=0.0))
    assert kept == {n for n in moved | kept if "['body']" in n} and moved


def test_the_backward_pass_through_a_frozen_backbone_is_left_out():
    def flops(**changes):
        config = faces("resnet_tiny", **changes)
        recipe = systems.stand_in(config)
        system = systems.build(config, recipe)
        mesh, program = data_mesh(jax.devices()[:1]), system.program(10)
        state = jax.eval_shape(lambda key: program.init(system.init(key)), jax.random.key(0))
        batch = random_batch(recipe, (*system.inputs.features, *system.inputs.columns))
        return make_train_step(program, mesh, 0).lower(state, batch).compile().cost_analysis()["flops"]

    assert flops(optimizer__factors__backbone=0.0) < 0.5 * flops()


def test_the_first_batch_norm_is_the_one_that_runs_first():
    later = later_batch_norms("backbone", create_backbone("densenet_tiny"), jnp.zeros((1, 32, 32, 3)))
    assert ("backbone", "norm0") not in later and ("backbone", "norm5") in later
    assert ("backbone", "denseblock1", "denselayer1", "norm1") in later
