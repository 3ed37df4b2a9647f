"""Boxes of body, mask and face from the 18 joints of a person (context_emotion spec 1.4).

A box is x1, y1, x2, y2 in whole pixels: it covers columns x1 <= x < x2 and rows y1 <= y < y2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from emojax.vision.laban import VISIBLE_FROM

Box = tuple[int, int, int, int]

BODY_MARGIN, MASK_MARGIN, FACE_MARGIN = 1.0, 0.1, 0.3  # share of the box's sides that is added on each side
HEAD_JOINTS = (0, 1, 14, 15, 16, 17)  # nose, neck, eyes, ears
_NECK = 1
_MIN_SIDE = 2


@dataclasses.dataclass(frozen=True)
class Margins:
    """How the boxes of a person are made: as the published systems do, which the thesis does not say (spec 10, G10).

    Attributes:
        body: share of the sides of the joints' box that is added on each side.
        mask: the same for what is hidden in the context.
        face: the same for the box of the head.
        neck: the head has the neck, too; the thesis names nose, eyes and ears alone.
    """

    body: float = BODY_MARGIN
    mask: float = MASK_MARGIN
    face: float = FACE_MARGIN
    neck: bool = True

    @property
    def head(self) -> tuple[int, ...]:
        """Joints of the head."""
        return HEAD_JOINTS if self.neck else tuple(joint for joint in HEAD_JOINTS if joint != _NECK)


PUBLISHED = Margins()


def joint_box(
    joints: np.ndarray,
    width: int,
    height: int,
    margin: float,
    members: Sequence[int] | None = None,
) -> Box | None:
    """The box of the visible joints, enlarged and cut off at the edges of the frame.

    Args:
        joints: ``[18, 3]`` x, y in pixels and confidence; visible from a confidence of 0.1.
        width: of the frame.
        height: of the frame.
        margin: share of the box's width (height) that is added on each side.
        members: joints that count; all if None.

    Returns:
        The box, or None where no joint is visible or the box is thinner than 2 pixels.
    """
    chosen = joints if members is None else joints[list(members)]
    visible = chosen[(chosen[:, 2] >= VISIBLE_FROM) & np.isfinite(chosen).all(axis=1)]
    if not len(visible):
        return None
    low, high = np.rint(visible[:, :2].min(axis=0)), np.rint(visible[:, :2].max(axis=0))
    grow = np.rint(margin * (high - low))
    x1, y1 = np.maximum(low - grow, 0)
    x2, y2 = np.minimum(high + grow, (width, height))
    if x2 - x1 < _MIN_SIDE or y2 - y1 < _MIN_SIDE:
        return None
    return int(x1), int(y1), int(x2), int(y2)


def body_box(joints: np.ndarray, width: int, height: int, margins: Margins = PUBLISHED) -> Box | None:
    """What the body stream is cut to; None stands for the whole frame."""
    return joint_box(joints, width, height, margins.body)


def mask_box(joints: np.ndarray, width: int, height: int, margins: Margins = PUBLISHED) -> Box | None:
    """What is blackened in the context; None for nothing."""
    return joint_box(joints, width, height, margins.mask)


def face_box(joints: np.ndarray, width: int, height: int, margins: Margins = PUBLISHED) -> Box | None:
    """What the face stream is cut to; None stands for a black image."""
    return joint_box(joints, width, height, margins.face, margins.head)
