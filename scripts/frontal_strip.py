"""Draws a strip of faces and their frontal views: as they are, turned to the front, and with soft symmetry.

  python scripts/frontal_strip.py strip.png                                    # a drawn head at several yaws
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


def photographs(paths, folder: pathlib.Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures and the landmarks of the largest face in each."""
    for path in map(pathlib.Path, paths):
        try:
            faces = [f for f in read_openface(folder / f"{path.stem}.csv") if f.landmarks is not None]
            image = read_image(path)
        except (OSError, ValueError, Skip) as error:
            raise DataError(f"{path} cannot be shown: {error}") from error
        if not faces:
            raise DataError(f"{folder / path.stem}.csv has no landmarks of a face.")
        yield image, max(faces, key=lambda face: face.box[2] * face.box[3]).landmarks


def column(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The picture around the face, its frontal view, and that with soft symmetry, one above the other."""
    frontal = frontalise(image, landmarks)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    scale = SIDE / (1.6 * (high - low).max())
    shift = SIDE / 2 - scale * (low + high) / 2
    matrix = np.array([(scale, 0, shift[0]), (0, scale, shift[1])])
    shown = cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.vstack([shown, frontal.raw, soft_symmetry(frontal)])


def main(argv=None) -> int:
    parser = cli.Parser("python scripts/frontal_strip.py", __doc__)
    parser.add_argument("out", type=cli.path, help="file to write, .png")
    parser.add_argument(
        "--pictures", nargs="+", default=(), metavar="FILE", help="pictures instead of drawn heads"
    )
    parser.add_argument(
        "--landmarks", type=cli.path, default=".", metavar="DIR", help="their landmark files [.]"
    )
    parser.add_argument(
        "--seed", type=cli.whole_number(0), default=1, metavar="N", help="of the drawn person [1]"
    )
    return cli.run(parser, _write, argv)


def _write(args: argparse.Namespace) -> None:
    given = photographs(args.pictures, args.landmarks) if args.pictures else drawn_heads(args.seed)
    try:
        strip = np.hstack([column(image, points) for image, points in given])
    except Skip as skip:
        raise DataError(f"A face cannot be turned to the front: {skip.detail} ({skip.reason}).") from skip
    if not cv2.imwrite(str(args.out), strip):
        raise DataError(f"Cannot write {args.out}.")
    print(f"{args.out}: {strip.shape[1] // SIDE} faces")


if __name__ == "__main__":
    sys.exit(main())
