"""Recurrent networks against a loop over frames, against torch, and their treatment of padding."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.errors import ConfigError
from emojax.models.recurrent import Recurrent, _lstm, last_output

CASES = [("lstm", True), ("gru", True), ("gru", False)]


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slow(p, cell, reset_after, x):
    """One sequence, frame by frame."""
    width = p["recurrent_kernel"].shape[0]
    h, c, outputs = np.zeros(width), np.zeros(width), []
    parts = lambda v: np.split(v, len(v) // width)  # noqa: E731
    for frame in x:
        given = frame @ p["input_kernel"] + p["bias"]
        if cell == "lstm":
            i, f, g, o = parts(given + h @ p["recurrent_kernel"])
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            kernels = [p["recurrent_kernel"][:, k * width : (k + 1) * width] for k in range(3)]
            xr, xz, xn = parts(given)
            br, bz, bn = parts(p["recurrent_bias"]) if reset_after else (0, 0, 0)
            r, z = sigmoid(xr + h @ kernels[0] + br), sigmoid(xz + h @ kernels[1] + bz)
            inner = r * (h @ kernels[2] + bn) if reset_after else (r * h) @ kernels[2]
            h = (1 - z) * np.tanh(xn + inner) + z * h
        outputs.append(h)
    return np.array(outputs)


@pytest.mark.parametrize("cell, reset_after", CASES)
def test_a_layer_equals_a_loop_over_frames(cell, reset_after):
    x = draw(2, 80, 5)
    module = Recurrent(cell, 6, reset_after=reset_after)
    variables = module.init(jax.random.key(0), x)
    variables = jax.tree.map(lambda v: v + 0.1 * draw(*v.shape, seed=3), variables)  # biases, too
    params = jax.tree.map(np.asarray, variables["params"]["layer_0"])
    expected = np.stack([slow(params, cell, reset_after, sequence) for sequence in x])
    np.testing.assert_allclose(module.apply(variables, x), expected, atol=1e-5)


@pytest.mark.parametrize("cell, reset_after", CASES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_real_output_and_gives_zeros(cell, reset_after, bidirectional):
    x, lengths = draw(3, 9, 4), (9, 5, 1)
    mask = (np.arange(9) < np.array(lengths)[:, None]).astype(np.float32)
    module = Recurrent(cell, 6, layers=2, bidirectional=bidirectional, reset_after=reset_after)
    variables = module.init(jax.random.key(0), x)
    padded = module.apply(variables, np.where(mask[..., None] > 0, x, 1e3), mask)
    for row, length in enumerate(lengths):
        alone = module.apply(variables, x[row : row + 1, :length])
        np.testing.assert_allclose(padded[row, :length], alone[0], atol=1e-6)
        assert not np.asarray(padded[row, length:]).any()
        np.testing.assert_allclose(last_output(padded, mask)[row], alone[0, -1], atol=1e-6)


def test_the_backward_network_reads_the_sequence_from_its_end():
    x = draw(1, 7, 4)
    module = Recurrent("lstm", 3, bidirectional=True)
    variables = module.init(jax.random.key(0), x)
    backward = {"params": {"layer_0": variables["params"]["layer_0_backward"]}}
    alone = Recurrent("lstm", 3).apply(backward, x[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(module.apply(variables, x)[..., 3:], alone, atol=1e-6)


def test_initialisers_are_orthogonal_and_remember():
    params = Recurrent("lstm", 8).init(jax.random.key(0), draw(1, 2, 5))["params"]["layer_0"]
    for gate in np.split(np.asarray(params["recurrent_kernel"]), 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(8), atol=1e-5)
    np.testing.assert_array_equal(params["bias"], np.repeat([0, 1, 0, 0], 8))


@pytest.mark.parity
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_two_layers_in_both_directions_equal_torch_s_with_copied_weights(cell):
    torch = pytest.importorskip("torch")
    make = torch.nn.LSTM if cell == "lstm" else torch.nn.GRU
    theirs = make(5, 6, num_layers=2, bidirectional=True, batch_first=True)
    params = {}
    for layer in range(2):
        for ours, suffix in (("", ""), ("_backward", "_reverse")):
            w = {
                n: getattr(theirs, f"{n}_l{layer}{suffix}").detach().numpy()
                for n in ("weight_ih", "weight_hh")
            }
            b = [getattr(theirs, f"bias_{n}_l{layer}{suffix}").detach().numpy() for n in ("ih", "hh")]
            of_layer = {"input_kernel": w["weight_ih"].T, "recurrent_kernel": w["weight_hh"].T}
            of_layer |= {"bias": b[0] + b[1]} if cell == "lstm" else {"bias": b[0], "recurrent_bias": b[1]}
            params[f"layer_{layer}{ours}"] = of_layer
    x = draw(3, 80, 5)
    ours = Recurrent(cell, 6, layers=2, bidirectional=True).apply({"params": params}, jnp.asarray(x))
    np.testing.assert_allclose(ours, theirs(torch.tensor(x))[0].detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradient_of_an_lstm_is_that_of_its_steps_one_by_one(reverse):
    rng = np.random.default_rng(0)
    weights, projected, factors = (
        jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((3, 12), (2, 6, 12), (2, 6, 3))
    )
    mask = jnp.array([[1, 1, 0, 0, 1, 1], [1] * 4 + [0] * 2], jnp.float32)  # frames may be missing in between

    def loss(lstm):
        return lambda weights, projected: jnp.sum(factors * lstm(weights, projected, mask, reverse))

    grads_of = jax.jit(lambda *rows: [jax.grad(loss(f), (0, 1))(*rows) for f in (_lstm, _lstm.fun)])
    for mine, one_by_one in zip(*grads_of(weights, projected)):
        np.testing.assert_allclose(mine, one_by_one, atol=1e-5)
        assert np.abs(mine).max() > 0.1


def test_an_unknown_cell_is_told_with_those_there_are():
    with pytest.raises(ConfigError, match="lstm, gru"):
        Recurrent("rnn", 3).init(jax.random.key(0), draw(1, 2, 5))
