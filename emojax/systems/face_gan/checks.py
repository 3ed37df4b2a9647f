"""Checks of the config of a GAN before anything expensive starts; each failure names the field."""

from __future__ import annotations

from emojax.data.recipe import Recipe
from emojax.errors import ConfigError
from emojax.labels import AFFWILD_LABELS
from emojax.models.capsule import SMALLEST
from emojax.objectives.adversarial import ADVERSARIAL, REDUCTIONS, SCHEDULES, SIDES, SPACES
from emojax.ranges import Range, require_ranges, whole
from emojax.systems.checks import require_choice, require_image_size, require_monitor

_CHOICES = {
    "model.discriminator": ("convolution", "capsule"),
    "model.adversarial": ADVERSARIAL,
    "model.supervised": ("ccc", "mse"),
    "model.smooth_side": SIDES,
    "model.match_space": SPACES,
    "model.match_reduce": REDUCTIONS,
    "model.match_schedule": SCHEDULES,
    "labels": ("va", "both"),
    "train_set": ("big", "small"),
}
RANGES = {
    "model.noise": whole(1, 65_536),
    "model.generator_channels": whole(16, 65_536),
    "model.discriminator_channels": whole(1, 8192),
    "model.generator_updates": whole(0, 64),
    "model.generator_learning_rate": Range(0),
    "model.dropout": Range(0, 0.99),
    "model.smooth_alpha": Range(0.5, 1),
    "model.supervised_weight": Range(0),
    "model.adversarial_weight": Range(0),
    "model.label_fraction": Range(0, 1, above=True),
    "model.match_weight": Range(0),
    "model.match_anneal_steps": whole(1),
    "model.match_floor": Range(0),
}
MONITORS = {"ccc_mean": "larger", "ccc_valence": "larger", "ccc_arousal": "larger", "loss": "smaller"}
_SIZES = (16, 32, 64, 128)


def check(config, recipe: Recipe) -> None:
    """Raises ConfigError or DataError where config and data do not go together."""
    AFFWILD_LABELS.require_equal(recipe.labels, mine="the config", theirs=recipe.origin)
    for field, choices in _CHOICES.items():
        require_choice(config, field, choices)
    require_ranges(config, RANGES)
    require_monitor(config, config.monitor, MONITORS)
    if config.image_size not in _SIZES:
        raise ConfigError(
            f"config.image_size is {config.image_size}; the generator draws {', '.join(map(str, _SIZES))}."
        )
    if config.model.discriminator == "capsule" and config.image_size < SMALLEST:
        raise ConfigError(
            f"config.image_size is {config.image_size}; a discriminator of capsules reads {SMALLEST} pixels or more."
        )
    steps = config.model.sheet_steps
    if not all(isinstance(step, int) and step > 0 for step in steps):
        raise ConfigError(f"config.model.sheet_steps is {tuple(steps)}; give iterations from 1.")
    require_image_size(config, recipe)
