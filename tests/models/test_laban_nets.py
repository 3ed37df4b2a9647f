"""Networks on Laban features: shapes, and padded frames that change nothing."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax.models.laban_nets import LabanConv1D, LabanLSTM

NETS = {
    "conv1d": LabanConv1D((8, 8, 8), widths=(8, 6)),
    "lstm": LabanLSTM(hidden=5),
}


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", NETS)
def test_padded_frames_change_nothing(name):
    net, x = NETS[name], draw(2, 12, 54)
    frames = (np.arange(12) < np.array([12, 7])[:, None]).astype(np.float32)
    variables = net.init(jax.random.key(0), x, train=False)
    padded = net.apply(variables, np.where(frames[..., None] > 0, x, 9.0), train=False, frame_mask=frames)
    alone = net.apply(variables, x[1:, :7], train=False)["features"]
    np.testing.assert_allclose(padded["features"][1:], alone, atol=1e-5)
    assert padded["features"].shape == (2, net.feature_size)


def test_batch_statistics_count_real_frames_of_real_rows_only():
    net, x = NETS["conv1d"], draw(3, 10, 54)
    variables = net.init(jax.random.key(0), x, train=False)
    frames = (np.arange(10) < np.array([10, 10, 4])[:, None]).astype(np.float32)
    call = dict(train=True, mutable=["batch_stats"])
    _, with_padding = net.apply(variables, x, mask=np.array([1, 1, 0], np.float32), frame_mask=frames, **call)
    _, without = net.apply(variables, x[:2], mask=np.ones(2, np.float32), frame_mask=frames[:2], **call)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), with_padding, without)


def test_the_sizes_are_those_of_the_specification():
    assert LabanConv1D().feature_size == 256 and LabanLSTM().feature_size == 2048


def test_an_lstm_of_both_ends_takes_each_direction_where_it_has_seen_all_frames():
    x, frames = (
        np.random.default_rng(1).normal(size=(1, 6, 4)).astype(np.float32),
        np.ones((1, 6), np.float32),
    )
    frames[0, 4:] = 0
    net = LabanLSTM(hidden=3, layers=1, both_ends=True)
    variables = net.init(jax.random.key(0), x, train=False)
    whole = np.asarray(net.apply(variables, x, train=False, frame_mask=frames)["features"])[0]
    last = np.asarray(LabanLSTM(3, 1).apply(variables, x, train=False, frame_mask=frames)["features"])[0]
    np.testing.assert_allclose(whole[:3], last[:3], rtol=1e-6)
    # What the backward half knows of one frame alone, and of all four.
    one = np.asarray(net.apply(variables, x[:, 3:4], train=False)["features"])[0]
    np.testing.assert_allclose(last[3:], one[3:], rtol=1e-5)
    assert not np.allclose(whole[3:], last[3:])
