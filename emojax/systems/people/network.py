"""The network that a config describes (context_emotion spec 2.2-2.4, 2.10, 4)."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import flax.linen as nn
import numpy as np

from emojax.data.recipe import Recipe
from emojax.engine.mesh import DATA_AXIS
from emojax.graphs.cooccurrence import ml_gcn_adjacency
from emojax.graphs.word_vectors import load_word_vectors
from emojax.labels import Labels
from emojax.models.backbones import create_backbone
from emojax.models.depth_net import DepthCNN
from emojax.models.fusion import DimensionHead, FusionLayer, LabelHead, PeopleNet
from emojax.models.fusion_emoticon import EmotiConNet, PeopleGCN
from emojax.models.gcn import graph_constants
from emojax.models.pose_nets import PoseConv1D, PoseGCN
from emojax.models.streams import in_order
from emojax.systems.people.checks import named
from emojax.systems.people.inputs import IMAGE_STREAMS, VECTOR_SIZES

WORDS = "words"  # constant [C, d]: word vectors that the embedding loss compares with


def net_constants(config, recipe: Recipe) -> tuple[dict, list[str]]:
    """Constants of the network for a fresh run, and what the user should know of them.

    Those that the config needs: ``labels/gcn``, graph and word vectors of a label GCN; ``words [C, d]`` of the
    embedding loss.

    Raises:
        DataError: the word vectors cannot be read.
    """
    options, constants = config.model, {}
    if options.labels != "gcn" and not options.embedding:
        return {}, []
    vectors, source = load_word_vectors(recipe.labels.classes, options.word_vectors or None)
    if options.labels == "gcn":
        constants["labels"] = {"gcn": graph_constants(label_graph(options.gcn, recipe.statistics), vectors)}
    if options.embedding:
        constants[WORDS] = vectors
    return constants, [f"label words: {source}"]


def build_net(config, labels: Labels, dtype) -> nn.Module:
    """`PeopleNet`, or `EmotiConNet` for ``config.model.net = "emoticon"``."""
    options = config.model
    shared = dict(
        streams=named(options.streams),
        encoders=encoders(config, dtype),
        attention=named(options.attention),
    )
    num_classes, num_dimensions = len(labels.classes), len(labels.dimensions)
    if options.net == "emoticon":
        return EmotiConNet(**shared, num_classes=num_classes)
    fusion = None
    if options.fusion_width:
        fusion = FusionLayer(options.fusion_width, options.fusion_dropout, axis_name=DATA_AXIS)
    return PeopleNet(
        **shared,
        labels=LabelHead(
            num_classes, options.labels == "gcn", tuple(options.gcn.hidden), options.propagation
        ),
        dimensions=_dimension_head(options, num_dimensions),
        fusion=fusion,
        embedding=options.embedding,
    )


def _dimension_head(options, count: int) -> DimensionHead | None:
    squash = options.dimension_activation == "sigmoid"
    return DimensionHead(tuple(options.dimension_hidden), count, squash) if count else None


def label_graph(options, statistics: Mapping) -> np.ndarray:
    """ML-GCN's matrix ``[C, C]`` from the training labels (spec 4)."""
    counts = np.array(statistics["cooccurrence"])
    return ml_gcn_adjacency(counts, options.tau, options.p, diagonal=options.diagonal)


def label_vectors(net: nn.Module, variables: Mapping) -> dict[str, np.ndarray]:
    """Stream -> ``[C, D]``, the weights of its features in the label logits; empty where there is a layer between.

    With class activation maps in mind: for EmotiCon they are those of the stream's own scores.
    """
    params = variables["params"]
    sizes = {name: made(name=name).feature_size for name, made in net.encoders.items()}
    if isinstance(net, EmotiConNet):
        return {name: np.asarray(params[f"{name}_scores"]["kernel"]).T for name in sizes}
    if net.fusion is not None:
        return {}
    sizes = {s: sizes[s] if s in sizes else VECTOR_SIZES[s] for s in in_order(net.streams)}
    own = {collection: parts["labels"] for collection, parts in variables.items() if "labels" in parts}
    vectors = net.labels.vectors(own, sum(sizes.values()))
    ends = np.cumsum(list(sizes.values()))
    return dict(zip(sizes, np.split(vectors, ends[:-1], axis=1)))


def encoders(config, dtype) -> dict:
    """Stream -> makes its network, given the name of the module."""
    options, streams = config.model, named(config.model.streams)

    def backbone(arch: str):
        return lambda name: create_backbone(arch, dtype=dtype, axis_name=DATA_AXIS, module_name=name)

    made = {name: backbone(options.backbone) for name in IMAGE_STREAMS}
    filters, hidden = tuple(options.pose_filters), tuple(options.pose_hidden)
    if options.pose == "gcn":
        made["pose"] = functools.partial(
            PoseGCN, widths=hidden, propagation=options.propagation, axis_name=DATA_AXIS
        )
    else:
        made["pose"] = functools.partial(
            PoseConv1D, filters, hidden, options.pose_pool, dtype, axis_name=DATA_AXIS
        )
    if options.depth == "cnn":
        made["depth"] = functools.partial(
            DepthCNN, tuple(options.depth_filters), options.depth_features, dtype, axis_name=DATA_AXIS
        )
    else:
        made["depth"] = backbone(options.depth)
    made["people"] = functools.partial(PeopleGCN, propagation=options.propagation)
    return {name: encoder for name, encoder in made.items() if name in streams}
