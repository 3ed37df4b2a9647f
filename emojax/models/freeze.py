"""Parts of a network that stay as they are while the rest trains, whatever the network."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import flax.linen as nn
import jax

from emojax.models.norm import BatchNorm

Path = tuple[str, ...]


@contextlib.contextmanager
def frozen_modules(is_frozen: Callable[[Path], bool]) -> Iterator[None]:
    """Inside, a module that is frozen runs as in evaluation: stored statistics, no dropout.

    It holds for every module that is called with the keyword `train`. Its parameters are kept by the optimiser: see
    `emojax.engine.optim.make_optimizer`.

    Args:
        is_frozen: path of a module, e.g. ``("backbone", "layer1_0", "bn1")`` -> whether it is.
    """

    def intercept(call, arguments, options, context):
        path = context.module.path
        if context.method_name == "__call__" and options.get("train") and path and is_frozen(path):
            options = {**options, "train": False}
        return call(*arguments, **options)

    with nn.intercept_methods(intercept):
        yield


def later_batch_norms(name: str, network: nn.Module, example: jax.Array) -> frozenset[Path]:
    """What Partial BN freezes (context_emotion spec 2.6): the batch norms of a network but the one that runs first.

    Args:
        name: of the network in the system's parameters.
        network: a backbone.
        example: an input; the network is traced, not computed.

    Returns:
        Paths of the modules, beginning with `name`.
    """
    found: list[Path] = []

    def record(call, arguments, options, context):
        if isinstance(context.module, BatchNorm) and context.method_name == "__call__":
            found.append((name, *context.module.path))
        return call(*arguments, **options)

    with nn.intercept_methods(record):
        jax.eval_shape(functools.partial(network.init, train=False), jax.random.key(0), example)
    return frozenset(path for path in found if path != found[0])
