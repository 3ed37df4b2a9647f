"""Makes the picture of the front page: synthetic people, what a trained run says of their faces, and its report.

scripts/demo                                                  # once: makes the run
python scripts/montage.py runs/demo scripts/montage.png
"""

from __future__ import annotations

import argparse
import csv
import pathlib
import sys

import cv2
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import emojax
from data_prep.synthetic.emotic.picture import draw_picture, plan_picture
from emojax import cli
from emojax.errors import DataError, OutputError
from emojax.files import replacing
from emojax.labels import AFFECTNET_CLASSES
from emojax.vision.faces import DetectedFace

_SCENES = (18, 4, 22, 12)  # numbers of synthetic EMOTIC pictures, validation split
_FIGURES = {"confusion.png": 3, "plane.png": 4, "label_graph.png": 4}  # of the report, and their widths
_PLAIN = {"xticks": [], "yticks": []}


def first_of_each_class(raw: pathlib.Path, classes: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Class name -> the first row with it in the validation list of a synthetic AffectNet."""
    try:
        with open(raw / "validation.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{raw} holds no data of scripts/demo: {error}") from error
    names = dict(enumerate(AFFECTNET_CLASSES))
    first = {}
    for row in rows:
        first.setdefault(names.get(int(row["expression"])), row)
    return {name: first[name] for name in classes if name in first}


def annotated_face(row: dict[str, str]) -> DetectedFace:
    """The box and the landmarks of a row."""
    points = np.array([float(value) for value in row["facial_landmarks"].split(";")])
    box = tuple(float(row[name]) for name in ("face_x", "face_y", "face_width", "face_height"))
    return DetectedFace(box, points.reshape(-1, 2))


def show_scene(axes, index: int) -> None:
    """A synthetic picture with the boxes of its people."""
    image, _, people = draw_picture(plan_picture("val", index, seed=0))
    axes.imshow(image)
    for person in people:
        x1, y1, x2, y2 = person.box
        axes.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color="#3cc850", linewidth=1.2))
    height, width = image.shape[:2]
    axes.set(xlim=(0, width), ylim=(height, 0), **_PLAIN)


def show_face(picture, bars, image: np.ndarray, probabilities: dict, values: dict) -> None:
    """A face, and below it the likeliest classes with valence and arousal."""
    picture.imshow(cv2.resize(image, (160, 160)))
    picture.set(**_PLAIN)
    names = sorted(probabilities, key=probabilities.get)[-3:]
    bars.barh(names, [probabilities[name] for name in names], color="#2a78d6")
    bars.set(xlim=(0, 1), xticks=[])
    bars.tick_params(labelsize=8, length=0)
    bars.set_xlabel("\n".join(f"{name} {value:+.2f}" for name, value in values.items()), fontsize=7)
    bars.spines[:].set_visible(False)


def montage(folder: pathlib.Path) -> plt.Figure:
    """The figure, from a folder of scripts/demo."""
    model = emojax.load(folder / "run")
    rows = first_of_each_class(folder / "raw", model.labels.classes)
    figure = plt.figure(figsize=(13, 8), dpi=90, layout="constrained")
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(2.5, 2.6, 3.6))
    top.suptitle("Synthetic people in context", fontsize=11)
    for axes, index in zip(top.subplots(1, len(_SCENES)), _SCENES):
        show_scene(axes, index)
    middle.suptitle("Synthetic faces that the run has not seen, and what it predicts", fontsize=11)
    grid = middle.subplots(2, len(rows), height_ratios=(2.4, 1))
    for column, (name, row) in enumerate(rows.items()):
        path = folder / "raw" / "Manually_Annotated_Images" / row["subDirectory_filePath"]
        image = cv2.imread(str(path))
        crop = model.crop(image, annotated_face(row))
        probabilities, values = model.name([crop])[0]
        show_face(*grid[:, column], image[..., ::-1], probabilities, values)
        grid[0, column].set_title(name, fontsize=9)
    bottom.suptitle("From the report of the run", fontsize=11)
    for axes, name in zip(bottom.subplots(1, len(_FIGURES), width_ratios=list(_FIGURES.values())), _FIGURES):
        axes.imshow(plt.imread(folder / "run" / "report" / name))
        axes.axis("off")
    return figure


def main(argv=None) -> int:
    parser = cli.Parser("python scripts/montage.py", __doc__)
    parser.add_argument("demo", type=cli.path, help="folder of scripts/demo, e.g. runs/demo")
    parser.add_argument("out", type=cli.path, help="file to write, .png")
    return cli.run(parser, _write, argv)


def _write(args: argparse.Namespace) -> None:
    figure = montage(args.demo)
    try:
        with replacing(args.out) as temporary:
            figure.savefig(temporary, format="png")
    except OSError as error:
        raise OutputError(f"Cannot write {args.out}: {error}") from error
    print(f"{args.out}: {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
