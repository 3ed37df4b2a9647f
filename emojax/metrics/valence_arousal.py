"""Metrics of valence and arousal over a whole split at once, in float64 (spec emotion_gcn 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emojax.errors import DataError


def concordance_correlation_coefficient(x: np.ndarray, y: np.ndarray) -> float:
    """``2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2)`` with population moments; 0 when either is constant.

    Args:
        x: ``[N]`` finite numbers of any scale.
        y: ``[N]``.

    Raises:
        DataError: shapes that do not fit, no samples, or a value that is not finite.
    """
    x, y = _pair(x, y)
    exponent = max(_exponent(x), _exponent(y))  # one scale for both: CCC is not that of x and 2 y
    x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
    x_centred, y_centred = _centred(x), _centred(y)
    covariance = np.mean(x_centred * y_centred)
    distance = np.mean(x - x[0]) - np.mean(y - y[0]) + (x[0] - y[0])
    spread = np.mean(x_centred**2) + np.mean(y_centred**2) + distance**2
    return float(2 * covariance / spread) if spread > 0 else 0.0


def pearson_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """``s_xy / (s_x s_y)``; 0 when either is constant. Arguments and errors as above."""
    x, y = (_centred(np.ldexp(v, -_exponent(v))) for v in _pair(x, y))
    x, y = np.ldexp(x, -_exponent(x)), np.ldexp(y, -_exponent(y))  # small spreads do not underflow
    scale = np.linalg.norm(x) * np.linalg.norm(y)
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else 0.0


def root_mean_square_error(x: np.ndarray, y: np.ndarray) -> float:
    """``sqrt(mean (x - y)^2)``. Arguments and errors as above."""
    x, y = _pair(x, y)
    return float(np.sqrt(np.mean((x - y) ** 2)))


def sign_agreement(x: np.ndarray, y: np.ndarray) -> float:
    """SAGR: share of samples where prediction and truth have the same sign (-1, 0 or 1); as above."""
    x, y = _pair(x, y)
    return float(np.mean(np.sign(x) == np.sign(y)))


def _pair(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise DataError(f"Two rows of N >= 1 numbers are compared, but got {list(x.shape)}, {list(y.shape)}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        record = np.flatnonzero(~(np.isfinite(x) & np.isfinite(y)))[0]
        raise DataError(f"A prediction or a true value of record {record} is not finite.")
    return x, y


def _exponent(x: np.ndarray) -> int:
    """Of the power of two that brings x into [-1, 1]; scaling by it is exact."""
    return int(np.frexp(np.abs(x).max())[1])


def _centred(x: np.ndarray) -> np.ndarray:
    """x less its mean; exactly zero for a constant, whose mean may round."""
    x = x - x[0]
    return x - x.mean()


def valence_arousal_metrics(
    predicted: np.ndarray, truth: np.ndarray, names: Sequence[str] = ("valence", "arousal")
) -> dict[str, dict[str, float]]:
    """CCC, PCC, RMSE and SAGR of each dimension.

    Args:
        predicted: ``[N, 2]`` float, no padding.
        truth: ``[N, 2]`` float in [-1, 1].
        names: names of the columns.

    Returns:
        {name: {"ccc", "pcc", "rmse", "sagr"}}.

    Raises:
        DataError: no samples, shapes that do not fit, or a value that is not finite.
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    if predicted.shape != truth.shape or truth.shape[1:] != (len(names),) or not len(truth):
        raise DataError(
            f"{' and '.join(names)} need predictions and truth [N, {len(names)}] with N >= 1, "
            f"but got {list(predicted.shape)} and {list(truth.shape)}."
        )
    finite = np.isfinite(predicted).all(axis=1) & np.isfinite(truth).all(axis=1)
    if not finite.all():
        raise DataError(f"A prediction or a true value of record {np.flatnonzero(~finite)[0]} is not finite.")
    metrics = {
        "ccc": concordance_correlation_coefficient,
        "pcc": pearson_correlation,
        "rmse": root_mean_square_error,
        "sagr": sign_agreement,
    }
    return {n: {k: f(predicted[:, i], truth[:, i]) for k, f in metrics.items()} for i, n in enumerate(names)}
