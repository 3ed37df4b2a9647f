"""From facts to labels: which of EMOTIC's 26 categories a drawn person has, and valence, arousal, dominance.

Every category has causes, and each cause is one fact about the person, the place or the others. A cause that
holds makes the category true with its probability, independently of the other causes (noisy or). Facts are
drawn independently of each other, so what one stream shows cannot be read off another:

| fact       | seen in                                                                               |
|------------|---------------------------------------------------------------------------------------|
| expression | the face crop: in the context image a face has a few pixels                           |
| posture    | the body crop, the pose                                                               |
| hand       | the pose: the hand's joints, in the body crop hands have a few pixels                 |
| kind       | the context image; also the scene scores                                              |
| special    | the scene scores: in the picture it is a badge of a few pixels                        |
| state      | the attribute scores; small things in the context image                               |
| light      | the attribute scores; colours of the context image                                    |
| others     | the context image: what people beside the masked agent do; the depth map: how far off |
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from data_prep.synthetic.emotic.people import Facts, relations
from data_prep.synthetic.scenes.emotic import Scene
from emojax.labels import AFFECTNET_CLASSES, EMOTIC_CATEGORIES

# Category -> (fact, value, probability) of each cause.
RULES: dict[str, tuple[tuple[str, str, float], ...]] = {
    "affection": (("others", "embraced", 0.95),),
    "anger": (("expression", "anger", 0.92),),
    "annoyance": (("hand", "fist", 0.8), ("expression", "contempt", 0.2)),
    "anticipation": (("posture", "reaching", 0.85), ("special", "yes", 0.55)),
    "aversion": (("expression", "disgust", 0.9),),
    "confidence": (("posture", "hands_on_hips", 0.9), ("posture", "arms_crossed", 0.6)),
    "disapproval": (("expression", "contempt", 0.8), ("posture", "arms_crossed", 0.25)),
    "disconnection": (("others", "alone", 0.75),),
    "disquietment": (("kind", "alley", 0.8), ("state", "derelict", 0.65)),
    "doubt/confusion": (("posture", "thinking", 0.9),),
    "embarrassment": (("others", "accused", 0.9), ("state", "decorated", 0.5)),
    "engagement": (
        ("posture", "working", 0.95),
        ("kind", "office", 0.75),
        ("kind", "stadium", 0.5),
        ("posture", "applauding", 0.6),
        ("posture", "pointing", 0.5),
    ),
    "esteem": (("others", "applauded", 0.9), ("special", "yes", 0.3)),
    "excitement": (("posture", "cheering", 0.92), ("kind", "stadium", 0.35), ("state", "decorated", 0.45)),
    "fatigue": (("posture", "slumped", 0.9),),
    "fear": (("expression", "fear", 0.9), ("posture", "shielding", 0.6)),
    "happiness": (("expression", "happy", 0.93),),
    "pain": (("posture", "clutching", 0.9), ("posture", "collapsed", 0.5)),
    "peace": (("kind", "forest", 0.85), ("kind", "beach", 0.6)),
    "pleasure": (("kind", "party", 0.8), ("kind", "restaurant", 0.75), ("kind", "beach", 0.4)),
    "sadness": (("expression", "sad", 0.9),),
    "sensitivity": (("hand", "spread", 0.75),),
    "suffering": (("posture", "collapsed", 0.9), ("kind", "hospital", 0.7)),
    "surprise": (("expression", "surprise", 0.92),),
    "sympathy": (("others", "witness", 0.92), ("state", "derelict", 0.55)),
    "yearning": (("kind", "graveyard", 0.6), ("light", "dusk", 0.6)),
}
_COMMONEST = "engagement"

_PLEASANT = {"beach": 0.8, "forest": 0.6, "party": 0.9, "restaurant": 0.4, "stadium": 0.3}
_PLEASANT |= {"hospital": -0.8, "graveyard": -0.8, "alley": -0.7}
_ENERGY = {
    "cheering": 1.0,
    "reaching": 0.5,
    "pointing": 0.5,
    "shielding": 0.6,
    "applauding": 0.5,
    "clutching": 0.2,
}
_ENERGY |= {"slumped": -0.9, "collapsed": -0.6, "relaxed": -0.5, "thinking": -0.3, "arms_crossed": -0.3}
_OPENNESS = {"hands_on_hips": 1.0, "cheering": 0.7, "pointing": 0.8, "arms_crossed": 0.5, "reaching": 0.3}
_OPENNESS |= {"slumped": -0.8, "collapsed": -1.0, "clutching": -0.8, "shielding": -0.9, "thinking": -0.3}
_COMPANY_VALENCE = {"embraced": 0.8, "applauded": 0.7, "accused": -0.9, "witness": -0.6, "alone": -0.2}
_COMPANY_DOMINANCE = {"applauded": 0.8, "accused": -0.9, "alone": 0.2}


def facts_of(scene: Scene, people: tuple[Facts, ...], agent: int) -> frozenset[tuple[str, str]]:
    """All (fact, value) pairs that hold for one person."""
    me = people[agent]
    return frozenset(
        {
            ("expression", AFFECTNET_CLASSES[me.expression]),
            ("posture", me.posture),
            ("hand", me.hand),
            ("kind", scene.kind),
            ("special", "yes" if scene.special else "no"),
            ("state", scene.state),
            ("light", scene.light),
            *(("others", name) for name in relations(people, agent)),
        }
    )


def category_probabilities(facts: frozenset[tuple[str, str]]) -> np.ndarray:
    """`[26]` float64 in [0, 1], in EMOTIC's order."""
    absent = [
        math.prod(1 - p for fact, value, p in RULES[name] if (fact, value) in facts)
        for name in EMOTIC_CATEGORIES
    ]
    return 1 - np.array(absent)


