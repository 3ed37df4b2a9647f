"""Side inputs of EMOTIC: what other tools computed beforehand, a file an image or a person.

Every file is named after the image, below the image's own folder. For `mscoco/images/A.jpg`, person 0:

    FACES/mscoco/images/A.csv                     faces of the image: `emotic_face.read_openface`
    POSES/mscoco/images/A_person0_keypoints.json  OpenPose on the crop of the person, or else
    POSES/mscoco/images/A_keypoints.json          OpenPose on the image
    DEPTH/mscoco/images/A.png                     grey, 8 or 16 bits, of the image, any size
    SCENES/mscoco/images/A_person0.npy            float [467], image with the person masked, or else
    SCENES/mscoco/images/A.npy                    float [467], image as it is

Crops for OpenPose come from `python -m data_prep.emotic.crops`. The 467 numbers are 365 Places365 scene
probabilities, then 102 SUN attribute probabilities; a file of 365 numbers has no attributes.
"""

from __future__ import annotations

import csv
import dataclasses
import enum
import os

import numpy as np

from data_prep.emotic.raw import Person
from emojax.errors import Skip
from emojax.files import parse_npy, read_regular, require_regular
from emojax.graphs.openpose import NUM_JOINTS
from emojax.vision.boxes import Box, resize
from emojax.vision.faces import DetectedFace, choose_face, cut_face, detect_faces, read_openface
from emojax.vision.images import read_grey_image
from emojax.vision.poses import joints_in_box, read_openpose

NUM_SCENES, NUM_ATTRIBUTES = 365, 102
_MAX_BYTES = 1 << 26  # of any of these files
_MAX_SCORES = 1 << 16  # bytes; 467 float64 have 3,864


class Status(enum.IntEnum):
    """What became of a side input of one person; all but VALID give zeros and flag 0."""

    VALID = 0
    NO_FILE = 1  # no folder was given, or there is no file for this image
    NOTHING_FOUND = 2  # the tool saw no face or no joint of this person
    UNREADABLE = 3


@dataclasses.dataclass(frozen=True)
class SideInputs:
    """Folders of the side inputs, None for those there are not, and what finds faces where there is no
    `faces`."""

    faces: str | None = None
    poses: str | None = None
    depth: str | None = None
    scenes: str | None = None
    face_detector: str = "haar"

    def paths(self, person: Person) -> list[str]:
        """All files that may tell about a person, there or not."""
        names = {
            self.faces: (".csv",),
            self.poses: (_person_pose(person), "_keypoints.json"),
            self.depth: (".png",),
            self.scenes: (f"_person{person.number}.npy", ".npy"),
        }
        return [
            f"{folder}/{person.stem}{name}" for folder, group in names.items() if folder for name in group
        ]


def face_crop(
    sides: SideInputs, person: Person, image: np.ndarray, box: Box, size: int
) -> tuple[np.ndarray, Status]:
    """The face `[size, size, 3]` BGR of a person, zeros without one."""
    face, status = None, Status.NO_FILE
    if sides.faces is not None:
        faces, status = _read(read_openface, f"{sides.faces}/{person.stem}.csv")
        face = choose_face(faces or [], box)
    elif sides.face_detector == "haar":
        face, status = choose_face(detect_faces(image, box), box), Status.VALID
    crop = cut_face(image, face, size) if isinstance(face, DetectedFace) else None
    if crop is None:
        return np.zeros((size, size, 3), np.uint8), Status.NOTHING_FOUND if status == Status.VALID else status
    return crop, Status.VALID


def pose_joints(sides: SideInputs, person: Person, box: Box) -> tuple[np.ndarray, Status]:
    """Joints `[67, 3]` in [0, 1] of the body crop and their confidence, zeros without a pose."""
    nothing = np.zeros((NUM_JOINTS, 3))
    if sides.poses is None:
        return nothing, Status.NO_FILE
    x1, y1, x2, y2 = box
    corner = (0, 0)  # OpenPose saw the crop alone
    people, status = _read(read_openpose, f"{sides.poses}/{person.stem}{_person_pose(person)}")
    if status == Status.NO_FILE:
        corner = (x1, y1)
        people, status = _read(read_openpose, f"{sides.poses}/{person.stem}_keypoints.json")
    joints = joints_in_box(people or [], *corner, x2 - x1, y2 - y1)
    if joints is None:
        return nothing, Status.NOTHING_FOUND if status == Status.VALID else status
    return joints, Status.VALID


def scene_scores(sides: SideInputs, person: Person) -> tuple[np.ndarray, np.ndarray, Status, Status]:
    """Scene probabilities `[365]`, attribute probabilities `[102]` (float32), and what became of each."""
    scores, status = None, Status.NO_FILE
    if sides.scenes is not None:
        scores, status = _read(_read_scores, f"{sides.scenes}/{person.stem}_person{person.number}.npy")
        if status == Status.NO_FILE:
            scores, status = _read(_read_scores, f"{sides.scenes}/{person.stem}.npy")
    padded = np.zeros(NUM_SCENES + NUM_ATTRIBUTES, np.float32)
    if scores is not None:
        padded[: len(scores)] = scores
    without_attributes = scores is not None and len(scores) == NUM_SCENES
    return (
        padded[:NUM_SCENES],
        padded[NUM_SCENES:],
        status,
        Status.NOTHING_FOUND if without_attributes else status,
    )


def depth_map(sides: SideInputs, person: Person, size: int) -> tuple[np.ndarray, Status]:
    """Depth map of the image `[size, size]` uint8, zeros without one."""
    depth, status = None, Status.NO_FILE
    if sides.depth is not None:
        depth, status = _read(_read_depth, f"{sides.depth}/{person.stem}.png")
    return (resize(depth, size) if depth is not None else np.zeros((size, size), np.uint8)), status


def _person_pose(person: Person) -> str:
    return f"_person{person.number}_keypoints.json"


def _read(reader, path: str):
    """(content, VALID), or (None, why not)."""
    try:
        require_regular(path)
        if os.path.getsize(path) > _MAX_BYTES:
            return None, Status.UNREADABLE
        return reader(path), Status.VALID
    except FileNotFoundError:
        return None, Status.NO_FILE
    # What json, csv and NumPy raise for text that is no such file, numbers that are too large, ...
    except (OSError, ValueError, TypeError, OverflowError, RecursionError, csv.Error, Skip):
        return None, Status.UNREADABLE


def _read_scores(path: str) -> np.ndarray:
    scores = parse_npy(read_regular(path, _MAX_SCORES))
    if scores.shape not in ((NUM_SCENES,), (NUM_SCENES + NUM_ATTRIBUTES,)) or scores.dtype.kind != "f":
        raise ValueError(f"{scores.dtype} {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("not finite")
    return scores.astype(np.float32)


def _read_depth(path: str) -> np.ndarray:
    depth = read_grey_image(path)
    if depth.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a depth map of {depth.dtype}")
    return depth if depth.dtype == np.uint8 else (depth // 257).astype(np.uint8)


def signature(paths: list[str]) -> bytes:
    """Sizes of files: changes when one is added, removed or replaced by another."""
    sizes = []
    for path in paths:
        try:
            sizes.append(b"%d" % os.stat(path).st_size)
        except OSError:
            sizes.append(b"-")
    return b" ".join(sizes) + b"\n"
