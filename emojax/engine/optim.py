"""Optimisers and schedules from a config."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from emojax.engine.plateau import Plateau, scale_on_plateau
from emojax.errors import ConfigError

Path = tuple[str, ...]

# schedule -> (config, peak, steps per epoch, steps after the warm-up) -> learning rate by step
_SCHEDULES = {
    "constant": lambda config, peak, epoch, steps: optax.constant_schedule(peak),
    "step": lambda config, peak, epoch, steps: optax.exponential_decay(
        peak, _decay_steps(config, epoch), config.decay_factor, staircase=True
    ),
    "milestone": lambda config, peak, epoch, steps: optax.piecewise_constant_schedule(
        peak, {_decay_steps(config, epoch): config.decay_factor}
    ),
    "cosine": lambda config, peak, epoch, steps: optax.cosine_decay_schedule(peak, max(1, steps)),
    "inverse_time": lambda config, peak, epoch, steps: _inverse_time(peak, config.decay_rate),
    "plateau": lambda config, peak, epoch, steps: optax.constant_schedule(peak),
}
_NAMES = ("sgd", "adam", "adamw")
# weight_decay_on -> which parameters: a tree of booleans, or None for all
_DECAYED = {"all": None, "kernels": lambda params: jax.tree.map(lambda x: x.ndim > 1, params)}


def learning_rate_schedule(config, peak: float, steps_per_epoch: int, total_steps: int) -> optax.Schedule:
    """Learning rate by step; at most `peak`.

    `schedule` is ``constant``; ``step`` (times `decay_factor` every `decay_epochs` epochs or `decay_steps` steps);
    ``milestone`` (times `decay_factor` once, after as many); ``cosine`` (to zero at the last step); ``inverse_time``
    (divided by 1 + `decay_rate` times the number of updates so far: Keras's argument `decay`, affwild_cnn_rnn
    spec A6); or ``plateau`` (constant here: see `engine.plateau`). `warmup_epochs` of linear rise come first.
    """
    if config.schedule not in _SCHEDULES:
        raise ConfigError(
            f"config.optimizer.schedule is {config.schedule!r}; choose {', '.join(map(repr, _SCHEDULES))}."
        )
    warmup = round(config.warmup_epochs * steps_per_epoch)
    steps = max(1, total_steps) - warmup
    main = _SCHEDULES[config.schedule](config, peak, steps_per_epoch, steps)
    if not warmup:
        return main
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), main], [warmup])


def plateau_rule(config) -> Plateau | None:
    """The rule of the schedule ``plateau``; None under any other."""
    if config.schedule != "plateau":
        return None
    return Plateau(config.decay_factor, config.plateau_patience)


def make_optimizer(
    config, steps_per_epoch: int, total_steps: int, factor_of: Callable[[Path], float] | None = None
) -> optax.GradientTransformation:
    """Builds `config.optimizer`.

    ``sgd`` is PyTorch's: weight decay is added to the gradient of every parameter before momentum
    (emotion_gcn spec, section 5); so does ``adam``. ``adamw`` decouples it. `weight_decay_on` ``kernels`` leaves out
    parameters of one dimension: biases, and scales of norms. With `clip_norm` the gradients of all
    trained parameters together have at most that norm, before anything else.

    Args:
        config: `config.optimizer`.
        steps_per_epoch: of the training split.
        total_steps: of the run.
        factor_of: path of a parameter -> factor of its learning rate, one of `config.factors` or 0 or 1; 0 freezes it,
            weight decay included. None: one rate for all.
    """
    clip = optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity()

    def scaled(factor: float) -> optax.GradientTransformation:
        if not factor:
            return optax.set_to_zero()
        return _one_rate(config, config.learning_rate * factor, steps_per_epoch, total_steps)

    if factor_of is None:
        return _chain(config.clip_norm, clip, scaled(1.0))

    def factors(params):
        return jax.tree_util.tree_map_with_path(lambda p, _: factor_of(tuple(k.key for k in p)), params)

    def names(params):
        return jax.tree.map(_name, factors(params))

    def frozen(params):
        return jax.tree.map(lambda factor: factor == 0, factors(params))

    rates = {0.0, 1.0, *config.factors.values()}
    tx = optax.multi_transform({_name(factor): scaled(factor) for factor in rates}, names)
    return _chain(config.clip_norm, optax.chain(optax.masked(optax.set_to_zero(), frozen), clip), tx)


def _chain(wanted, first, then) -> optax.GradientTransformation:
    return optax.chain(first, then) if wanted else then


def _name(factor: float) -> str:
    return f"rate_times_{factor:g}"


def _one_rate(config, rate: float, steps_per_epoch: int, total_steps: int) -> optax.GradientTransformation:
    tx = _descent(config, learning_rate_schedule(config, rate, steps_per_epoch, total_steps))
    return optax.chain(tx, scale_on_plateau()) if config.schedule == "plateau" else tx


def _descent(config, rate: optax.Schedule) -> optax.GradientTransformation:
    if config.name not in _NAMES:
        raise ConfigError(f"config.optimizer.name is {config.name!r}; choose {', '.join(map(repr, _NAMES))}.")
    if config.weight_decay_on not in _DECAYED:
        choices = ", ".join(map(repr, _DECAYED))
        raise ConfigError(
            f"config.optimizer.weight_decay_on is {config.weight_decay_on!r}; choose {choices}."
        )
    decayed = _DECAYED[config.weight_decay_on]
    moments = {"b1": config.beta1, "b2": config.beta2, "eps": config.epsilon}
    if config.name == "adamw":
        return optax.adamw(rate, **moments, weight_decay=config.weight_decay, mask=decayed)
    rule = optax.sgd(rate, momentum=config.momentum) if config.name == "sgd" else optax.adam(rate, **moments)
    return optax.chain(optax.add_decayed_weights(config.weight_decay, decayed), rule)


def _inverse_time(peak: float, decay_rate: float) -> optax.Schedule:
    return lambda step: (
        peak / (1 + decay_rate * jnp.maximum(step, 0))
    )  # before a warm-up ends the step is negative


def _decay_steps(config, steps_per_epoch: int) -> int:
    return config.decay_steps or max(1, round(config.decay_epochs * steps_per_epoch))
