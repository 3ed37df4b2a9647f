"""Figures of prepared clips: how often each category is there, and what the modalities see of a frame."""

from __future__ import annotations

import pathlib

import numpy as np

from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.errors import DataError
from emojax.report import bodies, classification, preparation
from emojax.report.page import Picture, Section

_STREAMS = ("body", "context", "face")


def clip_sections(folder: pathlib.Path, dataset: Dataset, record: int) -> list[Section]:
    """People with each category in each split, and one frame in all modalities (thesis 000, figure 5.6).

    Args:
        folder: where to.
        dataset: of `data_prep.bold`.
        record: a training record: one frame of one person.

    Raises:
        DataError: no such record.
    """
    counts = {
        name: list(split.class_counts.values())
        for name, split in dataset.splits.items()
        if any(split.class_counts.values())
    }
    people = {name: len(dataset.columns(name).layout.starts) for name in counts}
    path = classification.label_distribution_figure(
        folder / "categories.png",
        counts,
        dataset.labels.classes,
        totals=people,
        title="People with each category",
    )
    caption = "Number and share of the people of each split that has labels; one may have several categories."
    sections = [Section("Categories", pictures=[Picture(path, caption, wide=True)])]
    if pictures := modality_pictures(dataset, record):
        path = preparation.picture_figure(
            folder / "modalities.png", pictures, columns=3, side=2.0, title=f"Training record {record}"
        )
        caption = (
            "Stored flow: hue is the direction, strength the speed. Vertical flow: grey is rest, white moves down. "
            "Difference: the next frame less this one; grey is no change."
        )
        sections.append(Section("Modalities", pictures=[Picture(path, caption)]))
    return sections


def modality_pictures(dataset: Dataset, record: int) -> dict[str, np.ndarray]:
    """Caption -> picture ``[H, W, 3]`` uint8: rows of RGB, flow, vertical flow, RGB difference; columns of streams.

    Raises:
        DataError: no such record.
    """
    number = dataset.split("train").num_records
    if not 0 <= record < number:
        raise DataError(
            f"There is no record {record} in {dataset.path}: the training split has 0 to {number - 1}."
        )
    frames = dataset.columns("train")["frame"]
    following = record + 1 if record + 1 < number and frames[record + 1] else record
    rows: dict[str, list[np.ndarray]] = {}
    if set(_STREAMS) <= set(dataset.features):
        read = read_features(dataset, "train", _STREAMS, [record, following])
        rows["RGB"] = [read[name][0] for name in _STREAMS]
    if {f"flow_{name}" for name in _STREAMS} <= set(dataset.features):
        flow = read_features(dataset, "train", [f"flow_{name}" for name in _STREAMS], [record])
        planes = [flow[f"flow_{name}"][0].reshape(-1, flow[f"flow_{name}"].shape[2]) for name in _STREAMS]
        rows["flow"] = [bodies.flow_picture(plane) for plane in planes]
        rows["vertical flow"] = [_grey(plane[len(plane) // 2 :]) for plane in planes]
    if "RGB" in rows:
        changes = [read[name][1].astype(int) - read[name][0] for name in _STREAMS]
        rows["difference"] = [np.clip(128 + change, 0, 255).astype(np.uint8) for change in changes]
    return {
        f"{row}, {name}": picture for row, of_row in rows.items() for name, picture in zip(_STREAMS, of_row)
    }


def _grey(plane: np.ndarray) -> np.ndarray:
    """Stored flow as a grey picture, eight times as strong about rest."""
    strong = np.clip(128 + 8 * (plane.astype(int) - 128), 0, 255).astype(np.uint8)
    return np.repeat(strong[..., None], 3, axis=-1)
