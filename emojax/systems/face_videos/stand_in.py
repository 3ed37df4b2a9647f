"""Aff-Wild without records, for counting parameters and timing bare steps."""

from __future__ import annotations

from emojax.data.recipe import Feature, Recipe
from emojax.labels import AFFWILD_LABELS


def stand_in(config) -> Recipe:
    """Shapes and sizes of the database; counts are made up, so nothing may be trained on it."""
    image = Feature("image", (config.image_size, config.image_size, 3), "raw")
    features = {"image": image, "label": Feature("int")}
    statistics = {"num_samples": 480_000, "counts": [1] * len(AFFWILD_LABELS.classes)}
    return Recipe("Aff-Wild (shapes only)", AFFWILD_LABELS, features, statistics, origin=config.data_dir)
