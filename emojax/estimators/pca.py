"""Principal components of features (spec image_sequences 2.6)."""

from __future__ import annotations

import numpy as np

from emojax.errors import ConfigError, DataError
from emojax.estimators import Arrays


def fit_pca(features: np.ndarray, num_components: int) -> dict[str, np.ndarray]:
    """The directions in which features vary most, by scikit-learn; not whitened.

    Args:
        features: ``[N, D]`` of the training split.
        num_components: k, at most N and D.

    Returns:
        ``mean [D]``, ``components [k, D]`` (orthonormal rows, the largest variance first), ``explained_variance [k]``,
        ``explained_variance_ratio [k]`` and ``spectrum [min(N, D)]``, the ratio of every component there is, float32.
        The sign of a component is that which makes its entry of the largest magnitude positive.

    Raises:
        ConfigError: more components than features or examples.
        DataError: a feature is not finite.
    """
    from sklearn.decomposition import PCA  # here: a second that only a fit pays

    features = np.asarray(features, np.float64)
    if not 1 <= num_components <= min(features.shape):
        raise ConfigError(
            f"{features.shape[0]} examples of {features.shape[1]} features have 1 to {min(features.shape)} principal "
            f"components, not {num_components}."
        )
    if not np.isfinite(features).all():
        example = int(np.argmin(np.isfinite(features).all(axis=1)))
        raise DataError(
            f"The features of example {example} are not finite: they have no principal components."
        )
    pca = PCA(svd_solver="full").fit(features)
    components = pca.components_[:num_components]
    signs = np.sign(components[np.arange(num_components), np.abs(components).argmax(axis=1)])
    fitted = {
        "mean": pca.mean_,
        "components": components * signs[:, None],
        "explained_variance": pca.explained_variance_[:num_components],
        "explained_variance_ratio": pca.explained_variance_ratio_[:num_components],
        "spectrum": pca.explained_variance_ratio_,
    }
    return {name: values.astype(np.float32) for name, values in fitted.items()}


def project(pca: Arrays, features):
    """Features ``[..., D]`` on the components ``[..., k]``; NumPy or JAX arrays."""
    return (features - pca["mean"]) @ pca["components"].T
