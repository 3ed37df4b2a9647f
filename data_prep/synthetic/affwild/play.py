"""What a person in a synthetic film does and feels, frame by frame.

The face shows the moment. The annotated valence is that of the moment. The annotated arousal is built up from what was
shown before, as excitement is: a picture alone explains little of it, so a network with a memory must beat one without.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from data_prep.synthetic.clips import Moment, play
from data_prep.synthetic.identity import Identity, sample_identity
from emojax.labels import AFFECTNET_CLASSES, AFFWILD_CLASSES

# Index of AFFECTNET_CLASSES -> index of AFFWILD_CLASSES.
CATEGORY_OF = tuple(
    AFFWILD_CLASSES.index({"anger": "angry"}.get(name, name)) for name in AFFECTNET_CLASSES[:7]
)
MEMORY = 15  # frames of 1/30 s over which arousal is built up and fades
_GAIN = 2.2  # what is left after averaging is spread over [-1, 1] again
_SHOWN = 7  # frames that one expression is shown


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody in a film.

    Attributes:
        name: of the track, e.g. `video7` or `video7_left`.
        identity: the face.
        moments: what is shown, one a frame.
        valence, arousal: what is felt ``[F]``, in [-1, 1].
    """

    name: str
    identity: Identity
    moments: tuple[Moment, ...]
    valence: np.ndarray
    arousal: np.ndarray


def perform(name: str, number: int, num_frames: int, seed: int, memory: int = MEMORY) -> Person:
    """A person who shows one expression after another; everything follows from the number and the seed."""
    identity = sample_identity(np.random.default_rng((seed, 29, number)))
    rng = np.random.default_rng((seed, 33, number))
    labels = rng.integers(0, 7, max(num_frames // _SHOWN, 1)).tolist()
    moments = play(labels, num_frames, rng, identity.expressiveness)
    shown = np.array([(m.valence, m.arousal) for m in moments])
    arousal = np.clip(_GAIN * built_up(shown[:, 1] - shown[:, 1].mean(), memory), -1, 1)
    return Person(name, identity, tuple(moments), shown[:, 0], arousal)


def built_up(shown: np.ndarray, memory: int) -> np.ndarray:
    """Average of the past ``[F]``, the weight falling by e in `memory` frames."""
    keep = np.exp(-1 / memory) if memory else 0.0
    felt, state = np.empty_like(shown), 0.0
    for i, value in enumerate(shown):
        state = keep * state + (1 - keep) * value
        felt[i] = state
    return felt
