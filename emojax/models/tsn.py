"""Temporal segment network of several streams (Wang et al., ECCV 2016; context_emotion spec 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from emojax.models.consensus import Consensus
from emojax.models.constants import constant
from emojax.models.fusion import Encoders, linear_head
from emojax.models.streams import encode, in_order


class SnippetEncoder(nn.Module):
    """The streams of a snippet and their concatenation.

    Attributes:
        streams: names of the streams; fused in the order of `streams.STREAMS`.
        encoders: stream -> makes its network, called with ``name``. A stream without one is a given vector.
    """

    streams: Sequence[str]
    encoders: Encoders

    @nn.compact
    def __call__(
        self, inputs: Mapping[str, jax.Array], *, train: bool, mask: jax.Array | None = None
    ) -> jax.Array:
        """Stream -> normalised images ``[B, K, H, W, C]`` or vectors ``[B, K, D]``; gives ``[B, K, D]`` float32.

        Args:
            inputs: of the K snippets of each video.
            train: use and record batch statistics.
            mask: ``[B]``, 0 for padding rows.
        """
        features = []
        for name in in_order(self.streams):
            x = inputs[name]
            batch, count = x.shape[:2]
            if name not in self.encoders:
                features.append(x.astype(jnp.float32))
                continue
            snippets = x.reshape(batch * count, *x.shape[2:])
            rows = None if mask is None else jnp.repeat(mask, count)
            encoded = encode(self.encoders[name](name=name), snippets, train=train, mask=rows)["features"]
            features.append(encoded.reshape(batch, count, -1))
        return jnp.concatenate(features, axis=-1)


class VideoHead(nn.Module):
    """Linear outputs of each snippet, and one consensus for each kind of output.

    Attributes:
        num_classes: label logits.
        num_dimensions: continuous dimensions, squashed by a sigmoid after the consensus.
        embedding: project features for the embedding loss, to the width of the constant ``words [C, d]``.
        consensus: see `Consensus`.
    """

    num_classes: int
    num_dimensions: int
    embedding: bool = False
    consensus: str = "average"

    @nn.compact
    def __call__(self, features: jax.Array) -> dict[str, jax.Array]:
        """``[B, K, D]`` -> ``logits [B, C]``, ``dimensions [B, K]`` in (0, 1), ``embedding [B, d]`` where there is
        one, and ``snippet_weights [B, K]`` of the label logits."""
        sizes = {"labels": self.num_classes, "dimensions": self.num_dimensions}
        if self.embedding:
            sizes["embedding"] = constant(self, "words").shape[-1]
        combined, weights = {}, {}
        for name, size in sizes.items():
            outputs = linear_head(features, size, name)
            module = Consensus(self.consensus, name=f"{name}_consensus")
            combined[name], weights[name] = module(outputs, features)
        result = {"logits": combined["labels"], "dimensions": nn.sigmoid(combined["dimensions"])}
        if self.embedding:
            result["embedding"] = combined["embedding"]
        return {**result, "snippet_weights": weights["labels"]}


class TSN(nn.Module):
    """Streams with weights shared by all snippets, then outputs and consensus.

    Attributes:
        streams, encoders: see `SnippetEncoder`.
        num_classes, num_dimensions, embedding, consensus: see `VideoHead`.
    """

    streams: Sequence[str]
    encoders: Encoders
    num_classes: int
    num_dimensions: int
    embedding: bool = False
    consensus: str = "average"

    def setup(self):
        self.encoder = SnippetEncoder(self.streams, self.encoders)
        self.head = VideoHead(self.num_classes, self.num_dimensions, self.embedding, self.consensus)

    def __call__(
        self, inputs: Mapping[str, jax.Array], *, train: bool, mask: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """See `SnippetEncoder` and `VideoHead`."""
        return self.head(self.encoder(inputs, train=train, mask=mask))

    def snippets(self, inputs: Mapping[str, jax.Array]) -> jax.Array:
        """Fused features ``[B, K, D]`` in evaluation; snippets may be taken a few at a time."""
        return self.encoder(inputs, train=False)

    def conclude(self, features: jax.Array) -> dict[str, jax.Array]:
        """Outputs of the videos from the features of all their snippets ``[B, K, D]``."""
        return self.head(features)
