"""Side inputs of a drawn picture, as OpenFace, OpenPose, a depth network and a scene network would write
them.

They are not perfect: joints and landmarks are off by a little, some files are missing, some faces are not
found.
"""

from __future__ import annotations

import functools
import json
import pathlib

import cv2
import numpy as np

from data_prep.emotic.side import NUM_ATTRIBUTES, NUM_SCENES
from data_prep.synthetic.emotic.picture import Drawn, Picture
from data_prep.synthetic.scenes.emotic import KINDS, LIGHTS, STATES, Scene
from emojax.errors import Skip
from emojax.graphs.openpose import LEFT_HAND, RIGHT_HAND
from emojax.vision.boxes import usable_box

_NO_FILE = 0.03
_NO_POSE = 0.03
_NO_FACE = 0.12
_DEPTH_UNIT = 2.5  # metres: what is as near as this is white
_CLASSES_PER_PLACE, _CLASSES_PER_TRAIT = 5, 6


def write_faces(path: pathlib.Path, people: list[Drawn], rng: np.random.Generator) -> None:
    """OpenFace's table: one row for each face that was found, 68 landmarks in pixels."""
    header = ["face", "confidence", *(f"x_{i}" for i in range(68)), *(f"y_{i}" for i in range(68))]
    rows = [", ".join(header)]
    for person in people:
        points = person.landmarks + rng.normal(0, 0.3, (68, 2))
        if rng.random() >= _NO_FACE and not person.hidden[0]:
            numbers = ", ".join(f"{value:.1f}" for value in (*points[:, 0], *points[:, 1]))
            rows.append(f"{len(rows) - 1}, 0.98, {numbers}")
    path.write_text("\n".join(rows) + "\n")


def write_pose(
    path: pathlib.Path, picture: Picture, people: list[Drawn], box, rng: np.random.Generator
) -> None:
    """OpenPose's JSON file for the crop of a body box: everybody who has some joints in it."""
    try:
        x1, y1, x2, y2 = usable_box(box, picture.camera.width, picture.camera.height)
    except Skip:
        return
    found = []
    for person in people:
        points = person.joints + rng.normal(0, 0.6, person.joints.shape) - (x1, y1)
        confidence = np.clip(rng.normal(0.82, 0.08, len(points)), 0.3, 1.0)
        # What is hidden is guessed, with hardly any confidence.
        confidence[person.hidden] = 0.04
        outside = (points < 0).any(axis=1) | (points >= (x2 - x1, y2 - y1)).any(axis=1)
        joints = np.column_stack([points, confidence])
        joints[outside] = 0.0
        if (joints[:LEFT_HAND, 2] > 0.1).sum() >= 4:
            found.append(joints)
    if rng.random() < _NO_POSE:
        found = []
    path.write_text(json.dumps({"version": 1.3, "people": [_openpose_person(joints) for joints in found]}))


def _openpose_person(joints: np.ndarray) -> dict:
    values = np.round(joints, 2)
    return {
        "person_id": [-1],
        "pose_keypoints_2d": values[:LEFT_HAND].reshape(-1).tolist(),
        "face_keypoints_2d": [],
        "hand_left_keypoints_2d": values[LEFT_HAND:RIGHT_HAND].reshape(-1).tolist(),
        "hand_right_keypoints_2d": values[RIGHT_HAND:].reshape(-1).tolist(),
    }


def write_depth(path: pathlib.Path, distance: np.ndarray) -> None:
    """Grey PNG of half the picture's size: near is bright, in proportion to 1 / distance."""
    small = np.minimum(255 * _DEPTH_UNIT / distance[::2, ::2], 255).astype(np.uint8)
    path.write_bytes(cv2.imencode(".png", small, (cv2.IMWRITE_PNG_COMPRESSION, 1))[1].tobytes())


@functools.cache
def _places() -> dict[tuple[str, bool], np.ndarray]:
    """The scene classes that stand for each place, ordinary and special: stand-ins, not the names of
    Places365."""
    order = np.random.default_rng(0).permutation(NUM_SCENES)
    keys = [(kind, special) for kind in KINDS for special in (False, True)]
    return {key: order[i * _CLASSES_PER_PLACE :][:_CLASSES_PER_PLACE] for i, key in enumerate(keys)}


@functools.cache
def _traits() -> dict[str, np.ndarray]:
    """The attributes that stand for each kind, state and light."""
    order = np.random.default_rng(1).permutation(NUM_ATTRIBUTES)
    names = [*KINDS, *STATES, *LIGHTS]
    return {name: order[i * _CLASSES_PER_TRAIT :][:_CLASSES_PER_TRAIT] for i, name in enumerate(names)}


def scene_scores(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """`[467]` float32: softmax over 365 scene classes, then softmax over 102 attributes."""
    scenes = rng.normal(0, 1.2, NUM_SCENES)
    scenes[_places()[scene.kind, scene.special]] += rng.uniform(4, 6.5, _CLASSES_PER_PLACE)
    attributes = rng.normal(0, 0.8, NUM_ATTRIBUTES)
    for name in (scene.kind, scene.state, scene.light):
        attributes[_traits()[name]] += rng.uniform(4, 5.5, _CLASSES_PER_TRAIT)
    return np.concatenate([_softmax(scenes), _softmax(attributes)]).astype(np.float32)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def write_side_inputs(
    out: pathlib.Path, stem: str, picture: Picture, distance: np.ndarray, people: list[Drawn], boxes: list
) -> None:
    """All side inputs of a picture below `out`; `boxes` are those of the annotated people, in their order."""
    rng = picture.rng(2)
    missing = rng.random(3 + len(boxes)) < _NO_FILE
    if not missing[0]:
        write_faces(_path(out, "openface", f"{stem}.csv"), people, rng)
    if not missing[1]:
        write_depth(_path(out, "depth", f"{stem}.png"), distance)
    if not missing[2]:
        np.save(_path(out, "scenes", f"{stem}.npy"), scene_scores(picture.scene, rng))
    for number, box in enumerate(boxes):
        if not missing[3 + number]:
            write_pose(
                _path(out, "openpose", f"{stem}_person{number}_keypoints.json"), picture, people, box, rng
            )


def _path(out: pathlib.Path, folder: str, name: str) -> pathlib.Path:
    path = out / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
