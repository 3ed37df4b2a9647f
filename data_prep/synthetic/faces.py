"""Draws one face: a person (`Identity`) doing something (`Actions`) seen from somewhere (`Pose`)."""

from __future__ import annotations

import cv2
import numpy as np

from data_prep.synthetic.actions import Actions
from data_prep.synthetic.geometry import (
    Eye,
    FaceShape,
    Mouth,
    Pose,
    between_lids,
    face_shape,
    landmarks,
    nose_base_depth,
    spline,
    surface_depth,
)
from data_prep.synthetic.hair import draw_hair_behind, draw_hair_front
from data_prep.synthetic.identity import Identity
from data_prep.synthetic.paint import ellipse, fill, mix, ribbon, shade, stroke, tapered, tint

_EYE_WHITE = (240, 238, 234)
_TEETH = (246, 242, 232)
_MOUTH_INSIDE = (74, 22, 26)
_TONGUE = (190, 92, 96)
_LASHES = (34, 24, 24)


def draw_face(
    image: np.ndarray, identity: Identity, actions: Actions, pose: Pose, *, shoulders: bool = True
) -> np.ndarray:
    """Draws a head, with neck and shoulders or without, onto `image` `[H, W, 3]` uint8 RGB in place.

    Returns the 68 landmarks `[68, 2]` float64 (pixels), exactly those of the drawn curves.
    """
    shape = face_shape(identity, actions)
    draw_hair_behind(image, identity, pose)
    if shoulders:
        _draw_shoulders(image, identity, pose)
    _draw_ears(image, identity, pose)
    _draw_head(image, identity, shape, pose)
    _draw_cheeks(image, identity, actions, pose)
    _draw_beard(image, identity, shape, pose)
    _draw_folds(image, identity, actions, shape, pose)
    _draw_nose(image, identity, actions, shape, pose)
    _draw_mouth(image, identity, actions, shape.mouth, pose)
    for eye in (shape.left_eye, shape.right_eye):
        _draw_eye(image, identity, actions, eye, pose)
    draw_hair_front(image, identity, pose)
    for brow in (shape.left_brow, shape.right_brow):
        _draw_brow(image, identity, brow, pose)
    _draw_glasses(image, identity, shape, pose)
    return landmarks(shape, pose)


def _draw_shoulders(image: np.ndarray, identity: Identity, pose: Pose) -> None:
    """Neck and clothes; the trunk leans half as far as the head."""
    chin = pose.outline(np.array([(0.0, identity.chin - 0.15)]), 0.0)[0]
    body = Pose(0.0, 0.0, 0.4 * pose.roll, pose.scale, *chin)
    neck = np.array([(-0.42, -0.4), (0.42, -0.4), (0.5, 0.75), (-0.5, 0.75)])
    fill(image, body.place(neck, 0.0), shade(identity.skin, 0.78))
    half = [(0.48, 0.48), (1.1, 0.68), (1.65, 1.0), (1.8, 3.0)]
    torso = spline([(0, 0.66), *half, *[(-x, y) for x, y in reversed(half)]], closed=True)
    fill(image, body.place(torso, 0.0), identity.clothes)
    collar = spline([(-0.48, 0.48), (0, 0.74), (0.48, 0.48)])
    stroke(image, body.place(collar, 0.0), shade(identity.clothes, 0.7), 0.09 * pose.scale)


def _draw_ears(image: np.ndarray, identity: Identity, pose: Pose) -> None:
    if identity.hair_style in ("bob", "long", "scarf"):
        return
    for side in (-1, 1):
        centre = np.array((side * (identity.width + 0.05), 0.05))
        # An ear turns behind the head on the side the face turns to.
        visible = min(max(1.0 - 1.6 * side * np.sin(pose.yaw), 0.2), 1.5)
        size = identity.ear_size
        fill(
            image, pose.outline(ellipse(centre, 0.55 * size * visible, size), -0.1), shade(identity.skin, 0.9)
        )
        inner = ellipse(centre, 0.28 * size * visible, 0.6 * size)
        fill(image, pose.outline(inner, -0.1), shade(identity.skin, 0.72))
        if identity.earrings:
            at = np.add(centre, (0.01 * side, size + 0.04))
            fill(image, pose.outline(ellipse(at, 0.05, 0.05, 12), -0.1), identity.accent)


