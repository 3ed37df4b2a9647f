"""Body boxes: cleaned, cut out, and given in the pixels of the resized context image (context_emotion spec
1.3).

A box is x1, y1, x2, y2 in pixels: it covers columns x1 <= x < x2 and rows y1 <= y < y2.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from emojax.errors import Skip

MAX_PEOPLE = 32
Box = tuple[int, int, int, int]


def usable_box(box: Sequence[float], width: int, height: int) -> Box:
    """The part of a box inside an image of `width` x `height`, in whole pixels (rounded outwards).

    Swapped corners are put in order.

    Raises:
        Skip: `bad_box` (not four finite numbers), `empty_box` (no area), `box_outside_image`.
    """
    if len(box) != 4 or not np.isfinite(box).all():
        raise Skip("bad_box", f"the body box is {list(box)}, not four numbers")
    (left, right), (top, bottom) = sorted((box[0], box[2])), sorted((box[1], box[3]))
    if left == right or top == bottom:
        raise Skip("empty_box", f"the body box {list(box)} has no area")
    x1, y1 = max(int(np.floor(left)), 0), max(int(np.floor(top)), 0)
    x2, y2 = min(int(np.ceil(right)), width), min(int(np.ceil(bottom)), height)
    if x2 <= x1 or y2 <= y1:
        raise Skip(
            "box_outside_image", f"the body box {list(box)} lies outside the image of {width} x {height}"
        )
    return x1, y1, x2, y2


def crop(image: np.ndarray, box: Box, size: int) -> np.ndarray:
    """The box of `image` `[H, W, 3]`, stretched to `[size, size, 3]`."""
    x1, y1, x2, y2 = box
    return resize(image[y1:y2, x1:x2], size)


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Stretches to `size` x `size`: by area where the image shrinks (no aliasing), bilinear where it
    grows."""
    shrinks = image.shape[0] * image.shape[1] > size * size
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def context_box(box: Box, width: int, height: int, size: int) -> np.ndarray:
    """The box in pixels of the image `resize`d from `width` x `height` to `size` x `size`.

    Returns:
        `[4]` float32 of whole numbers: columns x1 <= x < x2 and rows y1 <= y < y2 are all that show any pixel
        of the box, so zeroing them hides the person completely. Rounded outwards, and where the image grows
        widened by what bilinear interpolation mixes over the edge.
    """
    sides = []
    for low, high, extent in ((box[0], box[2], width), (box[1], box[3], height)):
        scale = size / extent
        # Output pixel j is mixed from source pixels around (j + 0.5) / scale - 0.5, at most one to either
        # side.
        blur = 0.5 if width * height <= size * size else 0.0
        sides.append(
            (max(np.floor((low - blur) * scale + 1e-9), 0), min(np.ceil((high + blur) * scale - 1e-9), size))
        )
    (x1, x2), (y1, y2) = sides
    return np.array((x1, y1, x2, y2), np.float32)


def people_boxes(
    box: Box, others: Sequence[Sequence[float]], width: int, height: int
) -> tuple[np.ndarray, int]:
    """Boxes of all people of an image as shares of its sides, the agent first and the others by distance from
    it.

    Returns:
        `[MAX_PEOPLE, 4]` float32 in [0, 1], zeros after the last person, and the number of people given (at
        most
        `MAX_PEOPLE`: of more, the nearest). Boxes of others that are no boxes are left out.
    """
    boxes = []
    for other in others:
        try:
            boxes.append(usable_box(other, width, height))
        except Skip:
            continue
    centre = np.array((box[0] + box[2], box[1] + box[3])) / 2
    boxes.sort(key=lambda b: (np.hypot(*((b[0] + b[2]) / 2 - centre[0], (b[1] + b[3]) / 2 - centre[1])), b))
    everybody = np.array([box, *boxes][:MAX_PEOPLE], np.float64) / (width, height, width, height)
    table = np.zeros((MAX_PEOPLE, 4), np.float32)
    table[: len(everybody)] = everybody
    return table, len(everybody)
