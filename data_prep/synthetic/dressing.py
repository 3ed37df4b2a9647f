"""Draws a person: body and clothes round the joints of `bodies.Body`, then the head of `faces`."""

from __future__ import annotations

import dataclasses

import numpy as np

from data_prep.synthetic.actions import Actions
from data_prep.synthetic.bodies import HEAD_UNIT, Body
from data_prep.synthetic.faces import draw_face
from data_prep.synthetic.geometry import Pose, spline
from data_prep.synthetic.identity import Identity
from data_prep.synthetic.paint import ellipse, fill, ribbon, shade, stroke
from emojax.graphs.openpose import LEFT_HAND, RIGHT_HAND
from emojax.graphs.skeletons import BODY_25

_INDEX = {name: i for i, name in enumerate(BODY_25.joints)}
_SIDES = (("R", -1), ("L", 1))
_SHIRT_WIDTHS, _SKIN_WIDTHS = (0.125, 0.105, 0.085), (0.10, 0.085, 0.06)
_TROUSER_WIDTHS, _LEG_WIDTHS = (0.19, 0.15, 0.12), (0.17, 0.12, 0.08)


@dataclasses.dataclass(frozen=True)
class Outfit:
    """Clothes. Colours are RGB floats in 0..255."""

    top: tuple
    bottom: tuple
    shoes: tuple
    long_sleeves: bool
    lower: str  # trousers, shorts or skirt
    pattern: str  # plain, stripes or jacket


def sample_outfit(identity: Identity, rng: np.random.Generator) -> Outfit:
    """Clothes in the colour of the person's; dark colours are commoner below."""
    bottoms = np.array(
        [(38, 44, 66), (52, 50, 52), (88, 76, 60), (70, 92, 128), (120, 116, 110), (96, 40, 48)]
    )
    return Outfit(
        top=identity.clothes,
        bottom=tuple(np.clip(bottoms[rng.integers(len(bottoms))] + rng.normal(0, 14, 3), 0, 255).tolist()),
        shoes=tuple(rng.uniform(15, 90, 3).tolist()) if rng.random() < 0.8 else (225.0, 222.0, 216.0),
        long_sleeves=bool(rng.random() < 0.55),
        lower=str(rng.choice(("trousers", "shorts", "skirt"), p=(0.66, 0.17, 0.17))),
        pattern=str(rng.choice(("plain", "stripes", "jacket"), p=(0.6, 0.2, 0.2))),
    )


@dataclasses.dataclass(frozen=True)
class Figure:
    """A person to draw.

    Attributes:
        body: joints in metres.
        identity, actions, outfit: who, with which face, in what.
        origin: `[2]` pixel of the ground between the feet.
        scale: pixels per metre.
        turn: yaw, pitch and roll of the head.
        prop: "" or "tablet", held between the hands.
    """

    body: Body
    identity: Identity
    actions: Actions
    outfit: Outfit
    origin: tuple[float, float]
    scale: float
    turn: tuple[float, float, float]
    prop: str = ""

    def place(self, points: np.ndarray) -> np.ndarray:
        """Pixels `[..., 2]` of points in metres."""
        return np.array(self.origin) + np.asarray(points) * (self.scale, -self.scale)

    @property
    def head(self) -> Pose:
        x, y = self.place(self.body.head)
        unit = HEAD_UNIT * self.scale
        return Pose(*self.turn, scale=unit, x=float(x), y=float(y))


def draw_person(image: np.ndarray, figure: Figure) -> np.ndarray:
    """Draws a figure onto `image` `[H, W, 3]` uint8 RGB in place; returns the face's landmarks `[68, 2]`."""
    at = figure.place(figure.body.joints)
    if not figure.body.seated:
        _draw_legs(image, figure, at)
    _draw_torso(image, figure, at)
    if figure.body.seated:
        _draw_legs(image, figure, at)
    _draw_neck(image, figure, at)
    points = draw_face(image, figure.identity, figure.actions, figure.head, shoulders=False)
    if figure.prop:
        _draw_tablet(image, figure, at)
    for letter, side in _SIDES:
        _draw_arm(image, figure, at, letter, side)
    return points


def place_joints(figure: Figure, points: np.ndarray) -> np.ndarray:
    """Joints in pixels `[67, 2]`; nose, eyes and ears where the drawn face (`points` `[68, 2]`) has them."""
    at = figure.place(figure.body.joints)
    # The person's right is at the image's left: landmarks 36-41 are the right eye, 0 is beside the right ear.
    at[_INDEX["Nose"]] = points[30]
    at[_INDEX["REye"]], at[_INDEX["LEye"]] = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    at[_INDEX["REar"]], at[_INDEX["LEar"]] = points[0], points[16]
    return at


