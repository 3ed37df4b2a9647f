"""Published facts about AffectNet's training labels (spec emotion_gcn 1.2 and 4.4)."""

from __future__ import annotations

import numpy as np

from emojax.datasets import AFFECTNET
from emojax.graphs.label_graph import phi_matrix

# Order of emojax.labels.AFFECTNET_CLASSES; contempt (the last) only takes part in the 8-way task.
AFFECTNET_TRAIN_COUNTS = AFFECTNET.published.counts["train"]

# Spearman's rho of the seven expression indicators with (valence, arousal).
_EXPRESSION_VA = (
    (-0.335131, -0.284101),
    (0.861085, 0.014483),
    (-0.453036, -0.433733),
    (-0.027568, 0.338224),
    (-0.121788, 0.235579),
    (-0.176413, 0.143684),
    (-0.383705, 0.413757),
)
_VALENCE_AROUSAL = 0.037299


def _published_spearman() -> np.ndarray:
    matrix = np.eye(9)
    matrix[:7, :7] = phi_matrix(np.array(AFFECTNET_TRAIN_COUNTS[:7]))
    matrix[:7, 7:] = _EXPRESSION_VA
    matrix[7:, :7] = np.transpose(_EXPRESSION_VA)
    matrix[7, 8] = matrix[8, 7] = _VALENCE_AROUSAL
    return matrix


# [9, 9] float64: the seven expressions, valence, arousal. The reference for a matrix made from shards.
AFFECTNET_SPEARMAN = _published_spearman()
AFFECTNET_SPEARMAN.setflags(write=False)
