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
from emojax.systems.sequences.inputs import STREAMS, TASKS, streams_of

_CHOICES = {
    "task": tuple(TASKS),
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
}
RANGES = {
    "model.fc_units": whole(1, 65_536),
    "model.dropout": Range(0, 0.99),
    "model.geometry_components": whole(0, 64),
    "model.frames": whole(1, 1000),
    "model.stride": whole(1, 1000),
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
    for name in streams:
        require_image_size(config, recipe, name)