def _limb(image: np.ndarray, points: np.ndarray, colour, widths) -> None:
    """A rounded limb through three points, with a lit middle."""
    curve = spline(points, steps=4)
    width = np.interp(np.linspace(0, 2, len(curve)), (0, 1, 2), widths)
    dark = shade(colour, 0.84)
    for end, extent in ((curve[0], width[0]), (curve[-1], width[-1])):
        fill(image, ellipse(end, 0.5 * extent, 0.5 * extent, 12), dark)
    fill(image, ribbon(curve, width), dark)
    fill(image, ribbon(curve, 0.62 * width), colour)


def _joints(at: np.ndarray, letter: str, *names: str) -> np.ndarray:
    return at[[_INDEX[letter + name] for name in names]]


def draw_shadow(image: np.ndarray, figure: Figure) -> None:
    """Darkens the ground at the feet of a figure, in place."""
    width = 0.42 if figure.body.seated else 0.3
    x, y = figure.origin
    low, high = int(max(y - 0.06 * figure.scale, 0)), int(y + 0.07 * figure.scale)
    left, right = int(max(x - width * figure.scale, 0)), int(x + width * figure.scale)
    region = image[low:high, left:right]
    if region.size:
        across = np.linspace(-1, 1, region.shape[1])[None, :] ** 2
        down = np.linspace(-1, 1, region.shape[0])[:, None] ** 2
        gain = 1 - 0.45 * np.clip(1.1 - across - down, 0, 1)
        np.multiply(region, gain[..., None], out=region, casting="unsafe")


def _draw_legs(image: np.ndarray, figure: Figure, at: np.ndarray) -> None:
    outfit, scale = figure.outfit, figure.scale
    for letter, side in _SIDES:
        leg = _joints(at, letter, "Hip", "Knee", "Ankle")
        if outfit.lower == "trousers":
            _limb(image, leg, outfit.bottom, scale * np.array(_TROUSER_WIDTHS))
        else:
            _limb(image, leg, figure.identity.skin, scale * np.array(_LEG_WIDTHS))
        if outfit.lower == "shorts":
            short = np.stack([leg[0], 0.5 * (leg[0] + leg[1]), leg[1]])
            _limb(image, short, outfit.bottom, scale * np.array((0.19, 0.18, 0.17)))
        ankle, toe = leg[2], at[_INDEX[letter + "BigToe"]]
        lift, forward = np.array((0, 0.02 * scale)), np.array((0.02 * side * scale, 0))
        shoe = np.stack([ankle + lift, 0.5 * (ankle + toe), toe + forward])
        _limb(image, shoe, outfit.shoes, scale * np.array((0.09, 0.10, 0.08)))
    if outfit.lower == "skirt" and not figure.body.seated:
        knees = [_joints(at, letter, "Knee")[0] for letter, _ in _SIDES]
        hips = [_joints(at, letter, "Hip")[0] for letter, _ in _SIDES]
        flare = np.array((0.10 * scale, -0.02 * scale))
        hem = [knees[1] + flare, knees[0] + flare * (-1, 1)]
        sides = [hips[0] - (0.08 * scale, 0.02 * scale), hips[1] + (0.08 * scale, -0.02 * scale)]
        fill(image, np.array([*sides, *hem]), shade(outfit.bottom, 0.9))
        fold = np.stack([hips[1], 0.5 * (knees[0] + knees[1])])
        stroke(image, fold, shade(outfit.bottom, 0.72), 0.02 * scale)


def _torso_outline(at: np.ndarray, scale: float, grow: float) -> np.ndarray:
    """Closed curve round shoulders, waist and hips; `grow` in metres."""
    neck = at[_INDEX["Neck"]]
    shoulders = [_joints(at, letter, "Shoulder")[0] for letter, _ in _SIDES]
    hips = [_joints(at, letter, "Hip")[0] for letter, _ in _SIDES]
    right, left = [], []
    for side, shoulder, hip, half in ((-1, shoulders[0], hips[0], right), (1, shoulders[1], hips[1], left)):
        out = np.array((side * scale, 0))
        waist = 0.42 * shoulder + 0.58 * hip
        half += [
            neck + out * 0.07 - (0, 0.045 * scale),
            shoulder + out * (0.045 + grow) - (0, (0.035 + grow) * scale),
            shoulder + out * (0.03 + grow) + (0, 0.13 * scale),
            waist + out * (0.025 + grow),
            hip + out * (0.075 + grow) + (0, 0.02 * scale),
            hip + out * (0.06 + grow) + (0, (0.09 + grow) * scale),
        ]
    return spline(np.array([*right, *reversed(left)]), closed=True, steps=3)


