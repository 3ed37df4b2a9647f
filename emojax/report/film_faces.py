"""Pictures of a database of films: where the faces were found, and faces over time (affwild_gan spec 7)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Rectangle

from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.data.found_faces import FoundFace, read_found_faces
from emojax.report import style
from emojax.report.page import Picture

_VIDEOS, _FACES = 4, 9  # rows and columns of the strips


def face_pictures(folder: pathlib.Path, dataset: Dataset, columns: Mapping[str, np.ndarray]) -> list[Picture]:
    """Frames with their faces, where the preparation saw films; faces of training videos over time."""
    pictures = []
    if found := read_found_faces(dataset.path):
        path = found_figure(folder / "found_faces.png", found)
        pictures.append(Picture(path, "Frames of films and the faces that are cut out of them.", wide=True))
    path = strip_figure(folder / "face_strips.png", *_strips(dataset, columns))
    pictures.append(
        Picture(path, "Faces of training videos from their first frame to their last.", wide=True)
    )
    return pictures


def found_figure(path: str | pathlib.Path, faces: Sequence[FoundFace]) -> pathlib.Path:
    """A row a frame: the whole frame with the box of its face, and the face (figs 3.11, 3.12)."""
    with style.figure(path, 6.4, 3.0 * len(faces)) as fig:
        axes = fig.subplots(len(faces), 2, squeeze=False, width_ratios=(2, 1))
        for (left, right), face in zip(axes, faces):
            x1, y1, x2, y2 = face.box
            left.imshow(face.frame)
            left.add_patch(
                Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color=style.VERMILLION, linewidth=2)
            )
            top, first = max(round(y1), 0), max(round(x1), 0)
            right.imshow(face.frame[top : max(round(y2), top + 1), first : max(round(x2), first + 1)])
            left.set_title(face.source_id)
            for ax in (left, right):
                style.hide(ax)
    return pathlib.Path(path)


def strip_figure(
    path: str | pathlib.Path, names: Sequence[str], frames: Sequence[Sequence[int]], faces: Sequence
) -> pathlib.Path:
    """A row a video: faces one after another (figs 2.2, 3.1, 3.14).

    Args:
        path: PNG to write.
        names: of the videos.
        frames: numbers of the frames by video.
        faces: the faces by video, ``[H, W, 3]`` uint8 RGB each.
    """
    with style.figure(path, 1.05 * _FACES, 1.3 * len(names)) as fig:
        axes = fig.subplots(len(names), squeeze=False)[:, 0]
        for ax, name, numbers, of_video in zip(axes, names, frames, faces):
            side = of_video[0].shape[1]
            ax.imshow(np.concatenate(of_video, axis=1))
            style.hide(ax)
            for i, number in enumerate(numbers):
                ax.text((i + 0.5) * side, -1, f"frame {number}", fontsize=7, ha="center", va="bottom")
            ax.set_ylabel(name, fontsize=8)
    return pathlib.Path(path)


def _strips(dataset: Dataset, columns: Mapping[str, np.ndarray]) -> tuple[list, list, list]:
    """Names, numbers of frames and faces of training videos that are far apart in the order of the data."""
    starts = np.unique(columns["sequence"], return_index=True)[1]
    ends = np.append(starts[1:], len(columns["sequence"])) - 1
    chosen = np.unique(np.linspace(0, len(starts) - 1, _VIDEOS).astype(int))
    records = [np.unique(np.linspace(starts[i], ends[i], _FACES).astype(int)) for i in chosen]
    images = iter(read_features(dataset, "train", ("image",), np.concatenate(records).tolist())["image"])
    faces = [[next(images) for _ in of_video] for of_video in records]
    names = [str(columns["video_id"][of_video[0]]) for of_video in records]
    return names, [columns["frame"][of_video].tolist() for of_video in records], faces
