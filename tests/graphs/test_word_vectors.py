import numpy as np
import pytest

from emojax.errors import ConfigError, DataError
from emojax.graphs.word_vectors import BUILT_IN_TABLE, load_word_vectors
from emojax.labels import AFFECTNET_CLASSES, VALENCE_AROUSAL

NODES = [*AFFECTNET_CLASSES, *VALENCE_AROUSAL]
EMOTIC = ["peace", "affection", "esteem", "anticipation", "engagement", "confidence", "happiness", "pleasure"]
EMOTIC += [
    "excitement",
    "surprise",
    "sympathy",
    "doubt/confusion",
    "disconnection",
    "fatigue",
    "embarrassment",
]
EMOTIC += ["yearning", "disapproval", "aversion", "annoyance", "anger", "sensitivity", "sadness"]
EMOTIC += ["disquietment", "fear", "pain", "suffering"]


def write(path, text):
    path.write_text(text)
    return str(path)


def test_built_in_table_has_every_label_and_all_differ():
    vectors, source = load_word_vectors([*NODES, "dominance", *EMOTIC])
    assert vectors.shape == (11 + 26, 50) and vectors.dtype == np.float32
    assert "built-in" in source and "50-d" in source
    distinct = np.unique(vectors, axis=0)
    assert len(distinct) == 11 + 26 - 3  # surprise, anger and fear are in both lists


def test_built_in_vectors_are_the_published_glove_numbers():
    vectors, _ = load_word_vectors(["happy"])
    np.testing.assert_array_equal(vectors[0, :3], np.float32([0.092086, 0.2571, -0.58693]))


def test_built_in_vectors_know_what_words_mean():
    words = ["happy", "sad", "anger", "fear", "valence"]
    vectors, _ = load_word_vectors(words)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert unit[2] @ unit[3] > 0.6 > unit[2] @ unit[4]


def test_a_file_gives_the_asked_rows_in_the_asked_order(tmp_path):
    path = write(tmp_path / "glove.txt", "the 0 0 0\nsad 1 2 3\n, 4 4 4\nhappy -1 0.5 1e-3\n")
    vectors, source = load_word_vectors(["happy", "sad"], path)
    np.testing.assert_array_equal(vectors, np.float32([[-1, 0.5, 1e-3], [1, 2, 3]]))
    assert path in source and "3-d" in source


def test_reading_stops_when_all_words_are_found(tmp_path):
    path = write(tmp_path / "glove.txt", "happy 1 2\nsad 1 2\n" + "happy broken\n")
    assert load_word_vectors(["happy", "sad"], path)[0].shape == (2, 2)


def test_a_label_of_two_words_is_their_mean_and_a_missing_one_its_stem(tmp_path):
    path = write(tmp_path / "glove.txt", "doubt 1 2\nconfusion 3 6\ndisquiet 7 7\n")
    vectors, _ = load_word_vectors(["doubt/confusion", "disquietment"], path)
    np.testing.assert_array_equal(vectors, [[2, 4], [7, 7]])


def test_missing_file_says_what_to_give(tmp_path):
    with pytest.raises(DataError, match=r"glove\.6B\.300d\.txt"):
        load_word_vectors(["happy"], str(tmp_path / "none.txt"))


def test_missing_word_is_named(tmp_path):
    path = write(tmp_path / "glove.txt", "sad 1 2\n")
    with pytest.raises(DataError, match="'happy'"):
        load_word_vectors(["sad", "happy"], path)
    with pytest.raises(DataError, match=r"'hapy'.*happy"):
        load_word_vectors(["hapy"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sad 1 2\nhappy 1 x\n", "line 2"),
        ("sad 1 2\nhappy 1 nan\n", "finite"),
        ("sad 1 2\nhappy\n", "line 2: a word vector needs at least two"),
        ("sad 1 2\nhappy 1 2 3\n", "different lengths"),
    ],
)
def test_damaged_file_is_refused_with_its_place(tmp_path, text, message):
    path = write(tmp_path / "glove.txt", text)
    with pytest.raises(DataError, match=message) as error:
        load_word_vectors(["sad", "happy"], path)
    assert path in str(error.value)


def test_random_vectors_are_fixed_by_the_seed_and_spread_as_stated():
    vectors, source = load_word_vectors(NODES, source="random", dim=3000, seed=4)
    again, _ = load_word_vectors(NODES, source="random", dim=3000, seed=4)
    other, _ = load_word_vectors(NODES, source="random", dim=3000, seed=5)
    np.testing.assert_array_equal(vectors, again)
    assert (vectors != other).any() and vectors.std() == pytest.approx(0.4, rel=0.02)
    assert "seed 4" in source


def test_one_hot_vectors_are_the_identity():
    np.testing.assert_array_equal(load_word_vectors(NODES, source="onehot")[0], np.eye(10))


def test_unknown_source_and_useless_path_are_refused():
    with pytest.raises(ConfigError, match="word2vec"):
        load_word_vectors(NODES, source="word2vec")
    with pytest.raises(ConfigError, match="leave the path"):
        load_word_vectors(NODES, "glove.txt", source="random")


def test_the_licence_lies_beside_the_table():
    assert "Public Domain" in BUILT_IN_TABLE.with_name("glove_6b_50d.LICENSE.txt").read_text()