def _draw_head(image: np.ndarray, identity: Identity, shape: FaceShape, pose: Pose) -> None:
    """Skin, darker towards the outline so that the head looks round."""
    for factor, shrink in ((0.84, 1.0), (0.93, 0.95), (1.0, 0.88)):
        curve = shape.head * (shrink, shrink, 1.0)
        fill(image, pose.outline(curve[:, :2], curve[:, 2] + (1 - shrink)), shade(identity.skin, factor))


def _draw_cheeks(image: np.ndarray, identity: Identity, actions: Actions, pose: Pose) -> None:
    rosy = mix(identity.skin, (215, 70, 70), 0.5)
    raised = max(actions.cheek, 0.0)
    for side in (-1, 1):
        centre = (side * 0.52, 0.33 - 0.09 * raised)
        for radius in (0.24, 0.16):
            tint(image, pose.place(ellipse(centre, radius, 0.75 * radius, 18)), rosy, 0.13 + 0.08 * raised)
    if identity.freckles:
        spots = np.array([(-0.5, 0.2), (-0.4, 0.28), (-0.58, 0.3), (-0.32, 0.2), (0.1, 0.24), (-0.1, 0.26)])
        for spot in np.concatenate([spots, spots[:4] * (-1, 1)]):
            tint(image, pose.place(ellipse(spot, 0.025, 0.025, 8)), shade(identity.skin, 0.55), 0.6)


def _draw_beard(image: np.ndarray, identity: Identity, shape: FaceShape, pose: Pose) -> None:
    mouth = shape.mouth
    colour = shade(identity.hair, 0.9)
    if identity.beard:
        rim = shape.head[shape.head[:, 1] > 0.25]
        rim = rim[np.argsort(np.arctan2(rim[:, 0], rim[:, 1]))]
        right, left = mouth.lower_outer[-1], mouth.lower_outer[0]
        under = np.add(mouth.lower_outer[::-1], (0, 0.08))
        inner = np.concatenate(
            [[(0.72, 0.42), np.add(right, (0.16, 0.02))], under, [np.add(left, (-0.16, 0.02)), (-0.72, 0.42)]]
        )
        outer = pose.outline(rim[:, :2], rim[:, 2])
        tint(image, np.concatenate([outer, pose.place(inner)]), colour, 0.35 + 0.6 * identity.beard)
    if identity.moustache:
        upper = mouth.upper_outer[2:-2]
        edge = upper - np.stack([0 * upper[:, 0], 0.11 * np.cos(np.linspace(-1.2, 1.2, len(upper)))], axis=1)
        tint(image, pose.place(np.concatenate([upper, edge[::-1]])), colour, 0.85)


def _fold(image: np.ndarray, points, colour, strength: float, pose: Pose, width: float = 0.035) -> None:
    """A crease of the skin that deepens with `strength`; nothing below 0.15."""
    if strength <= 0.15:
        return
    curve = pose.place(spline(points, steps=5))
    outline = ribbon(curve, tapered(width * pose.scale, len(curve)))
    tint(image, outline, colour, min(max(0.25 + 0.6 * strength, 0.0), 0.85))


