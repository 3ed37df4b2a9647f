"""What a face does: facial actions of each expression, tied to valence and arousal.

The actions follow the Facial Action Coding System (AU = its action units); the prototypes per emotion are
those of the FACS literature. Within a class, arousal opens lids, brows and mouth, valence lifts the mouth
corners and frees the brow, so both can be read off the drawing.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from emojax.labels import AFFECTNET_CLASSES


@dataclasses.dataclass(frozen=True)
class Actions:
    """Strength of each facial action: 0 is rest, 1 is full; negative is the opposite movement."""

    inner_brow: float = 0.0  # AU1: inner ends up
    outer_brow: float = 0.0  # AU2: outer ends up
    brow_lower: float = 0.0  # AU4: down and together
    upper_lid: float = 0.0  # AU5 wide open; negative droops (AU43)
    squint: float = 0.0  # AU7: lower lid up
    cheek: float = 0.0  # AU6
    nose_wrinkle: float = 0.0  # AU9
    lip_raise: float = 0.0  # AU10
    corner: float = 0.0  # AU12 up, negative AU15 down
    smirk: float = 0.0  # AU14: one corner; the sign is the side
    stretch: float = 0.0  # AU20 wide; negative rounds the mouth (AU18)
    press: float = 0.0  # AU24: thin, pressed lips
    part: float = 0.0  # AU25: lips apart
    jaw: float = 0.0  # AU26-27: jaw drop
    square: float = 0.0  # AU22-23: a mouth open with tense, straight lips
    chin: float = 0.0  # AU17: chin boss up
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@dataclasses.dataclass(frozen=True)
class Prototype:
    """Facial actions of a class, how they change with arousal and valence, and where it lies in the plane.

    `mean` and `spread` are (valence, arousal). `by_arousal` and `by_valence` are added for a sample one full
    spread-width (two standard deviations) above the class mean, taken away for one below.
    """

    mean: tuple[float, float]
    spread: tuple[float, float]
    base: dict
    by_arousal: dict
    by_valence: dict


PROTOTYPES = {
    "neutral": Prototype(
        (0.0, 0.0),
        (0.10, 0.12),
        {},
        {"upper_lid": 0.35, "outer_brow": 0.2, "inner_brow": 0.15, "part": 0.1},
        {"corner": 0.2, "cheek": 0.1},
    ),
    "happy": Prototype(
        (0.66, 0.10),
        (0.13, 0.20),
        {"corner": 1.0, "cheek": 0.7, "squint": 0.4, "part": 0.45, "jaw": 0.18, "stretch": 0.3},
        {"jaw": 0.38, "part": 0.35, "upper_lid": 0.3, "outer_brow": 0.4, "inner_brow": 0.3},
        {"corner": 0.25, "cheek": 0.3, "squint": 0.25, "stretch": 0.15},
    ),
    "sad": Prototype(
        (-0.62, -0.25),
        (0.13, 0.18),
        {
            "inner_brow": 1.0,
            "outer_brow": -0.45,
            "brow_lower": 0.2,
            "upper_lid": -0.5,
            "corner": -1.0,
            "chin": 0.7,
        },
        {"part": 0.3, "jaw": 0.22, "upper_lid": 0.3, "squint": -0.1},
        {"corner": 0.25, "inner_brow": -0.25, "chin": -0.3},
    ),
    "surprise": Prototype(
        (0.18, 0.70),
        (0.18, 0.12),
        {"inner_brow": 1.1, "outer_brow": 1.1, "upper_lid": 0.85, "jaw": 0.85, "part": 0.5, "stretch": -0.7},
        {"jaw": 0.35, "upper_lid": 0.35, "inner_brow": 0.2, "outer_brow": 0.2},
        {"corner": 0.45, "cheek": 0.3, "stretch": 0.25},
    ),
    "fear": Prototype(
        (-0.22, 0.76),
        (0.14, 0.10),
        {
            "inner_brow": 1.2,
            "outer_brow": 0.15,
            "brow_lower": 0.35,
            "upper_lid": 1.0,
            "stretch": 0.9,
            "part": 0.6,
            "square": 0.9,
            "jaw": 0.15,
            "corner": -0.5,
        },
        {"jaw": 0.25, "upper_lid": 0.3, "part": 0.2},
        {"corner": 0.35, "stretch": -0.15, "brow_lower": -0.2},
    ),
    "disgust": Prototype(
        (-0.66, 0.36),
        (0.12, 0.14),
        {
            "brow_lower": 0.55,
            "squint": 0.8,
            "upper_lid": -0.45,
            "nose_wrinkle": 1.0,
            "lip_raise": 1.1,
            "corner": -0.45,
            "cheek": 0.6,
            "part": 0.2,
        },
        {"part": 0.3, "jaw": 0.25, "upper_lid": 0.25, "lip_raise": 0.15},
        {"corner": 0.3, "nose_wrinkle": -0.2, "brow_lower": -0.15},
    ),
    "anger": Prototype(
        (-0.48, 0.60),
        (0.13, 0.15),
        {
            "brow_lower": 1.15,
            "outer_brow": 0.4,
            "upper_lid": 0.15,
            "squint": 0.6,
            "corner": -0.55,
            "press": 0.5,
        },
        {"part": 0.5, "jaw": 0.4, "square": 0.7, "press": -0.6, "upper_lid": 0.4, "stretch": 0.1},
        {"corner": 0.3, "brow_lower": -0.15},
    ),
    "contempt": Prototype(
        (-0.45, 0.35),
        (0.13, 0.14),
        {"smirk": 1.2, "squint": 0.3, "upper_lid": -0.25, "press": 0.3, "outer_brow": 0.15},
        {"upper_lid": 0.3, "outer_brow": 0.2, "part": 0.12},
        {"corner": 0.25, "brow_lower": -0.2},
    ),
}


def sample_valence_arousal(label: int, rng: np.random.Generator) -> tuple[float, float]:
    """Draws (valence, arousal) in [-1, 1] around the mean of AffectNet class `label` (0..7)."""
    prototype = PROTOTYPES[AFFECTNET_CLASSES[label]]
    offset = np.clip(rng.normal(size=2), -2.2, 2.2) * prototype.spread
    return tuple(float(x) for x in np.clip(np.add(prototype.mean, offset), -1.0, 1.0))


def express(
    label: int, valence: float, arousal: float, rng: np.random.Generator, expressiveness: float = 1.0
) -> Actions:
    """Facial actions of class `label` (0..7) at this valence and arousal, with play in every muscle."""
    prototype = PROTOTYPES[AFFECTNET_CLASSES[label]]
    relative = np.subtract((valence, arousal), prototype.mean) / (2 * np.asarray(prototype.spread))
    by_valence, by_arousal = np.clip(relative, -1.1, 1.1)
    strength = expressiveness * rng.uniform(0.88, 1.12)
    values = {}
    for field in dataclasses.fields(Actions):
        name = field.name
        value = strength * prototype.base.get(name, 0.0)
        value += by_arousal * prototype.by_arousal.get(name, 0.0)
        value += by_valence * prototype.by_valence.get(name, 0.0)
        values[name] = value + rng.normal(0, 0.05)
    values["smirk"] = values["smirk"] * rng.choice((-1, 1)) if prototype.base.get("smirk") else 0.0
    values["part"] = max(values["part"] - 0.12, 0.0)
    values["jaw"] = max(values["jaw"] - 0.08, 0.0)
    values["gaze_x"], values["gaze_y"] = rng.normal(0, 0.35), rng.normal(0, 0.2)
    return Actions(**{name: float(value) for name, value in values.items()})
