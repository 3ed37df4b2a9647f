"""Places in the open. Each function fills `image` `[H, W, 3]` uint8 RGB; the ground begins at row `floor`."""

from __future__ import annotations

import cv2
import numpy as np

from data_prep.synthetic.paint import ellipse, fill, mix, shade, stroke


def gradient(image: np.ndarray, top: int, bottom: int, first, last) -> None:
    """Fills rows top..bottom with colours from `first` to `last`."""
    rows = np.linspace(0, 1, max(bottom - top, 0))[:, None]
    colours = (np.array(first) * (1 - rows) + np.array(last) * rows).astype(np.uint8)
    if len(colours):
        image[top:bottom] = cv2.repeat(colours[:, None], 1, image.shape[1])


def box(image: np.ndarray, left: float, top: float, right: float, bottom: float, colour) -> None:
    """A filled rectangle with whole-pixel edges."""
    corners = [int(value) for value in np.rint((left, top, right, bottom))]
    cv2.rectangle(image, tuple(corners[:2]), tuple(corners[2:]), tuple(colour), -1)


def varied(rng: np.random.Generator, colour, spread: float = 9) -> tuple:
    """A colour near the given one."""
    return tuple(np.clip(np.array(colour) + rng.normal(0, spread, 3), 0, 255).tolist())