def _draw_folds(
    image: np.ndarray, identity: Identity, actions: Actions, shape: FaceShape, pose: Pose
) -> None:
    """Lines of the forehead, between the brows, beside the nose and the eyes, and on the chin."""
    colour = shade(identity.skin, 0.6)
    old = max((identity.age - 45) / 60, 0.0)
    raised = 0.6 * (actions.inner_brow + max(actions.outer_brow, 0.0)) - 0.3 + old
    for y in (-0.70, -0.80):
        _fold(image, [(-0.4, y + 0.03), (-0.15, y), (0.15, y), (0.4, y + 0.03)], colour, raised, pose)
    brow = shape.left_brow[-1, 1]
    for x in (-0.065, 0.065):
        _fold(image, [(x, brow - 0.10), (0.8 * x, brow + 0.12)], colour, actions.brow_lower, pose, 0.045)
    for height in (0.0, 0.07):
        _fold(
            image,
            [(-0.1, 0.03 + height), (0, 0.06 + height), (0.1, 0.03 + height)],
            colour,
            actions.nose_wrinkle,
            pose,
        )
    corner = shape.mouth.upper_outer[-1]
    nose = shape.nose_base[-1]
    nasolabial = 0.75 * max(actions.corner, 0) + 0.9 * actions.nose_wrinkle + 0.4 * old
    for side in (-1, 1):
        points = [
            (side * (nose[0] + 0.05), nose[1] - 0.08),
            (side * (corner[0] + 0.07), 0.5 * (nose[1] + corner[1])),
        ]
        _fold(image, [*points, (side * (corner[0] + 0.10), corner[1])], colour, nasolabial, pose, 0.045)
        eye_x = side * (identity.eye_spacing + identity.eye_width)
        for rise in (-0.05, 0.02):
            points = [
                (eye_x + side * 0.05, identity.eye_height + 0.3 * rise),
                (eye_x + side * 0.16, identity.eye_height + rise),
            ]
            _fold(image, points, colour, 0.8 * actions.cheek + old - 0.1, pose, 0.03)
    chin = 0.5 * (shape.mouth.lower_outer[10, 1] + identity.chin)
    _fold(
        image,
        [(-0.13, chin + 0.03), (0, chin - 0.03), (0.13, chin + 0.03)],
        colour,
        actions.chin,
        pose,
        0.045,
    )


def _draw_nose(image: np.ndarray, identity: Identity, actions: Actions, shape: FaceShape, pose: Pose) -> None:
    base, bridge = shape.nose_base, shape.nose_bridge
    skin = identity.skin
    depth = nose_base_depth(base)
    side = -1 if pose.yaw > 0 else 1
    flank = spline([(side * 0.05, bridge[0, 1]), (side * 0.08, bridge[2, 1]), base[0 if side < 0 else -1]])
    stroke(image, pose.place(flank, surface_depth(flank) + 0.1), shade(skin, 0.8), 0.05 * pose.scale)
    ball = ellipse(base[2] - (0, 0.06), 0.62 * base[-1, 0], 0.11)
    fill(image, pose.place(ball, surface_depth(ball) + 0.16), shade(skin, 1.06))
    for wing in (0, -1):
        circle = ellipse(base[wing] * (0.82, 1) - (0, 0.035), 0.06, 0.055, 14)
        fill(image, pose.place(circle, surface_depth(circle) + 0.06), shade(skin, 0.9))
    stroke(
        image,
        pose.place(spline(base), np.interp(np.linspace(0, 4, 25), range(5), depth)),
        shade(skin, 0.68),
        0.03 * pose.scale,
    )
    for x in (-0.45, 0.45):
        nostril = ellipse(
            (x * base[-1, 0], base[2, 1] - 0.03), 0.042 + 0.012 * actions.nose_wrinkle, 0.024, 12
        )
        fill(image, pose.place(nostril, surface_depth(nostril) + 0.12), shade(skin, 0.38))
    shine = np.stack([0 * bridge[:, 0], bridge[:, 1]], axis=1)
    stroke(image, pose.place(shine, surface_depth(shine) + 0.15), shade(skin, 1.12), 0.05 * pose.scale)


def _draw_mouth(image: np.ndarray, identity: Identity, actions: Actions, mouth: Mouth, pose: Pose) -> None:
    place = pose.place
    upper = np.concatenate([mouth.upper_outer, mouth.upper_inner[::-1]])
    lower = np.concatenate([mouth.lower_inner, mouth.lower_outer[::-1]])
    if mouth.opening > 0.025:
        fill(image, place(np.concatenate([mouth.upper_inner, mouth.lower_inner[::-1]])), _MOUTH_INSIDE)
        if mouth.opening > 0.2:
            centre = mouth.lower_inner[10] - (0, 0.02)
            tongue = ellipse(centre, 0.55 * mouth.upper_inner[-1, 0], 0.12)
            tongue[:, 1] = np.minimum(tongue[:, 1], np.interp(tongue[:, 0], *mouth.lower_inner.T))
            fill(image, place(tongue), _TONGUE)
        teeth = mouth.upper_inner[2:-2]
        bottom = np.minimum(teeth[:, 1] + 0.075, mouth.lower_inner[2:-2, 1])
        fill(image, place(np.concatenate([teeth, np.stack([teeth[:, 0], bottom], axis=1)[::-1]])), _TEETH)
        if actions.square > 0.3:
            row = mouth.lower_inner[3:-3]
            top = np.maximum(row[:, 1] - 0.065, mouth.upper_inner[3:-3, 1])
            fill(
                image,
                place(np.concatenate([row, np.stack([row[:, 0], top], axis=1)[::-1]])),
                shade(_TEETH, 0.94),
            )
    fill(image, place(upper), shade(identity.lips, 0.88))
    fill(image, place(lower), identity.lips)
    line = 0.5 * (mouth.upper_inner + mouth.lower_inner)
    if mouth.opening <= 0.05:
        stroke(image, place(line), shade(identity.lips, 0.4), tapered(0.045 * pose.scale, len(line), 0.3))
    for corner in (line[0], line[-1]):
        tint(image, place(ellipse(corner, 0.03, 0.03, 10)), shade(identity.lips, 0.4), 0.7)


