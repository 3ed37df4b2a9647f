"""The heads of face systems by name (emotion_gcn spec 2.5), from a config and the data set's statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import flax.linen as nn
import numpy as np

from emojax.data.recipe import Recipe
from emojax.engine.mesh import DATA_AXIS
from emojax.engine.precision import compute_dtype
from emojax.errors import ConfigError, DataError
from emojax.graphs.label_graph import adjacency, binary_edges, isolated_nodes, shuffle_nodes, va_soft_block
from emojax.graphs.word_vectors import load_word_vectors
from emojax.models.gcn import to_graph
from emojax.models.heads import ExpressionHead, GCNHead, MaskDecoder, MultiTaskHead, ValenceArousalHead
from emojax.systems.checks import require_choice


@dataclasses.dataclass(frozen=True)
class FaceHead:
    """A head and what came up while it was built.

    Attributes:
        module: takes x ``[B, D]``.
        decoder: takes the last feature map ``[B, H, W, D]``; None for most heads.
        adjacency: A'' of a GCN head, ``[C + 2, C + 2]``; None for the others.
        notes: what the user should know.
    """

    module: nn.Module
    decoder: nn.Module | None = None
    adjacency: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class HeadKind:
    """One row of `HEADS`.

    Attributes:
        build: ``(config, recipe, feature_size) -> FaceHead``.
        auxiliaries: values of `objective.auxiliary` that have something to train in this head.
        logits: whether it gives expression logits.
    """

    build: Callable[..., FaceHead]
    auxiliaries: tuple[str, ...]
    logits: bool = True


# Auxiliary tasks whose output is (valence, arousal), and those on regions of the plane.
VA_TASKS = ("ccc", "mse", "smooth_l1")
REGION_TASKS = ("half_mse", "half_bce", "regions")


def num_regions(config) -> int:
    """Regions of the plane that the auxiliary task tells apart; 0 when its output is no region."""
    if config.objective.auxiliary in ("half_mse", "half_bce"):
        return 2
    return config.objective.regions if config.objective.auxiliary == "regions" else 0


def _single(config, recipe: Recipe, feature_size: int) -> FaceHead:
    return FaceHead(ExpressionHead(len(recipe.labels.classes)))


def _va_single(config, recipe: Recipe, feature_size: int) -> FaceHead:
    return FaceHead(ValenceArousalHead())


def _multi_task(config, recipe: Recipe, feature_size: int) -> FaceHead:
    # Two regions need one output: on which side of the valence axis.
    regions = {0: 0, 2: 1}.get(num_regions(config), num_regions(config))
    head = MultiTaskHead(
        len(recipe.labels.classes),
        num_aux=regions or len(recipe.labels.dimensions),
        fusion=config.model.head,
        aux_name="aux" if regions else "va",
        concat_stop_grad=config.model.concat_stop_grad,
        concat_activation=config.model.concat_activation,
    )
    return FaceHead(head)


def _mask(config, recipe: Recipe, feature_size: int) -> FaceHead:
    decoder = MaskDecoder(dtype=compute_dtype(config.precision), axis_name=DATA_AXIS)
    return FaceHead(ExpressionHead(len(recipe.labels.classes)), decoder)


def _gcn(config, recipe: Recipe, feature_size: int) -> FaceHead:
    options = config.model.gcn
    words = [*recipe.labels.classes, *recipe.labels.dimensions]
    vectors, source = load_word_vectors(words, options.word_vectors or None, source=options.embedding)
    matrix, alone = _label_graph(options, recipe, words)
    widths = (options.hidden,) * (options.layers - 1) + (feature_size,)
    order = ", in shuffled places" if options.shuffle_seed else ""
    note = f"label graph of {len(words)} nodes from the training labels{order}; {source}"
    notes = (note,)
    if alone:
        notes += (f"no edge of the label graph reaches {', '.join(alone)}: alone with their own vectors",)
    return FaceHead(GCNHead(widths, to_graph(matrix), vectors), adjacency=matrix, notes=notes)


def _label_graph(options, recipe: Recipe, words: list[str]) -> tuple[np.ndarray, list[str]]:
    """A'' (spec 4.4-4.7) and the names of its nodes without neighbours.

    Raises:
        ConfigError: a node without neighbours, unless `isolated_nodes` allows it (with the identity's row).
    """
    correlation = np.array(recipe.statistics["spearman"])
    block = CATEGORY_BLOCKS[options.category_block](options, recipe)
    choice = {"tau_literal": options.tau_literal, "category_block": block}
    alone = [words[i] for i in isolated_nodes(binary_edges(correlation, options.tau, **choice))]
    if alone and not options.isolated_nodes:
        raise ConfigError(
            f"At config.model.gcn.tau {options.tau:g} no edge reaches {', '.join(alone)}. Take a smaller "
            "tau, or --config.model.gcn.isolated_nodes=True: such a node then gets nothing from the others."
        )
    matrix = adjacency(correlation, options.tau, options.p, transpose=options.transpose, **choice)
    return shuffle_nodes(matrix, options.shuffle_seed) if options.shuffle_seed else matrix, alone


def _spearman_block(options, recipe: Recipe) -> np.ndarray:
    classes = len(recipe.labels.classes)
    return np.abs(np.array(recipe.statistics["spearman"])[:classes, :classes])


def _block_from_file(options, recipe: Recipe) -> np.ndarray:
    try:
        return np.loadtxt(options.category_file, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(
            f"config.model.gcn.category_file {options.category_file!r} is no table of "
            f"{len(recipe.labels.classes)} rows of comma-separated numbers: {error}"
        ) from error


# Strengths [C, C] of edges between expressions (spec 4.10).
CATEGORY_BLOCKS = {
    "none": lambda options, recipe: None,
    "va_soft": lambda options, recipe: va_soft_block(np.array(recipe.statistics["va_histogram"]["10"])),
    "spearman": _spearman_block,
    "file": _block_from_file,
}

HEADS = {
    "single": HeadKind(_single, ("none",)),
    "va_single": HeadKind(_va_single, VA_TASKS, logits=False),
    "classic": HeadKind(_multi_task, VA_TASKS + REGION_TASKS),
    "concat": HeadKind(_multi_task, VA_TASKS + REGION_TASKS),
    "separate": HeadKind(_multi_task, VA_TASKS + REGION_TASKS),
    "mask": HeadKind(_mask, ("mask",)),
    "gcn": HeadKind(_gcn, VA_TASKS),
}


def build_head(config, recipe: Recipe, feature_size: int) -> FaceHead:
    """The head named by `config.model.head`.

    Args:
        config: resolved config, see `faces_checks.require_valid`.
        recipe: its labels size the head, its statistics make the label graph.
        feature_size: D, width of the pooled features.

    Raises:
        ConfigError: unknown head, or a label graph with an isolated node.
        DataError: word vectors or the table of `category_file` cannot be read.
    """
    require_choice(config, "model.head", HEADS)
    return HEADS[config.model.head].build(config, recipe, feature_size)
