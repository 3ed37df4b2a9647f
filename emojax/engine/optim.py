"""Optimisers and schedules from a config."""

from __future__ import annotations

from collections.abc import Callable

import jax
import optax

from emojax.engine.plateau import Plateau, scale_on_plateau
from emojax.errors import ConfigError


def learning_rate_schedule(config, peak: float, steps_per_epoch: int, num_epochs: int) -> optax.Schedule:
    """Learning rate by step; at most `peak`.

    `schedule` is ``constant``; ``step`` (times `decay_factor` every `decay_epochs` epochs); ``milestone``
    (times `decay_factor` once, after `decay_epochs` epochs); ``cosine`` (to zero at the last step); or
    ``plateau`` (constant here: see `engine.plateau`). `warmup_epochs` of linear rise come first.
    """
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


def plateau_rule(config) -> Plateau | None:
    """The rule of the schedule ``plateau``; None under any other."""
    if config.schedule != "plateau":
        return None
    return Plateau(config.decay_factor, config.plateau_patience)


def make_optimizer(
    config,
    steps_per_epoch: int,
    num_epochs: int,
    part_of: Callable[[tuple[str, ...]], str] = lambda path: path[0],
) -> optax.GradientTransformation:
    """Builds `config.optimizer`.

    ``sgd`` is PyTorch's: weight decay is added to the gradient of every parameter before momentum
    (emotion_gcn spec, section 5); so does ``adam``. ``adamw`` decouples it.

    Args:
        config: `config.optimizer`; its `factors`, where there are any, multiply the learning rate of each part of the
            network; 0 freezes the parameters, weight decay included.
        steps_per_epoch: of the training split.
        num_epochs: of the run.
        part_of: path of a parameter -> name of its part; a part without a factor has the factor 1.
    """
    factors = dict(config.get("factors", {}))
    names = {part: f"rate_times_{factor:g}" for part, factor in {**factors, "": 1.0}.items()}

    def scaled(factor: float) -> optax.GradientTransformation:
        if not factor:
            return optax.set_to_zero()
        return _one_rate(config, config.learning_rate * factor, steps_per_epoch, num_epochs)

    if len(set(factors.values()) | {1.0}) == 1:
        return scaled(1.0)

    def labels(params):
        def label(path, _):
            return names.get(part_of(tuple(k.key for k in path)), names[""])

        return jax.tree_util.tree_map_with_path(label, params)

    return optax.multi_transform({names[p]: scaled(f) for p, f in {**factors, "": 1.0}.items()}, labels)


def _one_rate(config, rate: float, steps_per_epoch: int, num_epochs: int) -> optax.GradientTransformation:
    tx = _descent(config, learning_rate_schedule(config, rate, steps_per_epoch, num_epochs))
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
