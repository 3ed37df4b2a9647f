"""Optimisers and schedules from a config."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import optax

from emojax.engine.plateau import scale_on_plateau
from emojax.errors import ConfigError


def learning_rate_schedule(config, steps_per_epoch: int, num_epochs: int) -> optax.Schedule:
    """Learning rate by step.

    `schedule` is ``constant``; ``step`` (times `decay_factor` every `decay_epochs` epochs); ``milestone``
    (times `decay_factor` once, after `decay_epochs` epochs); ``cosine`` (to zero at the last step); or
    ``plateau`` (constant here: see `engine.plateau`). `warmup_epochs` of linear rise come first.
    """
    peak = config.learning_rate
    total = max(1, steps_per_epoch * num_epochs)
    warmup = round(config.warmup_epochs * steps_per_epoch)
    if config.schedule in ("constant", "plateau"):
        main = optax.constant_schedule(peak)
    elif config.schedule == "step":
        every = config.decay_epochs * steps_per_epoch
        main = optax.exponential_decay(peak, every, config.decay_factor, staircase=True)
    elif config.schedule == "milestone":
        after = config.decay_epochs * steps_per_epoch
        main = optax.piecewise_constant_schedule(peak, {after: config.decay_factor})
    elif config.schedule == "cosine":
        main = optax.cosine_decay_schedule(peak, max(1, total - warmup))
    else:
        raise ConfigError(
            f"config.optimizer.schedule is {config.schedule!r}; choose 'constant', 'step', 'milestone', "
            "'cosine' or 'plateau'."
        )
    if not warmup:
        return main
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), main], [warmup])


def make_optimizer(config, steps_per_epoch: int, num_epochs: int) -> optax.GradientTransformation:
    """Builds `config.optimizer`.

    ``sgd`` is PyTorch's: weight decay is added to the gradient of every parameter before momentum
    (emotion_gcn spec, section 5); so does ``adam``. ``adamw`` decouples it.
    """
    tx = _descent(config, learning_rate_schedule(config, steps_per_epoch, num_epochs))
    return optax.chain(tx, scale_on_plateau()) if config.schedule == "plateau" else tx


def _descent(config, rate: optax.Schedule) -> optax.GradientTransformation:
    if config.name == "sgd":
        return optax.chain(
            optax.add_decayed_weights(config.weight_decay),
            optax.sgd(rate, momentum=config.momentum),
        )
    if config.name == "adam":
        return optax.chain(optax.add_decayed_weights(config.weight_decay), optax.adam(rate))
    if config.name == "adamw":
        return optax.adamw(rate, weight_decay=config.weight_decay)
    raise ConfigError(f"config.optimizer.name is {config.name!r}; choose 'sgd', 'adam' or 'adamw'.")


def make_partwise_optimizer(
    config,
    steps_per_epoch: int,
    num_epochs: int,
    factors: Mapping[str, float],
    group_of: Callable[[str], str],
) -> optax.GradientTransformation:
    """`make_optimizer` with the learning rate times a factor for each part of the network.

    Args:
        config: `config.optimizer`.
        steps_per_epoch: of the training split.
        num_epochs: of the run.
        factors: group -> factor; 0 freezes its parameters, weight decay included.
        group_of: name of a top-level module of the parameters -> its group.
    """

    def scaled(factor: float) -> optax.GradientTransformation:
        if not factor:
            return optax.set_to_zero()
        options = config.copy_and_resolve_references()
        options.learning_rate = config.learning_rate * factor
        return make_optimizer(options, steps_per_epoch, num_epochs)

    names = {group: f"rate_times_{factor:g}" for group, factor in factors.items()}
    transforms = {names[group]: scaled(factor) for group, factor in factors.items()}
    if len(transforms) == 1:
        return next(iter(transforms.values()))

    def labels(params):
        return jax.tree_util.tree_map_with_path(lambda path, _: names[group_of(path[0].key)], params)

    return optax.multi_transform(transforms, labels)
