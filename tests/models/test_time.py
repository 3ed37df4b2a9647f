"""An axis of time: folded into the batch it gives the same, and mapped over it costs no memory."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.data.augment import PRESETS, augment, augment_mask
from emojax.models.dropout import dropout
from emojax.models.norm import BatchNorm
from emojax.models.pooling import global_pool
from emojax.models.time import fold_time, frame_keys, map_segments, unfold_time
from emojax.objectives.masking import masked_mean, real_rows

KEYS = jax.random.split(jax.random.key(0), 3)


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def test_folding_and_unfolding():
    tree = {"x": draw(3, 4, 5), "y": draw(3, 4)}
    folded = fold_time(tree)
    assert folded["x"].shape == (12, 5) and folded["y"].shape == (12,)
    jax.tree.map(np.testing.assert_array_equal, unfold_time(folded, 4), tree)


@pytest.mark.parametrize("shape", [(6,), (5, 5, 6)])
def test_batch_norm_of_frames_is_that_of_the_folded_batch(shape):
    x, mask = draw(3, 4, *shape) + 2, jnp.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0.0]])
    norm = BatchNorm()
    variables = norm.init(jax.random.key(0), x, train=False)
    out, state = norm.apply(variables, x, train=True, mask=mask, mutable=["batch_stats"])
    flat, flat_state = norm.apply(
        variables, fold_time(x), train=True, mask=mask.reshape(-1), mutable=["batch_stats"]
    )
    np.testing.assert_allclose(fold_time(out), flat, rtol=1e-6, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), state, flat_state)
    real = np.asarray(fold_time(x))[np.asarray(mask.reshape(-1)) > 0].reshape(-1, 6)
    np.testing.assert_allclose(state["batch_stats"]["mean"], 0.1 * real.mean(0), rtol=1e-5)


def test_a_mask_of_examples_counts_all_their_frames():
    x = draw(3, 4, 6)
    norm = BatchNorm()
    variables = norm.init(jax.random.key(0), x, train=False)
    states = [
        norm.apply(variables, x, train=True, mask=mask, mutable=["batch_stats"])[1]
        for mask in (jnp.array([1.0, 0, 1]), jnp.repeat(jnp.array([[1.0], [0], [1]]), 4, axis=1))
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), *states)


@pytest.mark.parametrize("preset", ["code", "full"])
def test_all_frames_of_an_example_are_augmented_alike(preset):
    frame = jnp.asarray(np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8, 3)), jnp.uint8)
    clips = jnp.repeat(frame, 4, axis=1)
    out = augment(KEYS, clips, PRESETS[preset])
    assert out.shape == clips.shape
    np.testing.assert_array_equal(out, np.repeat(out[:, :1], 4, axis=1))
    np.testing.assert_array_equal(out[:, 0], augment(KEYS, frame[:, 0], PRESETS[preset]))
    masks = (clips[..., 0] > 128).astype(jnp.uint8)
    moved = augment_mask(KEYS, masks, PRESETS[preset])
    np.testing.assert_array_equal(moved[:, 2], augment_mask(KEYS, masks[:, 2], PRESETS[preset]))


def test_frames_with_keys_of_their_own_are_augmented_as_pictures():
    clips = jnp.asarray(np.random.default_rng(0).integers(0, 256, (3, 4, 8, 8, 3)), jnp.uint8)
    keys = frame_keys(KEYS, 4)
    out = augment(keys, clips, PRESETS["full"])
    np.testing.assert_array_equal(
        fold_time(out), augment(keys.reshape(-1), fold_time(clips), PRESETS["full"])
    )
    assert (out[:, 0] != augment(keys[:, 1], clips[:, 0], PRESETS["full"])).any()


def test_dropout_of_frames_is_that_of_the_folded_batch():
    x, keys = jnp.ones((3, 4, 200)), frame_keys(KEYS, 4)
    out = dropout(x, keys, 0.25)
    np.testing.assert_array_equal(fold_time(out), dropout(fold_time(x), keys.reshape(-1), 0.25))
    assert abs(float((out > 0).mean()) - 0.75) < 0.05 and set(np.unique(out)) == {0, np.float32(1 / 0.75)}
    np.testing.assert_array_equal(dropout(x[1:2], keys[1:2], 0.25), out[1:2])  # its own key alone


def test_means_of_frames_leave_padding_out():
    values, mask = draw(3, 4).at[0, 3].set(jnp.nan), jnp.ones((3, 4)).at[0, 3].set(0)
    assert masked_mean(values, mask) == masked_mean(values.reshape(-1), mask.reshape(-1))
    padded = real_rows(jnp.full((3, 4, 2), jnp.nan), jnp.zeros((3, 4)))
    assert not padded.any()


def test_maps_of_frames_are_pooled():
    x = draw(3, 4, 5, 5, 2)
    for mode in ("max", "avg"):
        pooled = global_pool(x, mode=mode, final_relu=True)
        np.testing.assert_allclose(
            fold_time(pooled), global_pool(fold_time(x), mode=mode, final_relu=True), rtol=1e-6
        )


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        return {"logits": nn.Dense(4)(nn.relu(nn.Conv(32, (3, 3))(x)).mean((1, 2)))}


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
def test_segments_in_turn_give_what_all_at_once_give(at_once):
    net, x = Net(), draw(2, 7, 8, 8, 3)
    variables = net.init(jax.random.key(0), x[:, 0])
    mapped = map_segments(lambda part: net.apply(variables, part), x, at_once=at_once)
    folded = unfold_time(net.apply(variables, fold_time(x)), 7)
    np.testing.assert_allclose(mapped["logits"], folded["logits"], rtol=1e-5, atol=1e-6)


def test_the_memory_of_an_evaluation_does_not_grow_with_the_segments():
    def wide(x):  # 64 sorted values for each of its own: XLA keeps what it sorts in memory
        return jnp.sort(x[..., None] * jnp.arange(64.0), axis=1).sum((1, 2, 3, 4))

    def temporary(time, predict):
        shape = jax.ShapeDtypeStruct((2, time, 32, 32, 3), jnp.float32)
        return jax.jit(predict).lower(shape).compile().memory_analysis().temp_size_in_bytes

    def at_once(x):
        return unfold_time(wide(fold_time(x)), x.shape[1])

    few, many = (temporary(time, lambda x: map_segments(wide, x)) for time in (3, 25))
    assert many < 1.01 * few
    assert temporary(25, at_once) > 10 * many
