"""Checks of the config of a BoLD system before anything expensive starts; each failure names the field."""

from __future__ import annotations

from emojax.data.recipe import Recipe
from emojax.errors import ConfigError, DataError
from emojax.graphs.partitions import NORMALISATIONS, PARTITIONS
from emojax.labels import BOLD_LABELS
from emojax.models.backbones import backbone_names
from emojax.models.consensus import CONSENSUS
from emojax.models.gcn import PROPAGATIONS
from emojax.models.st_gcn import UNITS
from emojax.ranges import Range, require_ranges, whole
from emojax.systems.bodies.inputs import features_of, streams_of
from emojax.systems.checks import require_choice, require_image_size, require_monitor
from emojax.systems.scenes import SCENE_STREAMS

STREAMS = ("body", "context", "face", *SCENE_STREAMS)
# What a system is about beside ImageNet -> field of `config.init_from` that names its weights.
PRETRAINING = {"places365": "context", "affectnet": "face", "kinetics": "trunk"}
_CHOICES = {
    "pretraining": ("", *PRETRAINING),
    "model.net": ("tsn", "stgcn", "laban_conv1d", "laban_lstm", "laban_forest"),
    "model.modality": ("rgb", "flow", "diff"),
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
    "model.trees": whole(1, 100_000),
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
    if config.init_from.trunk and options.net != "stgcn":
        raise ConfigError("config.init_from.trunk is for an ST-GCN (config.model.net=stgcn).")
    if options.net == "laban_forest" and options.laban == "frames":
        raise ConfigError("config.model.net 'laban_forest' reads clips: set --config.model.laban=descriptor.")
    depths = tuple(options.tree_depths)
    if not depths or not all(isinstance(depth, int) and depth >= 0 for depth in depths):
        raise ConfigError(
            f"config.model.tree_depths is {depths}: name whole numbers, 0 for trees without a limit."
        )
    if options.net == "laban_lstm" and options.laban == "descriptor":
        raise ConfigError("config.model.net 'laban_lstm' reads frames: set --config.model.laban=frames.")


def _require_streams(config, recipe: Recipe) -> None:
    streams = streams_of(config)
    if not streams or not set(streams) <= set(STREAMS) or len(set(streams)) < len(streams):
        raise ConfigError(
            f"config.model.streams is {config.model.streams!r}; name some of {', '.join(STREAMS)}, each once."
        )
    _require_frames(config, recipe)
    scores = set(streams) & set(SCENE_STREAMS)
    if scores and (config.model.modality != "rgb" or "context" not in streams):
        raise ConfigError(
            f"The streams {', '.join(sorted(scores))} are scores of the masked frame: they need the stream 'context' "
            f"of config.model.modality=rgb (spec 2.5); this system has {config.model.modality}, {', '.join(streams)}."
        )
    if config.model.modality == "flow":
        _require_flow(config, recipe)
    else:
        for name in features_of(config):
            require_image_size(config, recipe, name)


def _require_frames(config, recipe: Recipe) -> None:
    options = config.model
    if recipe.build.get("frames") == "sampled" and (
        options.modality == "diff" or options.eval_segments != 25
    ):
        raise ConfigError(
            f"{recipe.origin} was prepared with --frames sampled: it holds what evaluation with 25 segments of rgb or "
            f"flow reads. config.model has {options.modality}, eval_segments {options.eval_segments}: prepare the data "
            "with --frames all, or set --config.model.eval_segments=25."
        )


def _require_flow(config, recipe: Recipe) -> None:
    wanted = (2 * config.image_size, config.image_size)
    for name in features_of(config).values():
        if name not in recipe.features:
            raise DataError(
                f"{recipe.origin} holds no optical flow ({name}); prepare it with "
                "python -m data_prep.bold --modalities rgb,flow,skeleton."
            )
        if (found := recipe.feature(name).shape) != wanted:
            raise ConfigError(
                f"config.image_size is {config.image_size}, but {name} of {recipe.origin} has planes of {found[1]} "
                f"pixels: set --config.image_size={found[1]}."
            )