def _draw_eye(image: np.ndarray, identity: Identity, actions: Actions, eye: Eye, pose: Pose) -> None:
    place = pose.place
    skin = identity.skin
    lid_colour = mix(shade(skin, 0.8), identity.accent, 0.35) if identity.make_up else shade(skin, 0.82)
    fill(image, place(np.concatenate([eye.upper, eye.fold[::-1]])), lid_colour)
    fill(image, place(np.concatenate([eye.upper, eye.lower[::-1]])), _EYE_WHITE)
    fill(image, place(between_lids(eye.iris, eye)), identity.iris)
    middle = eye.iris.mean(axis=0)
    pupil = middle + 0.52 * (eye.iris - middle)
    fill(image, place(between_lids(pupil, eye)), (16, 12, 14))
    glint = ellipse(middle - 0.035, 0.026, 0.026, 10)
    fill(image, place(between_lids(glint, eye)), (255, 255, 255))
    lash = (0.062 if identity.make_up else 0.045) * pose.scale
    stroke(image, place(eye.upper), _LASHES, tapered(lash, len(eye.upper), 0.4))
    stroke(image, place(eye.lower), shade(skin, 0.5), tapered(0.024 * pose.scale, len(eye.lower), 0.4))
    stroke(image, place(eye.fold[2:-2]), shade(skin, 0.6), tapered(0.022 * pose.scale, len(eye.fold) - 4))
    if actions.squint + actions.cheek > 0.7:
        bag = np.add(eye.lower, (0, 0.07))
        stroke(image, place(bag[3:-3]), shade(skin, 0.68), tapered(0.03 * pose.scale, len(bag) - 6))


def _draw_brow(image: np.ndarray, identity: Identity, brow: np.ndarray, pose: Pose) -> None:
    curve = pose.place(spline(brow, steps=5))
    taper = np.interp(np.linspace(0, 1, len(curve)), (0, 0.3, 0.8, 1), (0.35, 0.9, 1.15, 0.8))
    stroke(image, curve, identity.brow, 1.5 * identity.brow_thickness * pose.scale * taper)


def _draw_glasses(image: np.ndarray, identity: Identity, shape: FaceShape, pose: Pose) -> None:
    if identity.glasses == "none":
        return
    frame = shade(identity.accent, 0.45)
    thickness = max(round(0.045 * pose.scale), 1)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    power = 1.0 if identity.glasses == "round" else 0.45
    rim = np.stack([np.sign(f(angle)) * np.abs(f(angle)) ** power for f in (np.cos, np.sin)], axis=1)
    for eye in (shape.left_eye, shape.right_eye):
        outline = pose.place(eye.centre + (0, 0.02) + rim * (0.31, 0.26), 1.0)
        tint(image, outline, (225, 235, 245), 0.12)
        cv2.polylines(image, [np.rint(outline * 16).astype(np.int32)], True, frame, thickness, cv2.LINE_AA, 4)
    inner = identity.eye_spacing - 0.31
    bridge = spline(
        [(-inner, identity.eye_height), (0, identity.eye_height - 0.05), (inner, identity.eye_height)]
    )
    stroke(image, pose.place(bridge, 1.0), frame, thickness)
