"""Draws the steps from a raw picture of AffectNet to the crop that is stored (spec emotion_gcn 1.6).

python -m data_prep.affectnet.steps --raw /path/to/AffectNet --out figures/alignment.png
"""

from __future__ import annotations

import argparse
import itertools
import pathlib
import sys
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from data_prep.affectnet.face import Face
from data_prep.affectnet.layout_2017 import Layout2017
from data_prep.affectnet.layout_2021 import Layout2021
from data_prep.affectnet.raw import find_layout
from emojax import cli
from emojax.errors import DataError, Skip
from emojax.vision.align import crop_face, eye_centres, rotation_about_eyes, transform
from emojax.vision.images import read_image

_LOOK_AT = 100  # faces among which the most tilted is taken: an upright one shows nothing


def most_tilted_face(raw: pathlib.Path) -> tuple[Face, np.ndarray, tuple[float, float, float, float]]:
    """The most tilted of the first training faces.

    Args:
        raw: folder of AffectNet in the layout of 2017 or 2021.

    Returns:
        The face, its picture uint8 ``[H, W, 3]`` RGB, and its box x, y, width, height in the picture.

    Raises:
        DataError: `raw` is no AffectNet, or none of its first faces can be read.
    """
    layout = find_layout(raw)
    faces = list(itertools.islice(_readable_faces(layout), _LOOK_AT))
    if not faces:
        raise DataError(
            f"No training face of {raw} can be read: see python -m data_prep.affectnet --raw {raw}."
        )
    face, image = max(faces, key=lambda pair: _tilt(pair[0].landmarks()))
    return face, image, face.box or (0, 0, image.shape[1], image.shape[0])


def alignment_steps(
    image: np.ndarray, box: tuple[float, float, float, float], landmarks: np.ndarray, *, size: int = 227
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Picture, cropped face, levelled picture, stored crop (thesis 001, fig. 3.1.2).

    Args:
        image: uint8 ``[H, W, 3]``.
        box: x, y, width, height of the face.
        landmarks: ``[68, 2]``.
        size: side of the crops.

    Returns:
        caption -> uint8 picture, and caption -> the landmarks ``[68, 2]`` in it.

    Raises:
        NoFaceError: box or landmarks do not describe a face in this picture.
    """
    cropped, cropped_points = crop_face(image, box, landmarks, align="none", size=size)
    stored, stored_points = crop_face(image, box, landmarks, align="rotate_crop", size=size)
    matrix = rotation_about_eyes(landmarks)
    levelled = cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_CUBIC)
    steps = {
        "Picture": (image, landmarks),
        "Face box": (cropped, cropped_points),
        "Eyes levelled": (levelled, transform(landmarks, matrix)),
        "Stored crop": (stored, stored_points),
    }
    return {k: v[0] for k, v in steps.items()}, {k: v[1] for k, v in steps.items()}


def _readable_faces(layout: Layout2017 | Layout2021) -> Iterator[tuple[Face, np.ndarray]]:
    """Training faces with landmarks, each with its RGB picture; rows with faults are left out."""
    rows = layout.plan()[0]["train"][: 4 * _LOOK_AT]
    for _, item in layout.read(layout.shard_items("train", rows)) if len(rows) else ():
        try:
            face = layout.face(item)
            points, image = face.landmarks(), read_image(face.image)
            crop_face(image, face.box or (0, 0, *image.shape[1::-1]), points)
        except (Skip, ValueError):
            continue
        yield face, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _tilt(landmarks: np.ndarray) -> float:
    """Angle between the line of the eyes and the horizontal, in radians."""
    left, right = eye_centres(landmarks)
    return float(abs(np.arctan2(right[1] - left[1], right[0] - left[0])))


def draw(raw: pathlib.Path, out: pathlib.Path) -> str:
    """Draws the figure of the most tilted face (thesis 001, fig. 3.1.2); returns the face's file."""
    from emojax.report.preparation import alignment_figure  # matplotlib, JAX: --help does not wait for them

    face, image, box = most_tilted_face(raw)
    pictures, points = alignment_steps(image, box, face.landmarks())
    out.parent.mkdir(parents=True, exist_ok=True)
    alignment_figure(out, pictures, points)
    return face.source


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv)


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m data_prep.affectnet.steps", __doc__)
    add = parser.add_argument
    add("--raw", type=cli.path, required=True, metavar="DIR", help="AffectNet as downloaded, or synthetic")
    add("--out", type=cli.path, required=True, metavar="PNG", help="the figure")
    return parser


def _run(args: argparse.Namespace) -> None:
    source = draw(args.raw, args.out)
    print(f"{args.out}: {source}, the most tilted of the first training faces; its 68 landmarks as dots.")


if __name__ == "__main__":
    sys.exit(main())
