import numpy as np
from sklearn.metrics.pairwise import cosine_similarity as reference

from emojax.metrics.similarity import cosine_similarity


def test_equals_scikit_learn():
    vectors = np.random.default_rng(0).normal(size=(9, 64))
    np.testing.assert_allclose(cosine_similarity(vectors), reference(vectors), atol=1e-12)


def test_does_not_depend_on_length_and_keeps_zero_vectors_finite():
    vectors = np.array([[1.0, 0], [5, 0], [-2, 0], [0, 0]])
    expected = [[1, 1, -1, 0], [1, 1, -1, 0], [-1, -1, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(cosine_similarity(vectors), expected)
