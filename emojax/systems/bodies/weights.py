"""Weights of a published ST-GCN in the trunk of ours (context_emotion spec 2.6, G6b; corrections 8)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emojax.errors import CheckpointError
from emojax.models.constants import CONSTANTS
from emojax.pretrained.layouts import flatten, unflatten
from emojax.pretrained.native import load_weights, sha256

ARCHITECTURE = "st_gcn_kinetics"
_MATRICES = f"{CONSTANTS}/trunk/matrices"
_SHOWN = 5


def load_trunk(variables: dict[str, Any], path: str) -> tuple[dict[str, Any], dict]:
    """Puts the weights, the batch norm of the data and the matrix of a file into the trunk.

    Edge importance is taken where the network has it. The outputs stay fresh.

    Args:
        variables: of a network with an ST-GCN as `trunk`.
        path: file of ``python -m emojax.pretrained import --arch st_gcn_kinetics``.

    Returns:
        The variables, and a record for the log.

    Raises:
        CheckpointError: another file, or another network: names the arrays that do not fit.
    """
    weights = load_weights(path)
    if weights.arch != ARCHITECTURE:
        raise CheckpointError(f"{path} holds {weights.arch}; config.init_from.trunk takes {ARCHITECTURE}.")
    flat = flatten(variables)
    wanted = {name for name in flat if name.split("/")[1] == "trunk"}
    given = {name.replace("/", "/trunk/", 1): value for name, value in weights.variables.items()}
    if "A" in weights.constants:
        given[_MATRICES] = _matrices(path, weights.constants["A"], np.asarray(flat[_MATRICES]))
    loaded = {name: value for name, value in given.items() if name in wanted}
    left_out = [name for name in given if name not in wanted]
    misfits = [name for name in left_out if "edge_importance" not in name]
    misfits += [f"{name} (missing)" for name in wanted - loaded.keys()]
    misfits += [
        f"{name} (has {list(value.shape)}, needs {list(flat[name].shape)})"
        for name, value in loaded.items()
        if value.shape != flat[name].shape
    ]
    if misfits:
        raise CheckpointError(
            f"{path} does not fit this ST-GCN: {', '.join(sorted(misfits)[:_SHOWN])}. It was trained with "
            "config.model.units=units10 and config.model.partition=spatial."
        )
    flat.update(loaded)
    record = {"file": str(path), "sha256": sha256(path), "arch": weights.arch, "loaded": len(loaded)}
    return jax.tree.map(jnp.asarray, unflatten(flat)), {
        **record,
        "left_out": left_out,
        "source": weights.info,
    }


def _matrices(path: str, theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """The matrix of a file, whose subsets must have the edges of ours: itself, from farther, from nearer."""
    if theirs.shape == ours.shape and not np.array_equal(theirs != 0, ours != 0):
        raise CheckpointError(
            f"{path} connects other joints than config.model.partition does: the subsets of its matrix have "
            f"{np.count_nonzero(theirs, axis=(1, 2)).tolist()} entries, ours "
            f"{np.count_nonzero(ours, axis=(1, 2)).tolist()}. Set config.model.partition=spatial."
        )
    return theirs