def _draw_torso(image: np.ndarray, figure: Figure, at: np.ndarray) -> None:
    outfit, scale = figure.outfit, figure.scale
    fill(image, _torso_outline(at, scale, 0.0), shade(outfit.top, 0.84))
    fill(image, _torso_outline(at, scale, -0.025), outfit.top)
    neck, hip = at[_INDEX["Neck"]], at[_INDEX["MidHip"]]
    across = np.array((0.15 * scale, 0))
    if outfit.pattern == "stripes":
        for share in (0.25, 0.45, 0.65, 0.85):
            middle = neck + share * (hip - neck)
            stroke(image, np.stack([middle - across, middle + across]), shade(outfit.top, 1.5), 0.035 * scale)
    elif outfit.pattern == "jacket":
        opening = [neck - 0.4 * across, neck + 0.4 * across, hip + 0.25 * across, hip - 0.25 * across]
        fill(image, np.array(opening), (232, 230, 224))
        for side in (-1, 1):
            lapel = [neck + side * 0.45 * across, neck + 0.4 * (hip - neck) + side * 0.2 * across, hip]
            stroke(image, np.array(lapel), shade(outfit.top, 0.6), 0.02 * scale)


def _draw_neck(image: np.ndarray, figure: Figure, at: np.ndarray) -> None:
    neck, skin, scale = at[_INDEX["Neck"]], figure.identity.skin, figure.scale
    chin = figure.place(figure.body.head - (0, 0.9 * HEAD_UNIT))
    stroke(image, np.stack([chin, neck - (0, 0.01 * scale)]), shade(skin, 0.78), 0.095 * scale)
    collar = np.array([(-0.06, 0.045), (0, 0.0), (0.06, 0.045)]) * (scale, -scale) + neck
    fill(image, np.concatenate([collar, [chin]]), shade(skin, 0.78))
    stroke(image, spline(collar), shade(figure.outfit.top, 0.65), 0.02 * scale)


def _draw_arm(image: np.ndarray, figure: Figure, at: np.ndarray, letter: str, side: int) -> None:
    outfit, skin, scale = figure.outfit, figure.identity.skin, figure.scale
    arm = _joints(at, letter, "Shoulder", "Elbow", "Wrist")
    _limb(image, arm, skin, scale * np.array(_SKIN_WIDTHS))
    _draw_hand(image, figure, at[RIGHT_HAND:] if letter == "R" else at[LEFT_HAND:RIGHT_HAND])
    if outfit.long_sleeves:
        cuff = arm[1] + 0.92 * (arm[2] - arm[1])
        _limb(image, np.stack([arm[0], arm[1], cuff]), outfit.top, scale * np.array(_SHIRT_WIDTHS))
    else:
        cuff = arm[0] + 0.55 * (arm[1] - arm[0])
        short = np.stack([arm[0], 0.5 * (arm[0] + cuff), cuff])
        _limb(image, short, outfit.top, scale * np.array((0.125, 0.125, 0.125)))


def _draw_hand(image: np.ndarray, figure: Figure, hand: np.ndarray) -> None:
    skin, scale = figure.identity.skin, figure.scale
    palm = np.concatenate([hand[:1], hand[1::4]])
    centre = palm.mean(axis=0)
    fill(image, ellipse(centre, 0.042 * scale, 0.042 * scale, 14), shade(skin, 0.92))
    for finger in range(5):
        joints = hand[1 + 4 * finger : 5 + 4 * finger]
        stroke(image, np.concatenate([centre[None], joints]), shade(skin, 0.96), 0.021 * scale)


def _draw_tablet(image: np.ndarray, figure: Figure, at: np.ndarray) -> None:
    wrists = at[[_INDEX["RWrist"], _INDEX["LWrist"]]]
    middle = wrists.mean(axis=0) - (0, 0.02 * figure.scale)
    corners = np.array([(-0.13, 0.06), (0.13, 0.06), (0.15, -0.11), (-0.15, -0.11)]) * (1, -1) * figure.scale
    fill(image, middle + corners, (44, 46, 52))
    fill(image, middle + 0.86 * corners, (196, 214, 226))
