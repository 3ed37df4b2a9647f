"""Who a drawn person is: everything about a face that an expression does not change."""

from __future__ import annotations

import dataclasses

import numpy as np

# RGB of skin from light to dark; a person's tone is a mix of two neighbours plus a small shift.
_SKIN = np.array(
    [
        (250, 221, 200),
        (241, 200, 170),
        (226, 178, 142),
        (205, 150, 110),
        (172, 116, 80),
        (132, 85, 58),
        (92, 60, 44),
    ],
    np.float32,
)
_HAIR = np.array(
    [(28, 22, 22), (54, 36, 28), (92, 58, 36), (134, 88, 48), (186, 142, 82), (222, 190, 130), (150, 66, 36)],
    np.float32,
)
_GREY_HAIR = np.array((190, 188, 186), np.float32)
_IRIS = ((70, 46, 32), (96, 66, 40), (58, 92, 62), (72, 112, 150), (110, 130, 140), (40, 30, 26))

HAIR_STYLES = (
    "bald",
    "short",
    "fringe",
    "parted",
    "bob",
    "long",
    "bun",
    "afro",
    "curly",
    "spiky",
    "scarf",
    "beanie",
)
_HAIR_WEIGHTS = np.array((7, 16, 9, 13, 10, 13, 6, 6, 8, 5, 4, 4), np.float64)


@dataclasses.dataclass(frozen=True)
class Identity:
    """Geometry (face units: half the width of an average face), colours, and habits of one person.

    Colours are RGB floats in 0..255. `expressiveness` scales every facial action of the person,
    `resting_corner` and `resting_brow` are the mouth and brow of the relaxed face.
    """

    age: float
    width: float
    jaw: float
    chin: float
    forehead: float
    eye_spacing: float
    eye_height: float
    eye_width: float
    eye_open: float
    eye_tilt: float
    iris_size: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    nose_length: float
    nose_width: float
    mouth_height: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    ear_size: float
    expressiveness: float
    resting_corner: float
    resting_brow: float
    skin: tuple
    lips: tuple
    hair: tuple
    brow: tuple
    iris: tuple
    clothes: tuple
    accent: tuple
    hair_style: str
    hair_volume: float
    hairline: float
    beard: float
    moustache: bool
    glasses: str
    freckles: bool
    make_up: bool
    earrings: bool


def _around(rng: np.random.Generator, mean: float, deviation: float, limit: float = 2.0) -> float:
    """A normal value, kept within `limit` deviations so that no face falls apart."""
    return float(mean + deviation * np.clip(rng.normal(), -limit, limit))


def _colour(value) -> tuple:
    return tuple(float(c) for c in np.clip(value, 0, 255))


def _mixed(rng: np.random.Generator, palette: np.ndarray, spread: float) -> np.ndarray:
    at = rng.uniform(0, len(palette) - 1)
    low = min(int(at), len(palette) - 2)
    return palette[low] * (1 - (at - low)) + palette[low + 1] * (at - low) + rng.normal(0, spread, 3)


def _hair_colour(rng: np.random.Generator, age: float) -> np.ndarray:
    if rng.random() < 0.06:
        return rng.uniform(40, 230, 3)  # dyed
    # Dark hair is the commonest colour of people, so draw the palette from its dark end.
    colour = _HAIR[min(int(rng.exponential(2.0)), len(_HAIR) - 1)] + rng.normal(0, 8, 3)
    grey = np.clip((age - 42) / 30 + rng.normal(0, 0.25), 0, 1) if age > 38 else 0.0
    return colour * (1 - grey) + _GREY_HAIR * grey


def _colours(rng: np.random.Generator, age: float) -> dict:
    skin = _mixed(rng, _SKIN, 4)
    hair = _hair_colour(rng, age)
    made_up = rng.random() < 0.3
    lips = skin * (0.80, 0.62, 0.62) + (6, 0, 2)
    if made_up:
        lips = lips * 0.45 + np.array((176, 34, 60)) * 0.55 + rng.normal(0, 12, 3)
    return {
        "skin": _colour(skin),
        "lips": _colour(lips),
        "hair": _colour(hair),
        "brow": _colour(np.minimum(hair * 0.6, skin * 0.5)),
        "iris": _colour(np.array(_IRIS[rng.integers(len(_IRIS))], np.float32) + rng.normal(0, 6, 3)),
        "clothes": _colour(rng.uniform(20, 235, 3)),
        "accent": _colour(rng.uniform(30, 230, 3)),
        "make_up": bool(made_up),
    }


def _geometry(rng: np.random.Generator) -> dict:
    return {
        "width": _around(rng, 0.93, 0.06),
        "jaw": _around(rng, 0.70, 0.07),
        "chin": _around(rng, 1.24, 0.06),
        "forehead": _around(rng, 1.36, 0.05),
        "eye_spacing": _around(rng, 0.405, 0.028),
        "eye_height": _around(rng, -0.12, 0.035),
        "eye_width": _around(rng, 0.205, 0.016),
        "eye_open": _around(rng, 1.0, 0.10),
        "eye_tilt": _around(rng, 0.015, 0.02),
        "iris_size": _around(rng, 0.098, 0.008),
        "brow_height": _around(rng, 0.30, 0.022),
        "brow_thickness": _around(rng, 0.052, 0.013),
        "brow_arch": _around(rng, 0.05, 0.018),
        "nose_length": _around(rng, 0.45, 0.045),
        "nose_width": _around(rng, 0.19, 0.03),
        "mouth_height": _around(rng, 0.70, 0.035),
        "mouth_width": _around(rng, 0.36, 0.03),
        "lip_upper": _around(rng, 0.062, 0.015),
        "lip_lower": _around(rng, 0.082, 0.018),
        "ear_size": _around(rng, 0.2, 0.03),
        "expressiveness": _around(rng, 1.0, 0.07),
        "resting_corner": _around(rng, 0.02, 0.06),
        "resting_brow": _around(rng, 0.0, 0.05),
    }


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draws one person. The same generator state gives the same person."""
    age = float(np.clip(rng.gamma(6.0, 6.0), 6, 88))
    style = str(rng.choice(HAIR_STYLES, p=_HAIR_WEIGHTS / _HAIR_WEIGHTS.sum()))
    bearded = age > 19 and style not in ("bob", "long", "bun", "scarf") and rng.random() < 0.45
    return Identity(
        age=age,
        **_geometry(rng),
        **_colours(rng, age),
        hair_style=style,
        hair_volume=_around(rng, 0.12, 0.04),
        hairline=_around(rng, -0.90, 0.05),
        beard=float(rng.uniform(0.25, 1.0)) if bearded else 0.0,
        moustache=bool(bearded and rng.random() < 0.5),
        glasses=str(rng.choice(("none", "round", "square"), p=(0.78, 0.11, 0.11))),
        freckles=bool(rng.random() < 0.12),
        earrings=bool(rng.random() < 0.15),
    )
