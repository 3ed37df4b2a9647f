"""The network that a config describes (context_emotion spec 2.5-2.7)."""

from __future__ import annotations

import flax.linen as nn
import jax

from emojax.engine.mesh import DATA_AXIS
from emojax.graphs.partitions import partition_matrices
from emojax.graphs.skeletons import BODY_18
from emojax.graphs.word_vectors import load_word_vectors
from emojax.labels import Labels
from emojax.models.backbones import create_backbone
from emojax.models.freeze import later_batch_norms
from emojax.models.fusion import linear_head
from emojax.models.laban_nets import LabanConv1D, LabanLSTM
from emojax.models.st_gcn import STGCN
from emojax.models.tsn import TSN
from emojax.systems.bodies.inputs import CHANNELS, image_streams, streams_of


class SequenceNet(nn.Module):
    """A network on a sequence, and linear outputs on its feature.

    Attributes:
        trunk: gives ``features [B, D]``.
        num_classes: label logits.
        num_dimensions: continuous dimensions, squashed by a sigmoid.
    """

    trunk: nn.Module
    num_classes: int
    num_dimensions: int

    @nn.compact
    def __call__(self, x: jax.Array, **options) -> dict[str, jax.Array]:
        """``logits [B, C]`` and ``dimensions [B, K]`` in (0, 1); `options` go to the trunk."""
        features = self.trunk(x, **options)["features"]
        dimensions = nn.sigmoid(linear_head(features, self.num_dimensions, "dimensions"))
        return {"logits": linear_head(features, self.num_classes, "labels"), "dimensions": dimensions}


def net_constants(config, net: nn.Module, labels: Labels) -> tuple[dict, list[str]]:
    """Constants of a fresh network, and what the user should know of them.

    Those that the config needs: ``trunk/matrices`` of an ST-GCN, ``head/words [C, d]`` of the embedding loss.

    Raises:
        DataError: the word vectors cannot be read.
    """
    if config.model.net == "stgcn":
        return {"trunk": net.trunk.fresh_constants}, []
    if config.model.net != "tsn" or not config.model.embedding:
        return {}, []
    vectors, source = load_word_vectors(labels.classes, config.model.word_vectors or None)
    return {"head": {"words": vectors}}, [f"label words: {source}"]


def build_net(config, labels: Labels, dtype) -> nn.Module:
    """`TSN` or `SequenceNet`."""
    options = config.model
    sizes = (len(labels.classes), len(labels.dimensions))
    if options.net == "tsn":
        encoders = {name: _backbone(options.backbone, dtype) for name in image_streams(config)}
        return TSN(
            streams_of(config), encoders, *sizes, embedding=options.embedding, consensus=options.consensus
        )
    return SequenceNet(_trunk(options, dtype), *sizes)


def later_norms(config, dtype) -> frozenset[tuple[str, ...]]:
    """Paths of what Partial BN freezes (spec 2.5): the batch norms of every backbone but its first."""
    size, channels = config.image_size, CHANNELS[config.model.modality]
    example = jax.ShapeDtypeStruct((1, size, size, channels), dtype)
    made = _backbone(config.model.backbone, dtype)
    return frozenset(
        ("encoder", *path)
        for name in image_streams(config)
        for path in later_batch_norms(name, made(name=None), example)
    )


def _backbone(arch: str, dtype):
    return lambda name: create_backbone(arch, dtype=dtype, axis_name=DATA_AXIS, module_name=name)


def _trunk(options, dtype) -> nn.Module:
    shared = {"dtype": dtype, "name": "trunk"}
    if options.net == "stgcn":
        matrices = partition_matrices(BODY_18, options.partition, normalisation=options.normalisation)
        return STGCN(
            matrices,
            units=options.units,
            edge_importance=options.edge_importance,
            dropout=options.dropout,
            propagation=options.propagation,
            axis_name=DATA_AXIS,
            **shared,
        )
    if options.net == "laban_lstm":
        both_ends = options.get("lstm_both_ends", False)
        return LabanLSTM(options.lstm_hidden, options.lstm_layers, both_ends, **shared)
    return LabanConv1D(tuple(options.filters), widths=tuple(options.widths), axis_name=DATA_AXIS, **shared)
