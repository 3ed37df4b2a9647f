"""BoLD without records, for counting parameters and timing bare steps."""

from __future__ import annotations

import numpy as np

from emojax.data.recipe import Feature, Recipe
from emojax.labels import BOLD_LABELS
from emojax.vision.laban import DESCRIPTOR_NAMES, FEATURE_NAMES

_NUM_TRAIN = 9_222  # context_emotion spec 1.4


def stand_in(config) -> Recipe:
    """Shapes and sizes of BoLD; moments of the Laban features are 0 and 1, so nothing may be trained on it."""
    image = Feature("image", (config.image_size, config.image_size, 3), "raw")
    sizes = {"laban": len(FEATURE_NAMES), "laban_descriptor": len(DESCRIPTOR_NAMES)}
    statistics = {"num_samples": _NUM_TRAIN, "vad_mean": [0.5] * len(BOLD_LABELS.dimensions)}
    for name, size in sizes.items():
        statistics |= {f"{name}_mean": [0.0] * size, f"{name}_std": [1.0] * size}
    planes = Feature("image", (2 * config.image_size, config.image_size), "raw")
    streams = ("body", "context", "face")
    features = dict.fromkeys(streams, image) | {f"flow_{name}": planes for name in streams}
    return Recipe("BoLD (shapes only)", BOLD_LABELS, features, statistics, origin=config.data_dir)


def stand_in_columns(config) -> dict[str, np.ndarray]:
    """Columns of a few clips, random values of the right shapes."""
    rng, clips, frames = np.random.default_rng(0), 4, 40
    records, labels = clips * frames, BOLD_LABELS
    uniform = {
        "joints": (records, 18, 3),
        "laban": (records, len(FEATURE_NAMES)),
        "sequences/laban_descriptor": (clips, len(DESCRIPTOR_NAMES)),
        "sequences/vad": (clips, len(labels.dimensions)),
        "sequences/categories": (clips, len(labels.classes)),
    }
    return {
        "sequence": np.repeat(np.arange(clips, dtype=np.int32), frames),
        "frame": np.tile(np.arange(frames, dtype=np.int32), clips),
        **{name: rng.uniform(0, 1, shape).astype(np.float32) for name, shape in uniform.items()},
    }
