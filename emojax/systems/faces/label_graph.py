"""The label graph of a face system and the word vectors of its nodes (emotion_gcn spec 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emojax.data.recipe import Recipe
from emojax.errors import ConfigError, DataError
from emojax.graphs.label_graph import (
    adjacency,
    binary_edges,
    class_edges,
    isolated_nodes,
    reweight,
    shuffle_nodes,
    va_soft_block,
)
from emojax.graphs.word_vectors import load_word_vectors
from emojax.models.gcn import graph_constants


def label_graph_constants(options, recipe: Recipe, nodes: Sequence[str]) -> tuple[dict, list[str]]:
    """Constants of `models.heads.GCNHead` for a fresh run.

    Args:
        options: ``config.model.gcn``.
        recipe: its statistics make the edges.
        nodes: names of its classes, then of its dimensions; or of its classes alone.

    Returns:
        ``{"gcn": ...}`` as `models.gcn.graph_constants`, and what the user should know.

    Raises:
        ConfigError: a label graph with an isolated node.
        DataError: word vectors or the table of `category_file` cannot be read.
    """
    try:
        vectors, source = load_word_vectors(nodes, options.word_vectors or None, source=options.embedding)
    except DataError as error:
        more = " Or take none: --config.model.gcn.embedding=onehot." if options.embedding == "glove" else ""
        raise DataError(f"{error}{more}") from None
    matrix, alone = _label_graph(options, recipe, nodes)
    order = ", in shuffled places" if options.shuffle_seed else ""
    notes = [f"label graph of {len(nodes)} nodes from the training labels{order}; {source}"]
    if alone:
        notes.append(f"no edge of the label graph reaches {', '.join(alone)}: alone with their own vectors")
    return {"gcn": graph_constants(matrix, vectors)}, notes


def _label_graph(options, recipe: Recipe, nodes: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """A'' (spec 4.4-4.7) and the names of its nodes without neighbours.

    Raises:
        ConfigError: a node without neighbours, unless `isolated_nodes` allows it (with the identity's row).
    """
    block = CATEGORY_BLOCKS[options.category_block](options, recipe)
    if len(nodes) == len(recipe.labels.classes):
        edges = class_edges(_checked_table(block, options, recipe), options.tau)
        matrix = reweight(edges, options.p)
        matrix = matrix.T.copy() if options.transpose else matrix
    else:
        correlation = np.array(recipe.statistics["spearman"])
        choice = {"tau_literal": options.tau_literal, "category_block": block}
        edges = binary_edges(correlation, options.tau, **choice)
        matrix = adjacency(correlation, options.tau, options.p, transpose=options.transpose, **choice)
    alone = [nodes[i] for i in isolated_nodes(edges)]
    if alone and not options.isolated_nodes:
        raise ConfigError(
            f"At config.model.gcn.tau {options.tau:g} no edge reaches {', '.join(alone)}. Take a smaller "
            "tau, or --config.model.gcn.isolated_nodes=True: such a node then gets nothing from the others."
        )
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


def _checked_table(block: np.ndarray, options, recipe: Recipe) -> np.ndarray:
    classes = len(recipe.labels.classes)
    if block.shape != (classes, classes):
        raise DataError(
            f"config.model.gcn.category_file {options.category_file!r} has {' x '.join(map(str, block.shape))} "
            f"numbers; {recipe.origin} has {classes} classes."
        )
    return block


# Strengths [C, C] of edges between expressions (spec 4.10).
CATEGORY_BLOCKS = {
    "none": lambda options, recipe: None,
    "va_soft": lambda options, recipe: va_soft_block(np.array(recipe.statistics["va_histogram"]["10"])),
    "spearman": _spearman_block,
    "file": _block_from_file,
    "cooccurrence": lambda options, recipe: np.array(recipe.statistics["cooccurrence"]),
}
