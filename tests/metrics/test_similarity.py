import numpy as np

from emojax.metrics.similarity import cosine_similarity


def test_is_the_cosine_of_every_pair():
    vectors = np.random.default_rng(0).normal(size=(9, 64))
    expected = [[a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for b in vectors] for a in vectors]
    np.testing.assert_allclose(cosine_similarity(vectors), expected, atol=1e-12)


def test_does_not_depend_on_length_and_keeps_zero_vectors_finite():
    vectors = np.array([[1.0, 0], [5, 0], [-2, 0], [0, 0]])
    expected = [[1, 1, -1, 0], [1, 1, -1, 0], [-1, -1, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(cosine_similarity(vectors), expected)
