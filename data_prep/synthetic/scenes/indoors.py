"""Rooms. Each function fills `image` `[H, W, 3]` uint8 RGB; the floor begins at row `floor`."""

from __future__ import annotations

import numpy as np

from data_prep.synthetic.paint import ellipse, fill, shade, stroke
from data_prep.synthetic.scenes.outdoors import box, gradient, varied


def _draw_room(image: np.ndarray, floor: int, wall, ground, rng: np.random.Generator) -> None:
    """Back wall, two side walls and the floor."""
    height, width = image.shape[:2]
    wall, ground = varied(rng, wall), varied(rng, ground)
    gradient(image, 0, floor, shade(wall, 1.1), wall)
    gradient(image, floor, height, ground, shade(ground, 0.82))
    for side in (0, 1):
        corner = np.array([(0, 0), (0.09, 0.1), (0.09, 1.0), (0, 1.35)]) * (width, floor)
        corner[:, 0] = np.abs(corner[:, 0] - side * width)
        fill(image, corner, shade(wall, 0.86))
    stroke(image, np.array([(0.09 * width, floor), (0.91 * width, floor)]), shade(wall, 0.65), 5)


def _draw_table(image: np.ndarray, x: float, floor: int, width: float, colour) -> float:
    """A table at the back wall; returns the row of its top."""
    height = image.shape[0]
    top, foot = floor - 0.075 * height, floor + 0.06 * height
    box(image, x - 0.5 * width, top, x + 0.5 * width, top + 0.03 * height, colour)
    for leg in (-0.44, 0.44):
        box(image, x + leg * width - 4, top, x + leg * width + 4, foot, shade(colour, 0.7))
    return top


def _draw_window(image: np.ndarray, x: float, floor: int, sky) -> None:
    height, width = image.shape[:2]
    half, top, bottom = 0.075 * width, 0.2 * floor, 0.68 * floor
    box(image, x - half - 6, top - 6, x + half + 6, bottom + 6, (236, 234, 228))
    box(image, x - half, top, x + half, bottom, sky)
    box(image, x - 2, top, x + 2, bottom, (236, 234, 228))
    box(image, x - half, 0.5 * (top + bottom) - 2, x + half, 0.5 * (top + bottom) + 2, (236, 234, 228))
    box(image, x - half - 10, bottom + 6, x + half + 10, bottom + 0.02 * height, (214, 210, 202))


