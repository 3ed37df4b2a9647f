"""Hair, head scarves and hats: what is drawn behind the head and what is drawn over the forehead."""

from __future__ import annotations

import numpy as np

from data_prep.synthetic.geometry import Pose, spline
from data_prep.synthetic.identity import Identity
from data_prep.synthetic.paint import ellipse, fill, shade, stroke, tapered


def _skull(identity: Identity, offset: float, low: float) -> np.ndarray:
    """Open curve over the head from image-left to image-right, `offset` outside the skull, ends at `low`."""
    width, top = identity.width, identity.forehead
    half = [
        (width + 0.7 * offset, low),
        *([(width + offset, -0.35)] if low > -0.2 else []),
        (0.90 * width + offset, -0.66 * top - 0.3 * offset),
        (0.54 * width + 0.6 * offset, -0.93 * top - 0.8 * offset),
    ]
    mirrored = [(-x, y) for x, y in half]
    return spline([*mirrored, (0, -top - offset), *reversed(half)])


def _curtain(identity: Identity, width: float, bottom: float) -> np.ndarray:
    """Closed shape of hair that falls behind the head down to `bottom`."""
    top = identity.forehead + identity.hair_volume
    half = [
        (0.55 * width, -0.95 * top),
        (0.95 * width, -0.6 * top),
        (width, 0.2),
        (1.02 * width, bottom - 0.25),
    ]
    half.append((0.8 * width, bottom))
    return spline([(0, -top), *half, *[(-x, y) for x, y in reversed(half)]], closed=True)


def draw_hair_behind(image: np.ndarray, identity: Identity, pose: Pose) -> None:
    """Draws what shows behind the head (long hair, curls, a bun, a scarf)."""
    style, dark = identity.hair_style, shade(identity.hair, 0.72)
    if style in ("bob", "long", "scarf"):
        bottom = {"bob": 0.95, "long": 1.75, "scarf": 1.6}[style]
        colour = shade(identity.accent, 0.75) if style == "scarf" else dark
        width = identity.width + (0.26 if style == "scarf" else 0.16 + identity.hair_volume)
        fill(image, pose.outline(_curtain(identity, width, bottom), -0.3), colour)
    elif style == "afro":
        for x, y, radius in ((0, -0.62, 1.28), (-0.72, -0.35, 0.72), (0.72, -0.35, 0.72)):
            fill(image, pose.outline(ellipse((x, y), radius, radius), -0.2), identity.hair)
    elif style == "curly":
        for angle in np.linspace(-0.25, np.pi + 0.25, 13):
            centre = np.array(
                (np.cos(angle) * identity.width, -0.25 - np.sin(angle) * (identity.forehead - 0.25))
            )
            fill(image, pose.outline(ellipse(centre, 0.3, 0.3, 14), -0.1), shade(identity.hair, 0.85))
    elif style == "bun":
        fill(image, pose.outline(ellipse((0, -identity.forehead - 0.22), 0.36, 0.34), -0.4), dark)


def _hairline(identity: Identity) -> np.ndarray:
    """Lower edge of the hair on the forehead, from image-right to image-left."""
    width, line = identity.width, identity.hairline
    temple = [(0.95 * width, -0.28), (0.84 * width, -0.62)]
    inner = {
        "fringe": [(0.6 * width, -0.70), (0.2 * width, -0.74), (-0.2 * width, -0.72), (-0.6 * width, -0.70)],
        "parted": [(0.62 * width, line + 0.08), (0.25 * width, line - 0.16), (-0.2 * width, line - 0.06)],
        "spiky": [
            (0.6 * width, line),
            (0.35 * width, line - 0.14),
            (0.1 * width, line),
            (-0.2 * width, line - 0.14),
        ],
    }
    middle = inner.get(identity.hair_style, [(0.55 * width, line), (0, line - 0.05), (-0.55 * width, line)])
    return spline([*temple, *middle, *[(-x, y) for x, y in reversed(temple)]], steps=4)


def draw_hair_front(image: np.ndarray, identity: Identity, pose: Pose) -> None:
    """Draws hair or headwear over the top of the head and the forehead."""
    style = identity.hair_style
    if style == "bald":
        return
    if style == "scarf":
        _draw_scarf(image, identity, pose)
        return
    if style == "beanie":
        _draw_beanie(image, identity, pose)
        return
    low = {"bob": 0.55, "long": 0.75}.get(style, -0.1)
    arc = _skull(identity, identity.hair_volume * (0.6 if style == "bun" else 1.0), low)
    cap = np.concatenate([pose.outline(arc), pose.place(_hairline(identity))])
    fill(image, cap, identity.hair)
    if style in ("bob", "long"):
        _draw_side_locks(image, identity, pose, low)
    if style == "spiky":
        for x in np.linspace(-0.7, 0.7, 7) * identity.width:
            root = -identity.forehead * np.sqrt(max(1 - (x / (1.25 * identity.width)) ** 2, 0)) + 0.08
            spike = np.array([(x - 0.16, root), (x + 0.05, root - 0.38), (x + 0.16, root)])
            fill(image, pose.outline(spike), identity.hair)
    shine = _skull(identity, -0.16, -0.5)[6:17]
    stroke(image, pose.outline(shine), shade(identity.hair, 1.18), tapered(0.09 * pose.scale, len(shine)))


def _draw_side_locks(image: np.ndarray, identity: Identity, pose: Pose, low: float) -> None:
    for side in (-1, 1):
        x = side * identity.width
        lock = spline(
            [(0.84 * x, -0.6), (0.93 * x, -0.2), (0.97 * x, low), (1.12 * x, low), (1.14 * x, -0.3)]
        )
        fill(image, pose.outline(lock), identity.hair)


def _draw_scarf(image: np.ndarray, identity: Identity, pose: Pose) -> None:
    width, line = identity.width, identity.hairline + 0.06
    opening = [(0.9 * width, -0.35), (0.55 * width, line + 0.1), (0, line), (-0.55 * width, line + 0.1)]
    inner = spline([*opening, (-0.9 * width, -0.35)])
    fill(
        image,
        np.concatenate([pose.outline(_skull(identity, 0.12, -0.1)), pose.place(inner)]),
        identity.accent,
    )
    below = [(-0.99 * width, 0.0), (-0.86 * width, 0.62), (-0.5 * identity.jaw, identity.chin - 0.02)]
    edge = [*below, (0, identity.chin + 0.06), *[(-x, y) for x, y in reversed(below)]]
    outer = [
        (1.2 * width, 0.1),
        (1.05 * width, 0.9),
        (0.5, 1.55),
        (-0.5, 1.55),
        (-1.05 * width, 0.9),
        (-1.2 * width, 0.1),
    ]
    fill(
        image, pose.outline(np.concatenate([spline(edge), spline(outer)]), 0.1), shade(identity.accent, 0.88)
    )


def _draw_beanie(image: np.ndarray, identity: Identity, pose: Pose) -> None:
    width, line = identity.width, identity.hairline + 0.02
    edge = spline([(0.99 * width, line + 0.22), (0.5 * width, line + 0.04), (-0.5 * width, line + 0.04)])
    edge = np.concatenate([edge, [(-0.99 * width, line + 0.22)]])
    arc = pose.outline(_skull(identity, 0.13, line + 0.25))
    fill(image, np.concatenate([arc, pose.place(edge)]), identity.accent)
    stroke(image, pose.place(edge), shade(identity.accent, 0.7), 0.16 * pose.scale)
