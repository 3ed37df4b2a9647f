"""Numbers that no later step can use end a run before they reach a checkpoint."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from emojax.engine.plateau import PlateauState
from emojax.engine.state import TrainState
from emojax.errors import TrainingError

_LARGEST = 1e16  # its square still is a float32; a network with such a parameter has exploded


def require_finite(state: TrainState, step: int) -> None:
    """Raises TrainingError when the state cannot train on; names the first array and what is wrong with it.

    Parameters and statistics are finite and smaller than 1e16; what the optimiser keeps is finite, too: a second moment
    that is infinite would hold its parameter still for ever.
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(state.variables):
        _require(leaf, "/".join(str(key.key) for key in path), step, _LARGEST)
    for moments in jax.tree.leaves(state.opt_state, is_leaf=_is_plateau):
        if not _is_plateau(moments):  # its best value is infinite before the first evaluation
            _require(moments, "the state of the optimizer", step, np.inf)


def _is_plateau(node) -> bool:
    return isinstance(node, PlateauState)


def _require(leaf: jax.Array, name: str, step: int, largest: float) -> None:
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return
    size = float(np.max(np.abs(np.asarray(leaf, np.float32)), initial=0.0))
    if not size < largest:
        grown = f"as large as {size:.2g}" if np.isfinite(size) else "NaN or infinite"
        raise TrainingError(
            f"Step {step} made {name} {grown}. Stopped; the last checkpoint before it is kept. Try a smaller "
            f"--config.optimizer.learning_rate."
        )
