"""What a user of an exported program must know besides the program: ``recipe.json``."""

from __future__ import annotations

import pathlib
from typing import Any

from emojax import systems
from emojax.engine.model_folder import RECIPE_FILE
from emojax.engine.restored import Restored
from emojax.files import write_json
from emojax.models.constants import CONSTANTS
from emojax.models.gcn import label_graph


def described(restored: Restored) -> dict[str, Any]:
    """JSON values: config, recipe of the training data, how outputs become probabilities, and the label graph."""
    system = systems.build(restored.config, restored.recipe)
    labels, matrix = restored.recipe.labels, label_graph(restored.variables.get(CONSTANTS, {}))
    graph = None
    if matrix is not None:
        nodes = (*labels.classes, *labels.dimensions)[: len(matrix)]
        graph = {"nodes": nodes, "receivers_by_senders": matrix.tolist()}
    return {
        "schema": 1,
        "config": restored.meta["config"],
        "recipe": restored.meta["recipe"],
        "links": dict(system.measure.links),
        "label_graph": graph,
    }


def write_recipe(folder: pathlib.Path, restored: Restored) -> list[str]:
    """Writes ``recipe.json``; returns the names of what it wrote."""
    write_json(folder / RECIPE_FILE, described(restored))
    return [RECIPE_FILE]
