"""Checks of the config of a people system before anything expensive starts; each failure names the field."""

from __future__ import annotations

import difflib

from emojax.data.recipe import Recipe
from emojax.errors import ConfigError
from emojax.graphs.cooccurrence import DIAGONALS
from emojax.labels import EMOTIC_LABELS
from emojax.models.backbones import backbone_names
from emojax.models.gcn import PROPAGATIONS
from emojax.models.pose_nets import POOLS
from emojax.models.streams import STREAMS
from emojax.ranges import Range, require_ranges, whole
from emojax.systems.checks import require_choice, require_image_size, require_monitor
from emojax.systems.people.inputs import AUGMENTATIONS, IMAGE_STREAMS
from emojax.systems.people.objective import (
    CATEGORY_LOSSES,
    DIMENSION_LOSSES,
    DIMENSION_OUTPUTS,
    LABEL_WEIGHTS,
)

_CHOICES = {
    "augment": tuple(AUGMENTATIONS),
    "model.net": ("concat", "emoticon"),
    "model.backbone": backbone_names(),
    "model.pose": ("conv1d", "gcn"),
    "model.pose_pool": POOLS,
    "model.depth": ("cnn", *backbone_names()),
    "model.scene_source": ("record", "network"),
    "model.labels": ("linear", "gcn"),
    "model.propagation": PROPAGATIONS,
    "model.dimension_activation": ("linear", "sigmoid"),
    "model.gcn.diagonal": DIAGONALS,
    "objective.categories": CATEGORY_LOSSES,
    "objective.label_weights": LABEL_WEIGHTS,
    "objective.dimensions": DIMENSION_LOSSES,
    "objective.dimension_outputs": DIMENSION_OUTPUTS,
}


RANGES = {
    "model.body_size": whole(0, 4096),
    "model.fusion_width": whole(0),
    "model.fusion_dropout": Range(0, 1),
    "model.gcn.tau": Range(0, 1),
    "model.gcn.p": Range(0, 1),
    "objective.dimension_scale": Range(0, above=True),
    "objective.*_weight": Range(0),
    "objective.margin": Range(0),
    "objective.multiplicative_beta": Range(0),
}


def named(text: str) -> tuple[str, ...]:
    """``"body, context"`` -> ``("body", "context")``."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def predicted_dimensions(config, recipe: Recipe) -> bool:
    """Whether the network says valence, arousal and so on."""
    return config.model.net == "concat" and bool(recipe.labels.dimensions)


def monitor_of(config, recipe: Recipe) -> str:
    """The metric that decides which checkpoint is the best."""
    if config.monitor != "auto":
        return config.monitor
    return "map_over_aae" if predicted_dimensions(config, recipe) else "map"


def check(config, recipe: Recipe) -> None:
    """Raises ConfigError or DataError where config and data do not go together."""
    if config.preparation == "emotic":
        EMOTIC_LABELS.require_equal(recipe.labels, mine="the config", theirs=recipe.origin)
    recipe.feature("categories")
    for field, choices in _CHOICES.items():
        require_choice(config, field, choices)
    require_ranges(config, RANGES)
    streams = named(config.model.streams)
    _require_streams(streams)
    _require_attention(named(config.model.attention), streams)
    _require_net(config, streams)
    directions = {"map": "larger", "jaccard": "larger", "loss": "smaller"}
    if predicted_dimensions(config, recipe):
        directions |= {"map_over_aae": "larger", "aae": "smaller"}
    require_monitor(config, monitor_of(config, recipe), directions)
    for name in (*IMAGE_STREAMS, "depth"):
        if name in streams:
            require_image_size(config, recipe, name)


def _require_streams(streams: tuple[str, ...]) -> None:
    if not streams:
        raise ConfigError("config.model.streams is empty; name at least one, e.g. 'body,context'.")
    for name in streams:
        if name not in STREAMS:
            near = difflib.get_close_matches(name, STREAMS, n=1, cutoff=0.3) or STREAMS
            raise ConfigError(
                f"config.model.streams names {name!r}; did you mean {near[0]!r}? "
                f"There are {', '.join(STREAMS)}."
            )
    twice = sorted({s for s in streams if streams.count(s) > 1})
    if twice:
        raise ConfigError(f"config.model.streams names {', '.join(twice)} more than once.")


def _require_attention(attention: tuple[str, ...], streams: tuple[str, ...]) -> None:
    for name in attention:
        if name not in streams or name not in IMAGE_STREAMS:
            there = ", ".join(s for s in streams if s in IMAGE_STREAMS) or "none"
            raise ConfigError(
                f"config.model.attention names {name!r}, but an attention branch belongs to an image stream "
                f"of this system ({there})."
            )


def _require_net(config, streams: tuple[str, ...]) -> None:
    if config.model.net == "emoticon":
        if not {"face", "pose"} < set(streams) or set(streams) & {"scenes", "attributes"}:
            raise ConfigError(
                "config.model.net 'emoticon' multiplies the scores of 'face' and 'pose' and joins those of "
                f"further streams with a network; config.model.streams is {config.model.streams!r}."
            )
        return
    if "people" in streams:
        raise ConfigError("The stream 'people' belongs to config.model.net 'emoticon' alone.")
    if config.model.embedding and not {"body", "context"} <= set(streams):
        raise ConfigError(
            "config.model.embedding projects body and context features (spec 3); config.model.streams is "
            f"{config.model.streams!r}."
        )
