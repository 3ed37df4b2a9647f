"""Aff-Wild without records, for counting parameters and timing bare steps."""

from __future__ import annotations

import numpy as np

from emojax.data.recipe import Feature, Recipe
from emojax.labels import AFFWILD_LABELS
from emojax.systems.face_videos.inputs import TRUNK_COLUMN, VALUES


def stand_in(config) -> Recipe:
    """Shapes and sizes of the database; counts are made up, so nothing may be trained on it."""
    image = Feature("image", (config.image_size, config.image_size, 3), "raw")
    features = {"image": image, "label": Feature("int")}
    statistics = {"num_samples": 480_000, "counts": [1] * len(AFFWILD_LABELS.classes)}
    return Recipe("Aff-Wild (shapes only)", AFFWILD_LABELS, features, statistics, origin=config.data_dir)


def stand_in_columns(config) -> dict[str, np.ndarray]:
    """Columns of a few videos, random values of the right shapes."""
    rng, videos, frames = np.random.default_rng(0), 4, 200
    records = videos * frames
    values = {name: rng.uniform(-1, 1, records).astype(np.float32) for name in VALUES}
    if stored := config.model.get("cached", 0):  # a GAN reads pictures alone
        values[TRUNK_COLUMN] = rng.normal(size=(records, stored)).astype(np.float32)
    return {
        "sequence": np.repeat(np.arange(videos, dtype=np.int32), frames),
        "frame": np.tile(np.arange(frames, dtype=np.int32), videos),
        "label": rng.integers(0, len(AFFWILD_LABELS.classes), records, dtype=np.int32),
        **values,
    }
