"""Generator and discriminator of a config, and what is drawn at random for them (affwild_gan spec 2.5, 2.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from emojax.engine.mesh import DATA_AXIS
from emojax.models.capsule import CapsuleDiscriminator
from emojax.models.dcgan import Discriminator, Generator

STATS = "batch_stats"
SHEET = 64  # pictures of a sheet, 8 by 8
_GOLDEN = 2_654_435_769  # 2**32 over the golden ratio


@dataclasses.dataclass(frozen=True)
class Networks:
    """Both networks; their variables stand under ``generator`` and ``discriminator`` in every collection."""

    generator: Generator
    discriminator: Discriminator | CapsuleDiscriminator

    def generate(
        self, params: Mapping, state: Mapping, z: jax.Array, *, train: bool, mask: jax.Array | None = None
    ) -> tuple[jax.Array, dict]:
        """Pictures ``[B, S, S, 3]`` in [-1, 1], and the state with the generator's new statistics."""
        variables = {"params": params["generator"], STATS: _stats(state, "generator")}
        if not train:
            return self.generator.apply(variables, z, train=False), dict(state)
        pictures, new = self.generator.apply(variables, z, train=True, mask=mask, mutable=[STATS])
        return pictures, _with_stats(state, "generator", new)

    def discriminate(
        self, params: Mapping, state: Mapping, images: jax.Array, *, mask: jax.Array, keys: jax.Array
    ) -> tuple[dict[str, jax.Array], dict]:
        """What `Discriminator` gives in training, and the state with its new statistics."""
        variables = {"params": params["discriminator"], STATS: _stats(state, "discriminator")}
        options = {"train": True, "mask": mask, "keys": keys, "mutable": [STATS]}
        outputs, new = self.discriminator.apply(variables, images, **options)
        return outputs, _with_stats(state, "discriminator", new)

    def judge(self, variables: Mapping, images: jax.Array) -> dict[str, jax.Array]:
        """What `Discriminator` gives in evaluation."""
        own = {"params": variables["params"]["discriminator"], STATS: _stats(variables, "discriminator")}
        return self.discriminator.apply(own, images, train=False)

    def sheet_noise(self, config) -> jax.Array:
        """The noise of the sheets that show how the generator develops: the same in the whole run."""
        keys = jax.random.split(jax.random.fold_in(jax.random.key(config.seed), SHEET), SHEET)
        return noise(keys, config.model.noise)


def _stats(state: Mapping, name: str) -> Mapping:
    """Running statistics of a network; a checkpoint leaves those of one without batch norms out."""
    return state[STATS].get(name, {})


def _with_stats(state: Mapping, name: str, new: Mapping) -> dict[str, Any]:
    return {**state, STATS: {**state[STATS], name: new.get(STATS, {})}}


def build_networks(config, dtype) -> Networks:
    """See `Networks`."""
    options, shared = config.model, {"dtype": dtype, "axis_name": DATA_AXIS}
    generator = Generator(config.image_size, options.generator_channels, **shared)
    if options.discriminator == "capsule":
        return Networks(generator, CapsuleDiscriminator(options.discriminator_channels, dtype=dtype))
    return Networks(generator, Discriminator(options.discriminator_channels, options.dropout, **shared))


def coded(images: jax.Array) -> jax.Array:
    """uint8 RGB as float32 in [-1, 1]."""
    return images.astype(jnp.float32) / 127.5 - 1


def noise(keys: jax.Array, size: int) -> jax.Array:
    """Uniform on (-1, 1), ``[B, size]``, of one key a row."""
    return jax.vmap(lambda key: jax.random.uniform(key, (size,), minval=-1.0, maxval=1.0))(keys)


def labelled(sequence: jax.Array, fraction: float) -> jax.Array:
    """1.0 for a frame of a video whose labels are used, ``[B]``: `fraction` of the videos, at least the first.

    They are spread evenly over the order of the videos: the multiples of the golden ratio, modulo 1, below `fraction`.
    """
    if fraction >= 1:
        return jnp.ones(sequence.shape, jnp.float32)
    place = sequence.astype(jnp.uint32) * jnp.uint32(_GOLDEN)  # modulo 2**32
    return (place <= jnp.uint32(fraction * (2**32 - 1))).astype(jnp.float32)