def draw_party(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    _draw_room(image, floor, (244, 196, 178), (168, 118, 88), rng)
    for _ in range(11):
        at = np.array((rng.uniform(0.05, 0.95) * width, rng.uniform(0.1, 0.62) * floor))
        colour, size = varied(rng, (220, 90, 120), 70), rng.uniform(0.026, 0.038) * height
        string = np.array((rng.normal(0, 8), 0.4 * floor))
        stroke(image, np.stack([at, at + string]), (120, 110, 110), 1.5)
        fill(image, ellipse(at, size, 1.2 * size, 18), colour)
        fill(image, ellipse(at - 0.35 * size, 0.25 * size, 0.35 * size, 10), shade(colour, 1.5))
    x = width * rng.uniform(0.25, 0.75)
    top = _draw_table(image, x, floor, 0.34 * width, (250, 246, 240))
    box(image, x - 0.05 * width, top - 0.05 * height, x + 0.05 * width, top, (252, 236, 214))
    box(
        image,
        x - 0.035 * width,
        top - 0.085 * height,
        x + 0.035 * width,
        top - 0.05 * height,
        (236, 120, 140),
    )
    for step in (-0.02, 0.0, 0.02):
        candle = np.array([(x + step * width, top - 0.085 * height), (x + step * width, top - 0.11 * height)])
        stroke(image, candle, (250, 250, 250), 3)
        fill(image, ellipse(candle[1], 3, 5, 8), (255, 190, 60))


def draw_hospital(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    _draw_room(image, floor, (204, 230, 228), (186, 202, 204), rng)
    box(image, 0.09 * width, 0.66 * floor, 0.91 * width, 0.72 * floor, (120, 186, 184))
    x = width * rng.choice((0.3, 0.7))
    bed = floor + 0.02 * height
    box(image, x - 0.17 * width, bed - 0.075 * height, x + 0.17 * width, bed, (246, 248, 250))
    box(image, x - 0.17 * width, bed - 0.03 * height, x + 0.17 * width, bed + 0.012 * height, (150, 178, 198))
    fill(
        image,
        ellipse((x - 0.12 * width, bed - 0.085 * height), 0.045 * width, 0.022 * height),
        (255, 255, 255),
    )
    for side in (-0.165, 0.165):
        box(
            image,
            x + side * width - 4,
            bed - 0.12 * height,
            x + side * width + 4,
            bed + 0.07 * height,
            (150, 156, 162),
        )
    drip = x + 0.23 * width * (1 if x < 0.5 * width else -1)
    stroke(image, np.array([(drip, bed + 0.08 * height), (drip, 0.34 * floor)]), (140, 146, 152), 5)
    box(image, drip - 9, 0.36 * floor, drip + 9, 0.36 * floor + 0.06 * height, (214, 238, 246))
    at = np.array((width * (1.0 - x / width), 0.34 * floor))
    box(image, at[0] - 28, at[1] - 28, at[0] + 28, at[1] + 28, (250, 250, 250))
    for half in ((7, 20), (20, 7)):
        box(image, at[0] - half[0], at[1] - half[1], at[0] + half[0], at[1] + half[1], (206, 52, 58))
    _draw_window(image, width * 0.5, floor, varied(rng, (190, 216, 232)))


def draw_office(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    _draw_room(image, floor, (214, 208, 196), (116, 118, 126), rng)
    _draw_window(image, width * 0.22, floor, varied(rng, (166, 200, 224)))
    shelf = width * 0.78
    box(image, shelf - 0.1 * width, 0.16 * floor, shelf + 0.1 * width, floor, (134, 100, 70))
    for row in range(4):
        y = floor * (0.2 + 0.2 * row)
        box(image, shelf - 0.088 * width, y, shelf + 0.088 * width, y + 0.16 * floor, (98, 72, 50))
        for x in np.arange(shelf - 0.08 * width, shelf + 0.07 * width, 0.021 * width):
            tall = rng.uniform(0.09, 0.15) * floor
            box(
                image,
                x,
                y + 0.16 * floor - tall,
                x + 0.016 * width,
                y + 0.16 * floor,
                varied(rng, (150, 90, 80), 50),
            )
    for x in (0.36, 0.58):
        top = _draw_table(image, x * width, floor, 0.2 * width, (188, 158, 122))
        box(
            image,
            x * width - 0.045 * width,
            top - 0.1 * height,
            x * width + 0.045 * width,
            top - 0.02 * height,
            (40, 42, 48),
        )
        box(
            image,
            x * width - 0.039 * width,
            top - 0.09 * height,
            x * width + 0.039 * width,
            top - 0.03 * height,
            (150, 196, 226),
        )
        box(image, x * width - 5, top - 0.02 * height, x * width + 5, top, (60, 62, 66))
    box(image, 0.4 * width, 0, 0.6 * width, 0.03 * height, (250, 250, 244))


def draw_restaurant(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    _draw_room(image, floor, (152, 78, 62), (94, 62, 48), rng)
    box(image, 0.09 * width, 0.62 * floor, 0.91 * width, floor, (112, 70, 48))
    for x in np.arange(0.12, 0.9, 0.06):
        box(image, x * width, 0.65 * floor, (x + 0.045) * width, 0.96 * floor, (128, 82, 56))
    for x in (0.28, 0.72):
        stroke(image, np.array([(x * width, 0), (x * width, 0.24 * floor)]), (40, 34, 32), 3)
        lamp = np.array([(x - 0.03, 0.26), (x + 0.03, 0.26), (x + 0.05, 0.4), (x - 0.05, 0.4)])
        fill(image, lamp * (width, floor), (248, 206, 120))
        fill(image, ellipse((x * width, 0.41 * floor), 0.05 * width, 0.02 * height), (255, 236, 180))
        top = _draw_table(image, x * width, floor, 0.24 * width, (246, 240, 230))
        for step in (-0.07, 0.07):
            fill(
                image, ellipse((x * width + step * width, top), 0.03 * width, 0.008 * height), (210, 216, 220)
            )
        box(image, x * width - 7, top - 0.06 * height, x * width + 7, top, (52, 92, 60))
        fill(
            image,
            ellipse((x * width + 0.035 * width, top - 0.03 * height), 9, 12, 12),
            varied(rng, (190, 40, 60)),
        )
    box(image, 0.44 * width, 0.16 * floor, 0.56 * width, 0.46 * floor, (214, 178, 96))
    box(image, 0.45 * width, 0.18 * floor, 0.55 * width, 0.44 * floor, varied(rng, (84, 120, 130), 30))
