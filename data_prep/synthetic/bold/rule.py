"""From what a person does, feels and where it happens to BoLD's 26 confidences and valence, arousal, dominance.

Every category has causes, and each cause is one fact. Facts are drawn independently, so what one modality shows cannot
be read off another:

| fact       | seen in                                                                                    |
|------------|--------------------------------------------------------------------------------------------|
| motion     | flow and skeleton; RGB frames show its postures. `tremble` is below the noise of joints: flow alone |
| order      | `slump` and `rise`, `reach` and `withdraw` have the same postures in opposite order          |
| expression | the face crop                                                                              |
| kind       | the context                                                                                |
"""

from __future__ import annotations

import math

import numpy as np

from emojax.labels import AFFECTNET_CLASSES, BOLD_CATEGORIES

# Category -> (fact, value, probability that an annotator sees it) of each cause.
RULES: dict[str, tuple[tuple[str, str, float], ...]] = {
    "peace": (("kind", "forest", 0.9), ("kind", "beach", 0.7)),
    "affection": (("motion", "reach", 0.85),),
    "esteem": (("motion", "applaud", 0.85),),
    "anticipation": (("motion", "reach", 0.6), ("motion", "walk", 0.5)),
    "engagement": (
        ("motion", "walk", 0.8),
        ("motion", "wave", 0.75),
        ("kind", "office", 0.7),
        ("kind", "stadium", 0.6),
    ),
    "confidence": (("motion", "rise", 0.9), ("motion", "walk", 0.4)),
    "happiness": (("expression", "happy", 0.93), ("motion", "jump", 0.5)),
    "pleasure": (("kind", "party", 0.85), ("kind", "restaurant", 0.8)),
    "excitement": (("motion", "jump", 0.95), ("kind", "stadium", 0.4)),
    "surprise": (("expression", "surprise", 0.92),),
    "sympathy": (("kind", "hospital", 0.75),),
    "doubt/confusion": (("motion", "shake_head", 0.6), ("expression", "contempt", 0.3)),
    "disconnection": (("motion", "withdraw", 0.85), ("motion", "still", 0.4)),
    "fatigue": (("motion", "slump", 0.92),),
    "embarrassment": (("motion", "withdraw", 0.45),),
    "yearning": (("kind", "graveyard", 0.7),),
    "disapproval": (("motion", "shake_head", 0.9), ("expression", "contempt", 0.7)),
    "aversion": (("expression", "disgust", 0.9),),
    "annoyance": (("expression", "anger", 0.6), ("expression", "contempt", 0.4)),
    "anger": (("expression", "anger", 0.92),),
    "sensitivity": (("motion", "tremble", 0.7),),
    "sadness": (("expression", "sad", 0.9), ("motion", "slump", 0.35)),
    "disquietment": (("motion", "tremble", 0.85), ("kind", "alley", 0.75)),
    "fear": (("expression", "fear", 0.9), ("motion", "tremble", 0.5)),
    "pain": (("kind", "hospital", 0.6),),
    "suffering": (("motion", "slump", 0.45), ("kind", "graveyard", 0.5)),
}
_COMMONEST = "engagement"
_ANNOTATORS = 5

_ENERGY = {"jump": 1.0, "wave": 0.5, "walk": 0.4, "applaud": 0.5, "tremble": 0.3, "shake_head": 0.2}
_ENERGY |= {"still": -0.8, "slump": -0.7, "withdraw": -0.3}
_OPENNESS = {"rise": 1.0, "walk": 0.5, "jump": 0.6, "reach": 0.3, "wave": 0.3}
_OPENNESS |= {"slump": -1.0, "withdraw": -0.8, "tremble": -0.8, "still": -0.2}
_PLEASANT = {"beach": 0.8, "forest": 0.7, "party": 0.9, "restaurant": 0.5, "stadium": 0.3}
_PLEASANT |= {"hospital": -0.8, "graveyard": -0.9, "alley": -0.7}


def confidences(expression: int, motion: str, kind: str, rng: np.random.Generator) -> np.ndarray:
    """``[26]`` in BoLD's order: shares of five annotators who see a category; the commonest one if none sees any."""
    facts = {("expression", AFFECTNET_CLASSES[expression]), ("motion", motion), ("kind", kind)}
    seen = [
        1 - math.prod(1 - p for fact, value, p in RULES[name] if (fact, value) in facts)
        for name in BOLD_CATEGORIES
    ]
    votes = rng.binomial(_ANNOTATORS, np.clip(np.array(seen), 0.01, 0.99))
    if not votes.any():
        votes[BOLD_CATEGORIES.index(_COMMONEST)] = _ANNOTATORS
    return votes / _ANNOTATORS


def valence_arousal_dominance(
    valence: float, arousal: float, motion: str, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """``[3]`` from 1 to 10: sums of what the face, the motion and the place contribute, and noise.

    Args:
        valence: of the face, in [-1, 1].
        arousal: of the face, in [-1, 1].
        motion: key of `motion.MOTIONS`.
        kind: of the scene.
        rng: noise of the annotators.
    """
    values = (
        5.5 + 2.2 * valence + 1.3 * _PLEASANT.get(kind, 0.0),
        5.0 + 1.3 * arousal + 2.4 * _ENERGY.get(motion, 0.0),
        5.4 + 2.4 * _OPENNESS.get(motion, 0.0),
    )
    return np.clip(np.array(values) + rng.normal(0, 0.35, 3), 1, 10)
