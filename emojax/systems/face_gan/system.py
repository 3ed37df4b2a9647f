"""The Regression GAN of thesis 002 (affwild_gan spec 2.5-2.7, 3, 4, 5)."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.inputs import Inputs
from emojax.data.recipe import Recipe
from emojax.engine.cadence import total_steps
from emojax.engine.optim import make_optimizer
from emojax.engine.precision import compute_dtype
from emojax.engine.program import Program
from emojax.systems.base import Batch, System, Variables
from emojax.systems.face_gan.checks import check
from emojax.systems.face_gan.measure import GanMeasure
from emojax.systems.face_gan.network import SHEET, build_networks, coded, labelled, noise
from emojax.systems.face_gan.program import SHEETS, Adversarial
from emojax.systems.face_videos.inputs import VALUES
from emojax.systems.face_videos.stand_in import stand_in
from emojax.systems.measure import Report

__all__ = ["FaceGanSystem", "build", "stand_in"]

_THUMBNAIL = 8  # side of the pictures that diversity is measured on
_LABELLED_SHARE = 0.5  # of each batch where not all videos are labelled (spec 5.5)


def build(config, recipe: Recipe) -> FaceGanSystem:
    """Checks config against the recipe of the data and builds the system.

    Raises:
        ConfigError: a field has an unknown value or does not go with another.
        DataError: the data has other classes or pictures of another size.
    """
    check(config, recipe)
    return FaceGanSystem(config, recipe)


class FaceGanSystem(System):
    """Two networks, two optimisers; see `System`."""

    def __init__(self, config, recipe: Recipe):
        super().__init__(config, recipe)
        self.labels = recipe.labels
        self.measure = GanMeasure()
        self.inputs = Inputs(("image",), (*VALUES, "sequence"))
        self.monitor = config.monitor
        self.headline = ("ccc_valence", "ccc_arousal", "judged_real_fake", "diversity")
        self.protocol = "single frames; as many faces drawn as there are frames, in evaluation mode"
        self.networks = build_networks(config, compute_dtype(config.precision))

    def init(self, key: jax.Array, constants: Mapping | None = None) -> Variables:
        keys, size = jax.random.split(key), self.config.image_size
        found = {
            "generator": self.networks.generator.init(
                keys[0], jnp.zeros((1, self.config.model.noise)), train=False
            ),
            "discriminator": self.networks.discriminator.init(
                keys[1], jnp.zeros((1, size, size, 3)), train=False
            ),
        }
        merged = {
            c: {name: variables.get(c, {}) for name, variables in found.items()}
            for c in ("params", "batch_stats")
        }
        kept = len(self.config.model.sheet_steps)
        return {**merged, SHEETS: jnp.zeros((kept, SHEET, size, size, 3), jnp.uint8)} if kept else merged

    def program(self, steps_per_epoch: int) -> Program:
        steps = total_steps(self.config, steps_per_epoch)
        of_generator = self.config.optimizer.copy_and_resolve_references()
        of_generator.learning_rate = self.config.model.generator_learning_rate
        options = {"discriminator": self.config.optimizer, "generator": of_generator}
        optimizers = {name: make_optimizer(o, steps_per_epoch, steps) for name, o in options.items()}
        return Adversarial(self.networks, self.config, optimizers)

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``dimensions [b, 2]``, ``fake_logit [b]``, ``thumbnail [b, 64]`` of real pictures; with ``drawn_`` before the
        name those of as many drawn ones, from noise by the numbers of the records.
        """
        real = coded(batch["image"])
        key = jax.random.key(self.config.seed)
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.maximum(batch["index"], 0))
        drawn, _ = self.networks.generate(
            variables["params"], variables, noise(keys, self.config.model.noise), train=False
        )
        found = {}
        for prefix, images in (("", real), ("drawn_", drawn)):
            outputs = self.networks.judge(variables, images)["outputs"]
            found[f"{prefix}dimensions"], found[f"{prefix}fake_logit"] = outputs[:, :2], outputs[:, 2]
            found[f"{prefix}thumbnail"] = _thumbnails(images)
        return found

    def draw(self, variables: Variables, z: jax.Array) -> tuple[np.ndarray, np.ndarray]:
        """Faces ``[n, S, S, 3]`` uint8 of noise ``[n, Z]``, and what the discriminator sees in them ``[n, 3]``."""
        drawn, _ = self.networks.generate(variables["params"], variables, z, train=False)
        outputs = self.networks.judge(variables, drawn)["outputs"]
        return np.asarray(jnp.round((drawn + 1) * 127.5).astype(jnp.uint8)), np.asarray(outputs)

    def sample(self, variables: Variables, count: int, seed: int) -> np.ndarray:
        """That many faces ``[count, S, S, 3]`` uint8 of new noise, drawn by the seed, sheet by sheet."""
        keys = jax.random.split(jax.random.key(seed), -(-count // SHEET) * SHEET)
        draw = jax.jit(lambda v, z: self.networks.generate(v["params"], v, z, train=False)[0])
        sheets = [draw(variables, noise(part, self.config.model.noise)) for part in keys.reshape(-1, SHEET)]
        faces = np.concatenate([np.asarray(sheet) for sheet in sheets])[:count]
        return np.round((faces + 1) * 127.5).astype(np.uint8)

    def sample_weights(self, columns: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Half of each batch from labelled videos, where not all are (spec 5.5)."""
        fraction = self.config.model.label_fraction
        if fraction >= 1:
            return None
        known = np.asarray(labelled(jnp.asarray(columns["sequence"]), fraction)) > 0
        if known.all():
            return None
        shares = np.where(known, _LABELLED_SHARE / known.sum(), 0.0)
        others = (1 - _LABELLED_SHARE) / (~known).sum()
        return np.where(known, shares, others)

    @property
    def report(self) -> Report:
        from emojax.systems.face_gan.report import GanReport  # matplotlib: a second that only a report pays

        return GanReport(self)

    @property
    def analysis(self) -> type:
        from emojax.systems.face_gan.analysis import GanAnalysis  # matplotlib, as above

        return GanAnalysis


def _thumbnails(images: jax.Array) -> jax.Array:
    """Grey pictures of 8 x 8: ``[b, S, S, 3] -> [b, 64]``."""
    grey = jnp.mean(images, axis=-1)
    side = grey.shape[1] // _THUMBNAIL
    small = grey.reshape(grey.shape[0], _THUMBNAIL, side, _THUMBNAIL, side).mean(axis=(2, 4))
    return small.reshape(grey.shape[0], -1)