def draw_beach(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    gradient(image, 0, floor, varied(rng, (98, 172, 226)), varied(rng, (206, 232, 242)))
    shore = int(floor + 0.22 * (height - floor))
    gradient(image, floor, shore, varied(rng, (30, 112, 168)), (112, 190, 200))
    gradient(image, shore, height, varied(rng, (236, 214, 160)), varied(rng, (212, 182, 122)))
    fill(
        image,
        ellipse((width * rng.uniform(0.1, 0.9), 0.35 * floor), 0.05 * height, 0.05 * height),
        (255, 246, 196),
    )
    wave = np.stack([np.linspace(0, width, 30), shore + 3 * np.sin(np.linspace(0, 20, 30))], axis=1)
    stroke(image, wave, (240, 248, 250), 5)
    for _ in range(2):
        x, base = width * rng.uniform(0, 1), shore + 0.08 * height
        stroke(image, np.array([(x, base), (x, base - 0.22 * height)]), (120, 92, 64), 5)
        canopy = ellipse((x, base - 0.21 * height), 0.11 * height, 0.06 * height)
        canopy[:, 1] = np.minimum(canopy[:, 1], base - 0.20 * height)
        fill(image, canopy, varied(rng, (222, 74, 66), 40))
    if rng.random() < 0.6:
        _draw_palm(image, width * rng.choice((0.06, 0.94)), shore + 0.15 * height, 0.55 * height, rng)


def _draw_palm(image: np.ndarray, x: float, base: float, size: float, rng: np.random.Generator) -> None:
    bend = rng.uniform(-0.15, 0.15) * size
    trunk = np.array([(x, base), (x + 0.4 * bend, base - 0.5 * size), (x + bend, base - size)])
    stroke(image, trunk, (118, 88, 58), 0.045 * size)
    for angle in np.linspace(0.1, np.pi - 0.1, 7):
        tip = trunk[-1] + 0.34 * size * np.array((np.cos(angle), -0.5 * np.sin(angle) + 0.25))
        middle = 0.5 * (trunk[-1] + tip) - (0, 0.07 * size)
        stroke(image, np.array([trunk[-1], middle, tip]), varied(rng, (48, 128, 62)), 0.05 * size)


def draw_forest(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    gradient(image, 0, floor, varied(rng, (154, 206, 214)), varied(rng, (120, 168, 110)))
    gradient(image, floor, height, varied(rng, (86, 134, 62)), varied(rng, (54, 96, 44)))
    path = np.array([(0.46, 0), (0.54, 0), (0.85, 1), (0.2, 1)]) * (width, height - floor) + (0, floor)
    fill(image, path, varied(rng, (164, 136, 96)))
    for row, count in ((0.0, 13), (0.12, 8), (0.3, 5)):
        for x in np.linspace(-0.05, 1.05, count) * width + rng.normal(0, 0.03 * width, count):
            if abs(x / width - 0.5) < 0.35 * row + 0.08 and row:
                continue
            _draw_tree(
                image, x, floor + row * (height - floor), (0.34 + row) * height * rng.uniform(0.8, 1.2), rng
            )


def _draw_tree(image: np.ndarray, x: float, base: float, size: float, rng: np.random.Generator) -> None:
    stroke(image, np.array([(x, base), (x, base - 0.6 * size)]), varied(rng, (88, 66, 46)), 0.07 * size)
    leaf = varied(rng, (46, 112, 54), 14)
    for dx, dy, radius in ((-0.13, 0.58, 0.19), (0.13, 0.6, 0.19), (0.0, 0.78, 0.24)):
        centre = (x + dx * size, base - dy * size)
        fill(image, ellipse(centre, radius * size, 0.9 * radius * size, 14), leaf)
        fill(
            image,
            ellipse((centre[0] - 0.05 * size, centre[1] - 0.05 * size), 0.1 * size, 0.08 * size, 10),
            shade(leaf, 1.12),
        )


def draw_street(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    gradient(image, 0, floor, varied(rng, (142, 178, 206)), (214, 222, 226))
    left = 0.0
    while left < width:
        right = left + width * rng.uniform(0.14, 0.26)
        top, colour = floor * rng.uniform(0.02, 0.5), varied(rng, (166, 140, 122), 26)
        box(image, left, top, right, floor, colour)
        for x in np.arange(left + 0.02 * width, right - 0.03 * width, 0.055 * width):
            for y in np.arange(top + 0.04 * height, floor - 0.05 * height, 0.085 * height):
                pane = (96, 118, 136) if rng.random() < 0.8 else (240, 220, 150)
                box(image, x, y, x + 0.028 * width, y + 0.048 * height, pane)
        left = right
    gradient(image, floor, height, varied(rng, (128, 128, 130)), varied(rng, (98, 98, 102)))
    kerb = floor + 0.16 * (height - floor)
    box(image, 0, floor, width, kerb, varied(rng, (184, 180, 174)))
    for x in np.linspace(0, 1, 7) * width:
        dash = np.array(
            [(x, 0.62), (x + 0.06 * width, 0.62), (x + 0.05 * width, 0.67), (x - 0.01 * width, 0.67)]
        )
        fill(image, dash * (1, height - floor) + (0, floor), (236, 232, 220))
    for x in rng.uniform(0, width, 2):
        stroke(image, np.array([(x, kerb), (x, kerb - 0.5 * height)]), (62, 66, 70), 6)
        fill(image, ellipse((x, kerb - 0.5 * height), 11, 8, 12), (250, 240, 200))


def draw_stadium(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    gradient(image, 0, floor, varied(rng, (108, 158, 208)), (190, 212, 226))
    top = int(0.3 * floor)
    gradient(image, top, floor, varied(rng, (104, 106, 118)), varied(rng, (78, 80, 92)))
    crowd = rng.integers(0, 3, (max((floor - top) // 9, 1), width // 9))
    palette = np.array([varied(rng, base, 25) for base in ((206, 60, 56), (232, 206, 180), (64, 88, 160))])
    dots = cv2.resize(palette[crowd].astype(np.uint8), (width, floor - top), interpolation=cv2.INTER_NEAREST)
    rows = (np.arange(floor - top) % 9 < 6)[:, None] & (np.arange(width) % 9 < 6)[None]
    image[top:floor][rows] = dots[rows]
    box(image, 0, floor - 0.03 * height, width, floor, (236, 236, 240))
    gradient(image, floor, height, (66, 150, 66), (44, 120, 50))
    for i in range(1, 8, 2):
        low, high = (floor + (height - floor) * (step / 8) ** 1.6 for step in (i, i + 1))
        box(image, 0, low, width, high, (60, 138, 60))
    y = floor + 0.3 * (height - floor)
    stroke(image, np.array([(0, y), (width, y)]), (240, 244, 240), 5)
    cv2.ellipse(
        image, (width // 2, int(y)), (width // 5, height // 14), 0, 0, 180, (240, 244, 240), 4, cv2.LINE_AA
    )
    for x in (0.12, 0.88):
        stroke(image, np.array([(x * width, top), (x * width, 0.06 * height)]), (88, 92, 98), 7)
        box(image, x * width - 26, 0.03 * height, x * width + 26, 0.08 * height, (250, 250, 226))


def draw_graveyard(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    gradient(image, 0, floor, varied(rng, (122, 128, 136), 5), varied(rng, (176, 178, 180), 5))
    gradient(image, floor, height, varied(rng, (110, 118, 92)), varied(rng, (78, 86, 68)))
    for x in rng.uniform(0, width, 3):
        _draw_bare_tree(image, np.array((x, floor + 4.0)), -np.pi / 2, 0.2 * height, 4, rng)
    for row, count in ((0.1, 8), (0.3, 6), (0.6, 4)):
        size = (0.05 + 0.12 * row) * height
        for x in np.linspace(0.04, 0.96, count) * width + rng.normal(0, 0.02 * width, count):
            y, stone = floor + row * (height - floor), varied(rng, (146, 148, 150))
            box(image, x - 0.45 * size, y - 0.8 * size, x + 0.45 * size, y + 0.3 * size, shade(stone, 0.85))
            fill(image, ellipse((x, y - 0.8 * size), 0.45 * size, 0.45 * size, 16), shade(stone, 0.85))
            fill(image, ellipse((x - 0.04 * size, y - 0.76 * size), 0.36 * size, 0.38 * size, 16), stone)
            stroke(
                image, np.array([(x, y - 0.95 * size), (x, y - 0.3 * size)]), shade(stone, 0.6), 0.08 * size
            )
            cross = np.array([(x - 0.2 * size, y - 0.7 * size), (x + 0.2 * size, y - 0.7 * size)])
            stroke(image, cross, shade(stone, 0.6), 0.08 * size)


def _draw_bare_tree(
    image: np.ndarray, at, angle: float, length: float, depth: int, rng: np.random.Generator
) -> None:
    end = at + length * np.array((np.cos(angle), np.sin(angle)))
    stroke(image, np.stack([at, end]), (64, 58, 54), max(0.07 * length, 1.2))
    if depth > 1:
        for turn in (-0.5, 0.42):
            _draw_bare_tree(image, end, angle + turn + rng.normal(0, 0.12), 0.68 * length, depth - 1, rng)


def draw_alley(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    gradient(image, 0, floor, varied(rng, (16, 20, 44), 4), varied(rng, (40, 44, 74), 4))
    gradient(image, floor, height, varied(rng, (56, 54, 62), 4), varied(rng, (34, 32, 40), 4))
    fill(
        image,
        ellipse((width * rng.uniform(0.42, 0.58), 0.16 * height), 0.035 * height, 0.035 * height),
        (226, 226, 206),
    )
    for side in (0, 1):
        wall = np.array([(0, -0.02), (0.36, 0.12), (0.36, 1.0), (0, 1.55)]) * (width, floor)
        wall[:, 0] = np.abs(wall[:, 0] - side * width)
        base = varied(rng, (66, 50, 50), 6)
        fill(image, wall, base)
        for row in np.linspace(0.1, 1.3, 13):
            far = 0.12 + (row - 0.1) * 0.72
            line = np.array([(0, row), (0.36, far)]) * (width, floor)
            line[:, 0] = np.abs(line[:, 0] - side * width)
            stroke(image, line, shade(base, 0.75), 2)
    x = width * rng.choice((0.3, 0.7))
    lamp = np.array((x, 0.42 * floor))
    for radius, share in ((0.16, 0.18), (0.1, 0.3), (0.03, 0.9)):
        glow = mix((60, 52, 58), (250, 206, 120), share)
        fill(image, ellipse(lamp, radius * height, radius * height, 20), glow)
    pool = ellipse((x, floor + 0.2 * (height - floor)), 0.16 * width, 0.07 * height)
    fill(image, pool, (104, 92, 78))
    for at in rng.uniform(0.05, 0.95, 2):
        box(image, at * width - 22, floor - 26, at * width + 22, floor + 34, (50, 64, 56))
