"""Makes a strip of faces and their frontal views: as they are, turned to the front, and with soft symmetry.

  python scripts/frontal_strip.py strip.png                                    # a synthetic head at several yaws
  python scripts/frontal_strip.py strip.png --pictures a.jpg b.jpg             # dlib finds their landmarks
  python scripts/frontal_strip.py strip.png --pictures a.jpg b.jpg --landmarks LANDMARKS

LANDMARKS holds a file a.csv for the picture a.jpg, as OpenFace's FaceLandmarkImg writes it.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Iterator

import cv2
import numpy as np

from data_prep.sequences.detector import DlibLandmarks
from data_prep.synthetic.actions import Actions
from data_prep.synthetic.faces import draw_face
from data_prep.synthetic.geometry import Pose
from data_prep.synthetic.identity import sample_identity
from emojax import cli
from emojax.errors import DataError, Skip
from emojax.vision.face_model import SIDE
from emojax.vision.faces import read_openface
from emojax.vision.frontalise import frontalise, soft_symmetry
from emojax.vision.images import read_image

_YAWS = (-45, -30, 0, 15, 30, 45)


def drawn_heads(seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures ``[240, 240, 3]`` uint8 BGR of one head, and its landmarks ``[68, 2]``."""
    identity = sample_identity(np.random.default_rng(seed))
    for yaw in _YAWS:
        image = np.full((240, 240, 3), 150, np.uint8)
        points = draw_face(
            image, identity, Actions(corner=0.6, cheek=0.5), Pose(np.deg2rad(yaw), 0, 0, 70, 120, 115)
        )
        yield image[..., ::-1].copy(), points


def photographs(paths, folder: pathlib.Path | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures and the landmarks of the largest face in each: of a file in `folder`, or found by dlib."""
    found = DlibLandmarks() if folder is None else None
    for path in map(pathlib.Path, paths):
        try:
            image = read_image(path)
            points = found.of_picture(image) if found else given_landmarks(folder / f"{path.stem}.csv")
        except (OSError, ValueError, Skip) as error:
            raise DataError(f"{path} cannot be shown: {error}") from error
        if points is None:
            raise DataError(f"There are no landmarks of a face for {path}.")
        yield image, points


def given_landmarks(file: pathlib.Path) -> np.ndarray | None:
    """Those of the largest face in a file of OpenFace."""
    faces = [face for face in read_openface(file) if face.landmarks is not None]
    return max(faces, key=lambda face: face.box[2] * face.box[3]).landmarks if faces else None


def column(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture around the face, its frontal view, and that with soft symmetry, one above the other; and the yaw."""
    frontal = frontalise(image, landmarks)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    scale = SIDE / (1.6 * (high - low).max())
    shift = SIDE / 2 - scale * (low + high) / 2
    matrix = np.array([(scale, 0, shift[0]), (0, scale, shift[1])])
    shown = cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.vstack([shown, frontal.raw, soft_symmetry(frontal)]), frontal.pose.yaw


def main(argv=None) -> int:
    parser = cli.Parser("python scripts/frontal_strip.py", __doc__)
    parser.add_argument("out", type=cli.path, help="file to write, .png")
    parser.add_argument(
        "--pictures", nargs="+", default=(), metavar="FILE", help="pictures instead of synthetic heads"
    )
    parser.add_argument(
        "--landmarks",
        type=cli.path,
        metavar="DIR",
        help="their landmark files [none: dlib finds the landmarks]",
    )
    parser.add_argument(
        "--seed", type=cli.whole_number(0), default=1, metavar="N", help="of the synthetic person [1]"
    )
    parser.add_argument(
        "--side", type=cli.whole_number(16), default=SIDE, metavar="PX", help=f"of each picture [{SIDE}]"
    )
    return cli.run(parser, _write, argv)


def _write(args: argparse.Namespace) -> None:
    given = photographs(args.pictures, args.landmarks) if args.pictures else drawn_heads(args.seed)
    try:
        columns, yaws = zip(*(column(image, points) for image, points in given))
    except Skip as skip:
        raise DataError(f"A face cannot be turned to the front: {skip.detail} ({skip.reason}).") from skip
    strip = np.hstack(columns)
    strip = cv2.resize(strip, None, fx=args.side / SIDE, fy=args.side / SIDE, interpolation=cv2.INTER_AREA)
    if not cv2.imwrite(str(args.out), strip):
        raise DataError(f"Cannot write {args.out}.")
    print(f"{args.out}: {len(yaws)} faces, turned by {', '.join(f'{yaw:.0f}' for yaw in yaws)} degrees")


if __name__ == "__main__":
    sys.exit(main())
