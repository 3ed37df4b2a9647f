"""Numbers that are not finite end a run before they reach a checkpoint."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from emojax.engine.state import TrainState
from emojax.errors import TrainingError


def require_finite(state: TrainState, step: int) -> None:
    """Raises TrainingError when a parameter or a statistic of the state is NaN or infinite; names the first."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(state.variables):
        if jnp.issubdtype(leaf.dtype, jnp.floating) and not np.isfinite(np.asarray(leaf, np.float32)).all():
            name = "/".join(str(key.key) for key in path)
            raise TrainingError(
                f"Step {step} made {name} NaN or infinite. Stopped; the last checkpoint before it is kept. Try a "
                f"smaller --config.optimizer.learning_rate."
            )
