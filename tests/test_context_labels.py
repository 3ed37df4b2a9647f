"""EMOTIC's and BoLD's category orders agree with the table of context_emotion spec 1.2."""

import numpy as np
import pytest

from emojax.errors import DataError
from emojax.graphs.word_vectors import BUILT_IN_TABLE, load_word_vectors
from emojax.labels import BOLD_LABELS, EMOTIC_LABELS, Labels, class_permutation

# Row i of the spec's table: the place in BoLD's file of EMOTIC's category i.
SPEC_TABLE = (
    *(1, 19, 18, 3, 17, 5, 16, 12, 22, 11, 14, 4, 2, 8, 13, 23, 6, 24, 0, 7, 21, 20, 25, 9, 10, 15),
)


def test_emotic_order_is_alphabetical_and_complete():
    assert list(EMOTIC_LABELS.classes) == sorted(EMOTIC_LABELS.classes)
    assert len(EMOTIC_LABELS.classes) == 26 == len(set(EMOTIC_LABELS.classes))
    assert EMOTIC_LABELS.dimensions == BOLD_LABELS.dimensions == ("valence", "arousal", "dominance")


def test_permutation_from_bold_to_emotic_is_the_table_of_the_spec():
    assert class_permutation(EMOTIC_LABELS, BOLD_LABELS) == list(SPEC_TABLE)


def test_permutations_undo_each_other():
    there = class_permutation(EMOTIC_LABELS, BOLD_LABELS)
    back = class_permutation(BOLD_LABELS, EMOTIC_LABELS)
    scores = np.arange(26) * 1.5
    np.testing.assert_array_equal(scores[there][back], scores)
    happiness = np.zeros(26)
    happiness[BOLD_LABELS.classes.index("happiness")] = 1
    assert happiness[there][EMOTIC_LABELS.classes.index("happiness")] == 1


def test_other_class_sets_are_refused_by_name():
    with pytest.raises(DataError, match="boredom"):
        class_permutation(EMOTIC_LABELS, Labels((*EMOTIC_LABELS.classes[:-1], "boredom")))


def test_word_vectors_of_both_orders_are_those_of_the_names():
    """The row of a category is the vector of its name, in whatever order GloVe's file and the labels are."""
    bold, emotic = (load_word_vectors(labels.classes)[0] for labels in (BOLD_LABELS, EMOTIC_LABELS))
    np.testing.assert_array_equal(bold[class_permutation(EMOTIC_LABELS, BOLD_LABELS)], emotic)
    np.testing.assert_array_equal(emotic[class_permutation(BOLD_LABELS, EMOTIC_LABELS)], bold)
    assert not np.array_equal(bold, emotic)
    table = {line.split(" ")[0]: line.split(" ")[1:] for line in BUILT_IN_TABLE.read_text().splitlines()}
    for name in ("anger", "peace", "yearning"):
        own = np.array(table[name], np.float32)
        np.testing.assert_allclose(bold[BOLD_LABELS.classes.index(name)], own, rtol=1e-6)
