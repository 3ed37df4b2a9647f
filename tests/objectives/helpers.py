"""Slow references and checks shared by the loss tests."""

import jax
import numpy as np

B, C, D = 12, 5, 4


def jit_grad(function, **options):
    """Compiled `jax.grad`: one compilation instead of one for each operation."""
    return jax.jit(jax.grad(function, **options))


def jit_value_and_grad(function):
    return jax.jit(jax.value_and_grad(function))


def make_batch(seed=0, batch=B):
    """A random float64 batch: features, logits, labels (class 4 absent, class 3 once), VA, soft labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, batch).astype(np.int32)
    labels[5] = 3
    soft = rng.uniform(0.05, 1, (batch, C))
    return {
        "features": rng.normal(size=(batch, D)),
        "logits": 2 * rng.normal(size=(batch, C)),
        "labels": labels,
        "va": rng.uniform(-0.9, 0.9, (batch, 2)),
        "predicted_va": rng.uniform(-0.9, 0.9, (batch, 2)),
        "soft": soft / soft.sum(axis=1, keepdims=True),
        "half": (rng.uniform(size=batch) > 0.5).astype(np.int32),
        "g": rng.normal(size=(batch, 1)),
        "mask_logits": rng.normal(size=(batch, 3, 3, 1)),
        "face_mask": rng.integers(0, 2, (batch, 3, 3)).astype(np.uint8),
        "mask": np.ones(batch),
    }


def float32(batch):
    return {k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in batch.items()}


def append_garbage(batch, rows=4):
    """The batch with padded rows of NaN, infinity and impossible labels behind it."""
    padded = {}
    for name, values in batch.items():
        shape = (rows, *values.shape[1:])
        if name == "mask":
            garbage = np.zeros(shape)
        elif values.dtype.kind == "f":
            garbage = np.full(shape, np.nan)
            garbage[0] = np.inf
        else:
            garbage = np.full(shape, 99 if name == "labels" else 7)
        padded[name] = np.concatenate([values, garbage.astype(values.dtype)])
    return padded


def assert_gradient_is_finite_difference(loss, x, tolerance=1e-6):
    """Compares `jax.grad` with central differences in float64.

    A step of 1e-5 leaves a truncation error near 1e-10 and a rounding error near 1e-11 on losses of order 1,
    so 1e-6 is far above both and far below any real mistake.
    """
    with jax.enable_x64(True):
        gradient = np.asarray(jit_grad(loss)(np.asarray(x, np.float64)))
        value = jax.jit(loss)
        numeric = np.zeros_like(gradient)
        for index in np.ndindex(x.shape):
            step = np.zeros_like(x, dtype=np.float64)
            step[index] = 1e-5
            numeric[index] = (float(value(x + step)) - float(value(x - step))) / 2e-5
    np.testing.assert_allclose(gradient, numeric, atol=tolerance, rtol=tolerance)
