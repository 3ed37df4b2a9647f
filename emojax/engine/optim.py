"""Optimisers and schedules from a config."""

from __future__ import annotations

import optax

from emojax.errors import ConfigError


def learning_rate_schedule(config, steps_per_epoch: int, num_epochs: int) -> optax.Schedule:
    """Learning rate by step.

    `schedule` is ``constant``; ``step`` (times 0.1 every `decay_epochs` epochs); or ``cosine`` (to zero at the
    last step). `warmup_epochs` of linear rise come first.
    """
    peak = config.learning_rate
    total = max(1, steps_per_epoch * num_epochs)
    warmup = round(config.warmup_epochs * steps_per_epoch)
    if config.schedule == "constant":
        main = optax.constant_schedule(peak)
    elif config.schedule == "step":
        every = config.decay_epochs * steps_per_epoch
        main = optax.exponential_decay(peak, every, 0.1, staircase=True)
    elif config.schedule == "cosine":
        main = optax.cosine_decay_schedule(peak, max(1, total - warmup))
    else:
        raise ConfigError(
            f"config.optimizer.schedule is {config.schedule!r}; choose 'constant', 'step' or 'cosine'."
        )
    if not warmup:
        return main
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), main], [warmup])


def make_optimizer(config, steps_per_epoch: int, num_epochs: int) -> optax.GradientTransformation:
    """Builds `config.optimizer`.

    ``sgd`` is PyTorch's: weight decay is added to the gradient of every parameter before momentum
    (emotion_gcn spec, section 5). ``adamw`` decouples it.
    """
    rate = learning_rate_schedule(config, steps_per_epoch, num_epochs)
    if config.name == "sgd":
        return optax.chain(
            optax.add_decayed_weights(config.weight_decay),
            optax.sgd(rate, momentum=config.momentum),
        )
    if config.name == "adamw":
        return optax.adamw(rate, weight_decay=config.weight_decay)
    raise ConfigError(f"config.optimizer.name is {config.name!r}; choose 'sgd' or 'adamw'.")
