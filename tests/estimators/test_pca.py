import jax.numpy as jnp
import numpy as np
import pytest

from emojax.errors import ConfigError, DataError
from emojax.estimators.pca import fit_pca, project


def test_components_are_those_of_the_covariance_and_keep_their_signs():
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (200, 6)) @ rng.normal(0, 1, (6, 6)) + 5
    pca = fit_pca(features, 4)
    values, vectors = np.linalg.eigh(np.cov(features.T))
    np.testing.assert_allclose(pca["explained_variance"], values[::-1][:4], rtol=1e-5)
    np.testing.assert_allclose(np.abs(pca["components"] @ vectors[:, ::-1][:, :4]), np.eye(4), atol=1e-4)
    assert (pca["components"][np.arange(4), np.abs(pca["components"]).argmax(1)] > 0).all()
    np.testing.assert_allclose(pca["explained_variance_ratio"], values[::-1][:4] / values.sum(), rtol=1e-5)
    projected = project(pca, jnp.asarray(features, jnp.float32))
    np.testing.assert_allclose(projected, (features - features.mean(0)) @ pca["components"].T, atol=1e-4)
    np.testing.assert_allclose(np.cov(projected.T), np.diag(values[::-1][:4]), atol=1e-3)


def test_all_components_lose_nothing():
    features = np.random.default_rng(1).normal(0, 1, (10, 5)).astype(np.float32)
    pca = fit_pca(features, 5)
    np.testing.assert_allclose(project(pca, features) @ pca["components"] + pca["mean"], features, atol=1e-5)


def test_too_many_components_and_values_that_are_not_finite_are_refused():
    with pytest.raises(
        ConfigError, match="10 examples of 50 features have 1 to 10 principal components, not 11"
    ):
        fit_pca(np.zeros((10, 50)), 11)
    with pytest.raises(DataError, match="features of example 3 are not finite"):
        fit_pca(np.where(np.arange(10)[:, None] == 3, np.inf, np.ones((10, 2))), 1)
