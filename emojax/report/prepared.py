"""Figures of a prepared data set: how its labels are distributed, and what training does to a record."""

from __future__ import annotations

import pathlib

from emojax.data.augment import PRESETS
from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.errors import DataError
from emojax.report import classification, preparation, valence_arousal
from emojax.report.page import Picture, Section

_MASK = "face_mask"


def label_section(folder: pathlib.Path, dataset: Dataset) -> Section:
    """Counts of the classes, and where they lie in the valence-arousal plane (thesis 001, figs 4.5.1, 5.2.1, 6.3.1).

    Raises:
        DataError: the records have no class, valence and arousal.
    """
    names = dataset.labels.classes
    train, validation = (dataset.columns(split) for split in ("train", "validation"))
    counts = {name: list(split.class_counts.values()) for name, split in dataset.splits.items()}
    distribution = classification.label_distribution_figure(folder / "classes.png", counts, names)
    classes = valence_arousal.class_scatter_figure(
        folder / "plane_of_each_class.png", train["valence"], train["arousal"], train["label"], names
    )
    together = valence_arousal.scatter_figure(
        folder / "plane.png", validation["valence"], validation["arousal"], validation["label"], names
    )
    sectors = valence_arousal.sector_figure(folder / "sectors.png", train["valence"], train["arousal"])
    return Section(
        "Labels",
        pictures=[
            Picture(distribution, "Samples of each class in each split.", wide=True),
            Picture(classes, "Training samples of each class; all others in grey.", wide=True),
            Picture(sectors, "Training samples in 8 equal sectors of the plane.", wide=True),
            Picture(together, "Validation samples of all classes in one plane."),
        ],
    )


def record_section(folder: pathlib.Path, dataset: Dataset, record: int) -> Section:
    """A training record as training sees it: augmented, and under its mask (thesis 001, figs 3.1.3, 5.1.2).

    Raises:
        DataError: no such record.
    """
    number = dataset.split("train").num_records
    if not 0 <= record < number:
        raise DataError(
            f"There is no record {record} in {dataset.path}: the training split has 0 to {number - 1}."
        )
    masked = _MASK in dataset.features
    values = read_features(dataset, "train", ("image", _MASK) if masked else ("image",), [record])
    image = values["image"][0]
    augmented = preparation.augmentation_figure(folder / "augmentation.png", image, PRESETS["full"])
    pictures = [Picture(augmented, "Each operation at full strength, then random draws of all.", wide=True)]
    if masked:
        path = preparation.mask_figure(folder / "mask.png", image, values[_MASK][0])
        pictures.append(Picture(path, "Eyes and mouth, the target of the mask task.", wide=True))
    return Section(f"Training record {record}", pictures=pictures)
