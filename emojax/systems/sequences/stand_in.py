"""The data sets without records, for counting parameters and timing bare steps."""

from __future__ import annotations

import numpy as np

from emojax.data.recipe import Feature, Recipe
from emojax.graphs.statistics import GEOMETRY_COMPONENTS
from emojax.systems.sequences.inputs import STREAMS, TASKS
from emojax.vision.geometry68 import NUM_VALUES

_NUM_TRAIN = 18_000  # frames, image_sequences spec 1.4


def stand_in(config) -> Recipe:
    """Shapes of the data; moments of the geometry are 0 and 1, so nothing may be trained on it."""
    image = Feature("image", (config.image_size, config.image_size, 3), "raw")
    statistics = {
        "num_samples": _NUM_TRAIN,
        "geometry_mean": [0.0] * NUM_VALUES,
        "geometry_std": [1.0] * NUM_VALUES,
        "geometry_components": np.eye(GEOMETRY_COMPONENTS, NUM_VALUES).tolist(),
    }
    for name in STREAMS:
        statistics |= {f"{name}_mean": [0.5] * 3, f"{name}_std": [0.25] * 3}
    labels = TASKS[config.task][0]
    return Recipe(
        f"{config.task} (shapes only)",
        labels,
        dict.fromkeys(STREAMS, image),
        statistics,
        origin=config.data_dir,
    )


def stand_in_columns(config) -> dict[str, np.ndarray]:
    """Columns of a few videos, random values of the right shapes."""
    rng, videos, frames = np.random.default_rng(0), 4, 40
    numbers = np.repeat(np.arange(videos, dtype=np.int32), frames)
    return {
        "sequence": numbers,
        "frame": np.tile(np.arange(frames, dtype=np.int32), videos),
        "label": numbers,
        "video_number": numbers,
        "subject_number": numbers,
        "geometry": rng.normal(size=(videos * frames, NUM_VALUES)).astype(np.float32),
    }
