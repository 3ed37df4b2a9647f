"""Checks of the config of a BoLD system before anything expensive starts; each failure names the field."""

from __future__ import annotations

from emojax.data.recipe import Recipe
from emojax.errors import ConfigError
from emojax.graphs.partitions import NORMALISATIONS, PARTITIONS
from emojax.labels import BOLD_LABELS
from emojax.models.backbones import backbone_names
from emojax.models.consensus import CONSENSUS
from emojax.models.st_gcn import PROPAGATIONS, UNITS
from emojax.ranges import Range, require_ranges, whole
from emojax.systems.bodies.inputs import streams_of
from emojax.systems.checks import require_choice, require_image_size, require_monitor

STREAMS = ("body", "context", "face")
_CHOICES = {
    "model.net": ("tsn", "stgcn", "laban_conv1d", "laban_lstm"),
    "model.modality": ("rgb", "diff"),
    "model.backbone": backbone_names(),
    "model.consensus": CONSENSUS,
    "model.partition": tuple(PARTITIONS),
    "model.normalisation": NORMALISATIONS,
    "model.units": tuple(UNITS),
    "model.propagation": PROPAGATIONS,
    "model.laban": ("frames", "descriptor"),
}
RANGES = {
    "model.segments": whole(1, 1000),
    "model.eval_segments": whole(1, 1000),
    "model.frames": whole(1, 100_000),
    "model.lstm_hidden": whole(1, 65_536),
    "model.lstm_layers": whole(1, 16),
    "model.dropout": Range(0, 0.99),
}
MONITORS = {"ers": "larger", "map": "larger", "mra": "larger", "mr2": "larger", "loss": "smaller"}


def check(config, recipe: Recipe) -> None:
    """Raises ConfigError or DataError where config and data do not go together."""
    BOLD_LABELS.require_equal(recipe.labels, mine="the config", theirs=recipe.origin)
    for field, choices in _CHOICES.items():
        require_choice(config, field, choices)
    options = config.model
    require_ranges(config, RANGES)
    require_monitor(config, config.monitor, MONITORS)
    if options.net == "tsn":
        _require_streams(config, recipe)
        if options.consensus == "linear" and options.segments != options.eval_segments:
            raise ConfigError(
                f"The consensus 'linear' has a weight for each segment: config.model.segments is {options.segments}, "
                f"eval_segments {options.eval_segments}; make them equal (spec 10, G21)."
            )
    if options.net == "laban_lstm" and options.laban == "descriptor":
        raise ConfigError("config.model.net 'laban_lstm' reads frames: set --config.model.laban=frames.")


def _require_streams(config, recipe: Recipe) -> None:
    streams = streams_of(config)
    if not streams or not set(streams) <= set(STREAMS) or len(set(streams)) < len(streams):
        raise ConfigError(
            f"config.model.streams is {config.model.streams!r}; name some of {', '.join(STREAMS)}, each once."
        )
    for name in streams:
        require_image_size(config, recipe, name)
