"""Checks of the config of a system of expressions in videos; each failure names the field."""

from __future__ import annotations

from emojax.data.recipe import Recipe
from emojax.errors import ConfigError
from emojax.models.backbones import backbone_names
from emojax.models.c3d import POOL5_PADDINGS
from emojax.models.recurrent import CELLS
from emojax.models.vgg_head import HEADS
from emojax.ranges import Range, require_ranges, whole
from emojax.systems.checks import require_choice, require_image_size, require_monitor
from emojax.systems.sequences.augment import AUGMENTATIONS
from emojax.systems.sequences.inputs import CLIP_CODINGS, STREAMS, TASKS, streams_of

_CHOICES = {
    "task": tuple(TASKS),
    "augment": AUGMENTATIONS,
    "model.net": ("cnn", "c3d", "recurrent"),
    "model.backbone": backbone_names(),
    "model.head": tuple(HEADS),
    "model.fc7_init": ("new", "vggface"),
    "model.cell": CELLS,
    "model.rnn_input": ("features", "images"),
    "model.feature": ("fc7", "fc7_linear", "fc6", "fc6_linear"),
    "model.gru_variant": ("reset_before", "reset_after"),
    "model.sequence_mode": ("windows", "uniform"),
    "model.pool5_pad": POOL5_PADDINGS,
    "model.clip_coding": CLIP_CODINGS,
}
RANGES = {
    "model.fc_units": whole(1, 65_536),
    "model.dropout": Range(0, 0.99),
    "model.geometry_components": whole(0, 64),
    "model.cached": whole(0, 1_000_000),
    "model.frames": whole(1, 1000),
    "model.stride": whole(1, 1000),
    "model.dilation": whole(1, 1000),
    "model.geometry_gain": Range(1e-6, 1e6),
    "model.rnn_dense": whole(0, 65_536),
    "model.clip_size": whole(16, 1024),
    "model.rnn_units": whole(1, 65_536),
    "model.rnn_layers": whole(1, 16),
    "model.pca": whole(1, 65_536),
}
MONITORS = {"accuracy": "larger", "video_accuracy": "larger", "macro_f1": "larger"}


def check(config, recipe: Recipe) -> None:
    """Raises ConfigError or DataError where config and data do not go together."""
    for field, choices in _CHOICES.items():
        require_choice(config, field, choices)
    TASKS[config.task][0].require_equal(recipe.labels, mine=f"the task {config.task}", theirs=recipe.origin)
    require_ranges(config, RANGES)
    require_monitor(config, config.monitor, MONITORS)
    streams, options = streams_of(config), config.model
    if not set(streams) <= set(STREAMS) or len(set(streams)) < len(streams):
        raise ConfigError(
            f"config.model.streams is {options.streams!r}; name some of {', '.join(STREAMS)}, each once."
        )
    if not streams and not (options.geometry and options.net == "cnn"):
        raise ConfigError(
            "config.model.streams names no stream: only a cnn with model.geometry=True does without."
        )
    if options.net != "cnn" and (len(streams) > 1 or options.geometry):
        raise ConfigError(f"config.model.net {options.net!r} takes one stream and no geometry.")
    if options.geometry and not HEADS[options.head][1]:
        raise ConfigError("The geometry enters at fc6: config.model.head must end in fc3.")
    if options.net == "recurrent" and not HEADS[options.head][1]:
        raise ConfigError("Recurrent layers read fc6 or fc7: config.model.head must end in fc3.")
    if options.cached:
        _require_stored(config, recipe)
    else:
        for name in streams:
            require_image_size(config, recipe, name)


def _require_stored(config, recipe: Recipe) -> None:
    """Raises ConfigError where the data hold no features that the config could read in place of pictures."""
    if config.augment != "none":
        raise ConfigError(
            f"config.augment={config.augment} changes pictures, but config.model.cached reads stored features: set "
            "--config.augment=none, or --config.model.cached=0 with the data that hold the pictures."
        )
    stored = recipe.build.get("trunk")
    if stored is None or config.model.net == "c3d":
        raise ConfigError(
            f"config.model.cached is {config.model.cached}, but {recipe.origin or recipe.name} holds no features of "
            f"{config.name}. Write them: python -m emojax.cache --config ... --out DIR."
        )
    for name in ("backbone", "head", "feature", "rnn_input", "fc_units"):
        if config.model[name] != stored.get(name):
            raise ConfigError(
                f"{recipe.origin} holds features of a network with {name} {stored.get(name)!r}, config.model.{name} is "
                f"{config.model[name]!r}. Run emojax.cache for this config."
            )
