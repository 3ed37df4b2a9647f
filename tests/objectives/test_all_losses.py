"""Promises that every loss and every centre update keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from emojax.objectives.ccc import ccc_loss
from emojax.objectives.centres import centre_local_loss, centre_loss, update_centres
from emojax.objectives.contrastive import contrastive_loss
from emojax.objectives.cross_entropy import cross_entropy
from emojax.objectives.face_mask import face_mask_loss
from emojax.objectives.focal import focal_loss
from emojax.objectives.island import (
    euclidean_island_loss,
    island_loss,
    update_euclidean_island_centres,
    update_island_centres,
)
from emojax.objectives.regions import half_cross_entropy, half_squared_error
from emojax.objectives.regression import squared_error_loss
from emojax.objectives.soft_labels import logit_loss, soft_loss
from emojax.objectives.subclass import subclass_loss, update_subclass_centres
from emojax.objectives.va_centre import va_centre_local_loss
from tests.objectives.helpers import (
    C,
    D,
    append_garbage,
    assert_gradient_is_finite_difference,
    float32,
    make_batch,
)

WEIGHTS = np.float32([0.5, 0.1, 1, 0.25, 0.05])
_rng = np.random.default_rng(9)
CENTRES = _rng.normal(size=(C, D)).astype(np.float32)
SUB_CENTRES = _rng.normal(size=(C, 3, D)).astype(np.float32)

# name -> (what the network gives, loss of it and of the rest of the batch)
LOSSES = {
    "cross_entropy": ("logits", lambda x, b: cross_entropy(x, b["labels"], b["mask"], class_weights=WEIGHTS)),
    "cross_entropy_mean": (
        "logits",
        lambda x, b: cross_entropy(x, b["labels"], b["mask"], class_weights=WEIGHTS, reduction="mean"),
    ),
    "focal": ("logits", lambda x, b: focal_loss(x, b["labels"], b["mask"], class_weights=WEIGHTS)),
    "focal_half": ("logits", lambda x, b: focal_loss(x, b["labels"], b["mask"], gamma=0.5)),
    "soft": ("logits", lambda x, b: soft_loss(x, b["soft"], b["mask"])),
    "logit": ("logits", lambda x, b: logit_loss(x, b["soft"], b["mask"])),
    "logit_on_logits": ("logits", lambda x, b: logit_loss(x, b["soft"], b["mask"], on="logits")),
    "ccc": ("predicted_va", lambda x, b: ccc_loss(x, b["va"], b["mask"])),
    "ccc_parity": ("predicted_va", lambda x, b: ccc_loss(x, b["va"], b["mask"], bias_parity=True)),
    "squared_error": ("predicted_va", lambda x, b: squared_error_loss(x, b["va"], b["mask"])),
    "half_squared_error": ("g", lambda x, b: half_squared_error(x, b["half"], b["mask"])),
    "half_cross_entropy": ("g", lambda x, b: half_cross_entropy(x, b["half"], b["mask"])),
    "face_mask": ("mask_logits", lambda x, b: face_mask_loss(x, b["face_mask"], b["mask"])),
    "centre": ("features", lambda x, b: centre_loss(CENTRES, x, b["labels"], b["mask"])),
    "centre_sum": ("features", lambda x, b: centre_loss(CENTRES, x, b["labels"], b["mask"], reduction="sum")),
    "centre_local": ("features", lambda x, b: centre_local_loss(x, b["labels"], b["mask"], num_classes=C)),
    "island": ("features", lambda x, b: island_loss(CENTRES, x, b["labels"], b["mask"])),
    "euclidean_island": (
        "features",
        lambda x, b: euclidean_island_loss(CENTRES, x, b["labels"], b["mask"], margin=2.5),
    ),
    "subclass": ("features", lambda x, b: subclass_loss(SUB_CENTRES, x, b["labels"], b["mask"])),
    "va_centre": (
        "features",
        lambda x, b: va_centre_local_loss(x, b["labels"], b["va"], b["mask"], num_classes=C),
    ),
    "contrastive": ("features", lambda x, b: contrastive_loss(x, b["labels"], b["mask"], margin=3.0)),
}
UPDATES = {
    "centre": (CENTRES, update_centres),
    "island": (CENTRES, update_island_centres),
    "euclidean_island": (CENTRES, lambda *a: update_euclidean_island_centres(*a, margin=2.5)),
    "subclass": (SUB_CENTRES, lambda *a: update_subclass_centres(*a, margin=None)),
    "subclass_margin": (SUB_CENTRES, update_subclass_centres),
}
# Held constant by definition, so their finite differences differ: tested against loops in their own files.
STOPPED_MEANS = {"va_centre"}

every_loss = pytest.mark.parametrize("name", LOSSES)
every_update = pytest.mark.parametrize("name", UPDATES)


@pytest.mark.parametrize("name", [n for n in LOSSES if n not in STOPPED_MEANS])
def test_gradient_is_the_finite_difference(name):
    given, loss = LOSSES[name]
    batch = make_batch()
    assert_gradient_is_finite_difference(lambda x: loss(x, batch), batch[given])


@every_loss
def test_padding_counts_neither_in_the_value_nor_in_the_gradient(name):
    given, loss = LOSSES[name]
    batch = float32(make_batch())
    padded = append_garbage(batch)
    with_gradient = jax.jit(jax.value_and_grad(loss))
    value, gradient = with_gradient(batch[given], batch)
    padded_value, padded_gradient = with_gradient(padded[given], padded)
    np.testing.assert_allclose(padded_value, value, rtol=1e-6)
    np.testing.assert_allclose(padded_gradient[: len(gradient)], gradient, atol=1e-6)
    assert (padded_gradient[len(gradient) :] == 0).all()


@every_loss
def test_a_batch_of_padding_only_gives_a_finite_value_and_no_gradient(name):
    given, loss = LOSSES[name]
    batch = float32(make_batch())
    batch["mask"] = np.zeros_like(batch["mask"])
    value, gradient = jax.jit(jax.value_and_grad(loss))(batch[given], batch)
    assert np.isfinite(value) and (gradient == 0).all()


@every_loss
def test_bfloat16_inputs_are_summed_in_float32(name):
    given, loss = LOSSES[name]
    batch = float32(make_batch())
    x = jnp.asarray(batch[given], jnp.bfloat16)
    value = jax.jit(loss)(x, batch)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, jax.jit(loss)(x.astype(jnp.float32), batch), rtol=1e-6)


@every_loss
def test_eight_devices_give_the_gradient_of_one(name):
    """A linear layer under the loss; outputs gathered, gradients averaged: as the training step does."""
    given, loss = LOSSES[name]
    batch = float32(make_batch(batch=16))
    batch["mask"][13:] = 0  # devices with one real row and with none
    outputs = batch.pop(given)
    inputs = _rng.normal(size=(16, 3)).astype(np.float32)
    kernel = _rng.normal(size=(3, *outputs.shape[1:])).astype(np.float32)

    def loss_of(kernel, inputs, batch, axis):
        x = jnp.tensordot(inputs, kernel, 1, precision="highest")
        if axis:
            x, batch = jax.tree.map(lambda a: jax.lax.all_gather(a, axis, tiled=True), (x, batch))
        return loss(x, batch)

    def device_step(kernel, inputs, batch):
        value, gradient = jax.value_and_grad(loss_of)(kernel, inputs, batch, "data")
        return value, jax.lax.pmean(gradient, "data")

    step = jax.shard_map(
        device_step, mesh=_mesh(), in_specs=(P(), P("data"), P("data")), out_specs=P(), check_vma=False
    )
    value, gradient = jax.jit(step)(kernel, inputs, batch)
    one_value, one_gradient = jax.jit(jax.value_and_grad(loss_of), static_argnums=3)(
        kernel, inputs, batch, None
    )
    np.testing.assert_allclose(value, one_value, rtol=1e-6)
    np.testing.assert_allclose(gradient, one_gradient, atol=2e-6 * max(1, np.abs(one_gradient).max()))


@every_update
def test_eight_devices_move_centres_as_one(name):
    centres, update = UPDATES[name]
    batch = float32(make_batch(batch=16))
    batch["mask"][13:] = 0
    rows = batch["features"], batch["labels"], batch["mask"]

    def device_update(centres, *rows):
        return update(centres, *[jax.lax.all_gather(r, "data", tiled=True) for r in rows])

    step = jax.shard_map(
        device_update, mesh=_mesh(), in_specs=(P(), *(P("data"),) * 3), out_specs=P(), check_vma=False
    )
    np.testing.assert_allclose(jax.jit(step)(centres, *rows), jax.jit(update)(centres, *rows), atol=1e-6)


@every_update
def test_padding_does_not_move_centres(name):
    centres, update = UPDATES[name]
    batch = float32(make_batch())
    padded = append_garbage(batch)
    update = jax.jit(update)
    moved = update(centres, batch["features"], batch["labels"], batch["mask"])
    moved_padded = update(centres, padded["features"], padded["labels"], padded["mask"])
    assert (np.asarray(moved) != centres).any()
    np.testing.assert_allclose(moved_padded, moved, atol=1e-6)


def _mesh():
    assert len(jax.devices()) == 8
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
