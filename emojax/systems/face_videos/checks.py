"""Checks of the config of an Aff-Wild system before anything expensive starts; each failure names the field."""

from __future__ import annotations

from emojax.data.recipe import Recipe
from emojax.errors import ConfigError
from emojax.labels import AFFWILD_LABELS
from emojax.models.backbones import backbone_names
from emojax.models.frame_net import POOLS
from emojax.models.recurrent import CELLS
from emojax.ranges import Range, require_ranges, whole
from emojax.systems.checks import require_choice, require_image_size, require_monitor
from emojax.systems.face_videos.constant import CONSTANT
from emojax.systems.face_videos.inputs import CODINGS, NATIVE, OUTPUTS
from emojax.systems.face_videos.objective import CCC_REDUCTIONS, CCC_SCOPES, VA_LOSSES

_CHOICES = {
    "model.trunk": (*backbone_names(), CONSTANT),
    "model.bn_mode": ("stored", "batch"),
    "model.pool": POOLS,
    "model.input_coding": (*CODINGS, NATIVE),
    "model.cell": ("none", *CELLS),
    "model.outputs": OUTPUTS,
    "objective.va": VA_LOSSES,
    "objective.ccc_scope": CCC_SCOPES,
    "objective.ccc_reduce": CCC_REDUCTIONS,
    "objective.class_weights": ("none", "inverse"),
    "labels": ("va", "both"),
    "train_set": ("big", "small"),
}
RANGES = {
    "model.window": whole(1, 100_000),
    "model.max_step": whole(0, 1_000_000),
    "model.units": whole(1, 65_536),
    "model.layers": whole(1, 16),
    "model.fc_dropout": Range(0, 0.99),
    "model.rnn_dropout": Range(0, 0.99),
    "model.head_dropout": Range(0, 0.99),
    "objective.category_weight": Range(0),
    "objective.va_weight": Range(0),
}
_VA = {"ccc_mean": "larger", "ccc_valence": "larger", "ccc_arousal": "larger"}
_CATEGORY = {"accuracy": "larger", "mean_class_accuracy": "larger", "macro_f1": "larger"}


def check(config, recipe: Recipe) -> None:
    """Raises ConfigError or DataError where config and data do not go together."""
    AFFWILD_LABELS.require_equal(recipe.labels, mine="the config", theirs=recipe.origin)
    for field, choices in _CHOICES.items():
        require_choice(config, field, choices)
    options = config.model
    require_ranges(config, RANGES)
    monitors = {"loss": "smaller"} | (_VA if options.outputs != "category" else {})
    require_monitor(config, config.monitor, monitors | (_CATEGORY if options.outputs != "va" else {}))
    for name in ("fc_units", "head_units"):
        if not all(isinstance(width, int) and width > 0 for width in options[name]):
            raise ConfigError(f"config.model.{name} is {tuple(options[name])}; give widths of at least 1.")
    if options.cell != "none" and options.window < 2:
        raise ConfigError("A recurrent network reads windows of frames: set --config.model.window=80, or so.")
    if options.input_coding == NATIVE and not (options.cached or config.init_from):
        raise ConfigError(
            "config.model.input_coding is native, the coding that a file of weights names, but config.init_from names "
            "no file: give --config.init_from=FILE, or one of the codings " + ", ".join(CODINGS) + "."
        )
    if options.outputs != "va":
        recipe.feature("label")
    if options.trunk == CONSTANT:
        return
    if options.bn_mode == "batch" and (options.cached or config.optimizer.factors.trunk != 0):
        raise ConfigError(
            "config.model.bn_mode is batch, which is about the batch norms of a frozen trunk: set "
            "--config.optimizer.factors.trunk=0 and --config.model.cached=0, or --config.model.bn_mode=stored."
        )
    if not options.cached:
        require_image_size(config, recipe)
    elif stored := recipe.build.get("trunk"):
        _require_same_trunk(config, stored, recipe.origin)


def _require_same_trunk(config, stored, origin: str) -> None:
    """Raises ConfigError where the features of the data are those of another trunk than the config names."""
    for name in ("trunk", "pool", "input_coding"):
        if config.model[name] != stored[name]:
            raise ConfigError(
                f"{origin} holds features of a trunk with {name} {stored[name]!r}, config.model.{name} is "
                f"{config.model[name]!r}. Run emojax.cache for this config."
            )
