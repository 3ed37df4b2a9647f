"""Places: ten kinds of scene with their own layout, colours and things, on ordinary or special occasions.

A scene is drawn round a camera: `horizon` is the row at eye height, and the ground at z metres is seen
`camera_height * focal / z` rows below it. `draw_scene` returns the distance of every pixel as well.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from data_prep.synthetic.paint import ellipse, fill, shade, stroke
from data_prep.synthetic.scenes import indoors as scenes_indoors
from data_prep.synthetic.scenes import outdoors as scenes_outdoors

KINDS = {
    "beach": scenes_outdoors.draw_beach,
    "forest": scenes_outdoors.draw_forest,
    "street": scenes_outdoors.draw_street,
    "stadium": scenes_outdoors.draw_stadium,
    "graveyard": scenes_outdoors.draw_graveyard,
    "alley": scenes_outdoors.draw_alley,
    "party": scenes_indoors.draw_party,
    "hospital": scenes_indoors.draw_hospital,
    "office": scenes_indoors.draw_office,
    "restaurant": scenes_indoors.draw_restaurant,
}
INDOORS = ("party", "hospital", "office", "restaurant")
STATES = ("plain", "decorated", "derelict")
LIGHTS = ("day", "dusk")
_WALL_DISTANCE, _OPEN_DISTANCE = 9.0, 60.0  # metres


@dataclasses.dataclass(frozen=True)
class Camera:
    """Image size in pixels, row of the horizon, focal length in pixels, height over the ground in metres."""

    width: int
    height: int
    horizon: float
    focal: float
    camera_height: float = 1.45

    def scale(self, distance: float) -> float:
        """Pixels per metre at a distance in metres."""
        return self.focal / distance

    def ground(self, distance: float) -> float:
        """Row of the ground at a distance."""
        return self.horizon + self.camera_height * self.scale(distance)


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a place is.

    Attributes:
        kind: key of `KINDS`.
        special: a special occasion, shown by a small emblem alone; scene scores know it.
        state: one of `STATES`; small things lying about, and scene attributes, tell.
        light: one of `LIGHTS`.
    """

    kind: str
    special: bool
    state: str
    light: str


def draw_scene(scene: Scene, camera: Camera, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The empty place.

    Returns:
        Picture `[H, W, 3]` uint8 RGB and distance `[H, W]` float32 in metres.
    """
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    floor = int(camera.ground(_WALL_DISTANCE if scene.kind in INDOORS else _OPEN_DISTANCE))
    KINDS[scene.kind](image, floor, rng)
    if scene.state == "decorated":
        _draw_bunting(image, rng)
    elif scene.state == "derelict":
        _draw_litter(image, floor, rng)
    if scene.special:
        _draw_emblem(image, floor, rng)
    return image, _distances(scene, camera)


def set_light(image: np.ndarray, light: str) -> np.ndarray:
    """Colours of the hour; people are lit like the place."""
    if light == "day":
        return image
    levels = np.arange(256)[:, None] * np.array((0.96, 0.80, 0.68)) + np.array((14, 2, 16))
    return cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8).reshape(256, 1, 3))


def _distances(scene: Scene, camera: Camera) -> np.ndarray:
    farthest = _WALL_DISTANCE if scene.kind in INDOORS else _OPEN_DISTANCE
    below = np.maximum(np.arange(camera.height) - camera.horizon, 1e-3)
    ground = np.minimum(camera.camera_height * camera.focal / below, farthest).astype(np.float32)
    return np.repeat(ground[:, None], camera.width, axis=1)


def _draw_bunting(image: np.ndarray, rng: np.random.Generator) -> None:
    """A garland of small flags across the top."""
    height, width = image.shape[:2]
    x = np.linspace(-10, width + 10, 15)
    y = height * (0.07 + 0.05 * np.sin(np.linspace(0, np.pi * 3, 15)) + 0.02 * rng.random())
    stroke(image, np.stack([x, y], axis=1), (70, 60, 60), 2)
    size = 0.022 * height
    for i in range(14):
        at = np.array((0.5 * (x[i] + x[i + 1]), 0.5 * (y[i] + y[i + 1])))
        colour = ((222, 66, 60), (246, 196, 52), (62, 140, 210), (92, 182, 96))[i % 4]
        fill(image, at + np.array([(-size, 0), (size, 0), (0, 1.8 * size)]), colour)


def _draw_litter(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    """Cracks and rubbish on the ground."""
    height, width = image.shape[:2]
    for _ in range(9):
        at = np.array((rng.uniform(0, width), rng.uniform(floor + 0.15 * (height - floor), height)))
        size = 0.012 * height * (0.6 + (at[1] - floor) / (height - floor))
        colour = ((92, 70, 52), (206, 200, 188), (60, 60, 64), (126, 46, 40))[rng.integers(4)]
        fill(image, at + rng.normal(0, size, (5, 2)), colour)
    for _ in range(3):
        start = np.array((rng.uniform(0, width), rng.uniform(floor + 10, height)))
        steps = np.cumsum(rng.normal(0, 0.03 * height, (6, 2)) * (1.0, 0.4), axis=0)
        stroke(image, start + steps, (52, 48, 48), 2)


def _draw_emblem(image: np.ndarray, floor: int, rng: np.random.Generator) -> None:
    """A small round badge high up in the picture."""
    height, width = image.shape[:2]
    at = np.array((width * rng.uniform(0.1, 0.9), rng.uniform(0.3, 0.75) * floor))
    radius = 0.013 * height
    fill(image, ellipse(at, radius, radius, 16), (236, 226, 190))
    fill(image, ellipse(at, 0.6 * radius, 0.6 * radius, 12), shade((150, 40, 60), 1.0))