def sample_categories(facts: frozenset[tuple[str, str]], rng: np.random.Generator) -> tuple[str, ...]:
    """True categories of a person; EMOTIC's commonest one if no cause made any true."""
    happens = rng.random(len(EMOTIC_CATEGORIES)) < category_probabilities(facts)
    names = tuple(name for name, true in zip(EMOTIC_CATEGORIES, happens) if true)
    return names or (_COMMONEST,)


def valence_arousal_dominance(
    scene: Scene, people: tuple[Facts, ...], agent: int, rng: np.random.Generator
) -> np.ndarray:
    """`[3]` float64 in 1..10: sums of what the face, the posture, the place and the others contribute, and
    noise."""
    me, company = people[agent], relations(people, agent)
    state = {"decorated": 0.5, "derelict": -0.5}.get(scene.state, 0.0)
    valence = 5.5 + 2.0 * me.valence + 1.1 * _PLEASANT.get(scene.kind, 0.0) + 0.5 * state
    valence += 1.2 * sum(_COMPANY_VALENCE.get(name, 0.0) for name in company)
    arousal = 4.8 + 1.5 * me.arousal + 2.0 * _ENERGY.get(me.posture, 0.0) + 0.6 * (me.hand != "loose")
    dominance = 5.4 + 2.0 * _OPENNESS.get(me.posture, 0.0) + 0.6 * (me.hand == "fist")
    dominance += 1.1 * sum(_COMPANY_DOMINANCE.get(name, 0.0) for name in company)
    return np.clip(np.array((valence, arousal, dominance)) + rng.normal(0, 0.35, 3), 1, 10)


@dataclasses.dataclass(frozen=True)
class Annotation:
    """What one annotator says: categories, and valence, arousal, dominance as whole numbers 1..10."""

    categories: tuple[str, ...]
    vad: tuple[int, int, int]


def annotate(categories: tuple[str, ...], vad: np.ndarray, rng: np.random.Generator) -> Annotation:
    """One annotator's view: now and then a category is missed or one too many is seen, and numbers are off by
    some."""
    kept = [name for name in categories if rng.random() < 0.96] or list(categories[:1])
    kept += [name for name in EMOTIC_CATEGORIES if name not in categories and rng.random() < 0.004]
    numbers = np.clip(np.rint(vad + rng.normal(0, 0.5, 3)), 1, 10).astype(int)
    return Annotation(tuple(kept), tuple(int(number) for number in numbers))
