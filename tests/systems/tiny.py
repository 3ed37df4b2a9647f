"""Face systems at a size for seconds: a network of two convolutions on coloured squares, held in memory."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax import systems
from emojax.cli import load_config_file
from emojax.data.recipe import Recipe
from emojax.engine.mesh import data_mesh, put_batch, replicated
from emojax.engine.step import make_predict_step, make_train_step
from emojax.graphs.label_graph import label_statistics
from emojax.models.backbones import _BACKBONES
from emojax.models.norm import BatchNorm
from emojax.pretrained.convert import abstract_shapes

SIZE = 32
MASK_SIZE = 56
FEATURES = 32
BATCH = 42


class TinyBackbone(nn.Module):
    """Patches of 4 x 4, then of 2 x 2: ``[B, 32, 32, 3] -> [B, 4, 4, FEATURES]``."""

    axis_name: str | None = None

    @property
    def feature_size(self) -> int:
        return FEATURES

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, mask: jax.Array | None = None) -> dict[str, jax.Array]:
        x = nn.Conv(16, (4, 4), (4, 4), use_bias=False)(x)
        x = nn.relu(BatchNorm(axis_name=self.axis_name)(x, train=train, mask=mask))
        x = nn.Conv(FEATURES, (2, 2), (2, 2), use_bias=False)(x)
        return {"features": BatchNorm(axis_name=self.axis_name)(x, train=train, mask=mask)}


def use_tiny_backbone(monkeypatch) -> None:
    """Face systems built from here on have the tiny backbone, whatever their config names."""

    def create(name, *, dtype, axis_name, remat):
        return TinyBackbone(axis_name)

    monkeypatch.setattr("emojax.systems.faces.system.create_backbone", create)


@contextlib.contextmanager
def small_backbones() -> Iterator[None]:
    """The tiny networks of the catalogue with fewer blocks: every kind of layer is there, most of them once."""
    smaller = {
        "resnet_tiny": {"stage_sizes": (1, 1)},
        "densenet_tiny": {"block_sizes": (1, 1, 1)},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, sizes in smaller.items():
            network, published = _BACKBONES[name]
            patch.setitem(_BACKBONES, name, (network, published | sizes))
        abstract_shapes.cache_clear()
        yield
    abstract_shapes.cache_clear()


def tiny_config(spec: str, **changes: Any):
    """A variant at tiny size; `changes` use ``__`` for dots."""
    config = load_config_file(f"{spec}@demo")
    tiny = {
        "image_size": SIZE,
        "num_classes": 7,
        "batch_size": BATCH,
        "eval_batch_size": BATCH,
        "augment": "none",
        "align": "",
        "optimizer.name": "adamw",
        "optimizer.learning_rate": 0.01,
        "optimizer.schedule": "constant",
        "optimizer.warmup_epochs": 0.0,
    }
    config.update_from_flattened_dict({**tiny, **{k.replace("__", "."): v for k, v in changes.items()}})
    return config


def draw(counts, *, noise: float = 25.0, seed: int = 0) -> dict[str, np.ndarray]:
    """A split of coloured pictures: the hue tells the class, a white square is the face mask.

    Valence and arousal lie around means of the class; brightness tells their deviation.
    """
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    angle = 2 * np.pi * label / len(counts)
    deviation = rng.uniform(-0.3, 0.3, len(label))
    hue = np.stack([np.cos(angle), np.cos(angle + 2.1), np.cos(angle + 4.2)], axis=-1)
    image = 110 + 40 * hue[:, None, None] + 100 * deviation[:, None, None, None]
    image = image + rng.normal(0, noise, (len(label), SIZE, SIZE, 3))
    mask = np.zeros((len(label), MASK_SIZE, MASK_SIZE), np.uint8)
    for i, (row, column) in enumerate(rng.integers(0, 3, (len(label), 2))):
        image[i, 8 * row : 8 * row + 16, 8 * column : 8 * column + 16] += 60
        mask[i, 14 * row : 14 * row + 28, 14 * column : 14 * column + 28] = 1
    return {
        "image": np.clip(image, 0, 255).astype(np.uint8),
        "label": label,
        "valence": (0.6 * np.cos(angle) + deviation).astype(np.float32),
        "arousal": (0.6 * np.sin(angle) + deviation).astype(np.float32),
        "age": rng.uniform(1, 90, len(label)).astype(np.float32),
        "face_mask": mask,
        "index": np.arange(len(label), dtype=np.int32),
        "mask": np.ones(len(label), np.float32),
    }


def describe(config, train: dict[str, np.ndarray], **changes: Any) -> Recipe:
    """The recipe of the data of `draw`."""
    statistics = label_statistics(train["label"], train["valence"], train["arousal"], config.num_classes)
    return dataclasses.replace(systems.stand_in(config), statistics=statistics, **changes)


class TinyRun:
    """Training and prediction through the engine's compiled steps, from arrays in memory.

    Attributes:
        system: the system.
        state: its state.
        logs: of the last step, floats.
    """

    def __init__(self, config, train: dict[str, np.ndarray], *, devices: int = 1):
        self.system = systems.build(config, describe(config, train))
        self.mesh = data_mesh(jax.devices()[:devices])
        program = self.system.program(100)
        self._train = train
        self._step = make_train_step(program, self.mesh, config.seed)
        self._predict = make_predict_step(self.system.predict, self.mesh)
        create = jax.jit(lambda key: program.init(self.system.init(key)), out_shardings=replicated(self.mesh))
        self.state = create(jax.random.key(config.seed))

    def train(self, steps: int, *, rows: int = BATCH, padding: int = 0, weights=None) -> TinyRun:
        """Takes steps on batches drawn with replacement; the last `padding` rows of each are padding."""
        rng = np.random.default_rng(0)
        p = None if weights is None else weights / weights.sum()
        for _ in range(steps):
            batch = self._rows(self._train, rng.choice(len(self._train["label"]), rows, p=p))
            batch["mask"][rows - padding :] = 0
            batch["position"] = np.arange(rows, dtype=np.int32)
            batch["image"][rows - padding :] = 255
            self.state, logs = self._step(self.state, put_batch(batch, self.mesh))
        self.logs = {k: float(v) for k, v in logs.items()}
        return self

    def predict(self, split: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predictions and truth of a whole split."""
        outputs = self._predict(self.state.variables, put_batch(self._rows(split, slice(None)), self.mesh))
        truth = {k: v for k, v in split.items() if v.ndim <= 2}
        return {**truth, **jax.tree.map(np.asarray, outputs)}

    def measure(self, split: dict[str, np.ndarray]) -> dict:
        return self.system.measure.metrics(self.predict(split))

    def _rows(self, split, rows) -> dict[str, np.ndarray]:
        return {
            k: split[k][rows].copy()
            for k in (*self.system.inputs.features, *self.system.inputs.columns, "index", "mask")
        }


def leaves(tree) -> dict[str, np.ndarray]:
    """Arrays of a tree by path."""
    return {jax.tree_util.keystr(p): np.asarray(x) for p, x in jax.tree_util.tree_leaves_with_path(tree)}


def zeros_batch(system, rows: int = 2) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of a batch of a system."""
    size = system.config.image_size
    shapes = {"image": ((size, size, 3), jnp.uint8), "face_mask": ((MASK_SIZE, MASK_SIZE), jnp.uint8)}
    scalars = {"label": ((), jnp.int32)}
    wanted = {
        n: {**shapes, **scalars}.get(n, ((), jnp.float32))
        for n in (*system.inputs.features, *system.inputs.columns, "mask")
    }
    return {n: jax.ShapeDtypeStruct((rows, *shape), dtype) for n, (shape, dtype) in wanted.items()}
