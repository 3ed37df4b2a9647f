"""Checks of a face system's config against its data, before anything is compiled."""

from __future__ import annotations

import numpy as np

from emojax.data.augment import PRESETS
from emojax.data.recipe import Recipe
from emojax.errors import ConfigError, DataError
from emojax.graphs.va_plane import HISTOGRAM_BINS, SECTOR_COUNTS
from emojax.labels import affectnet_labels
from emojax.models.gcn import PROPAGATIONS
from emojax.ranges import Range, require_ranges, whole
from emojax.systems.checks import (
    require_choice,
    require_image_size,
    require_monitor,
    value_of,
)
from emojax.systems.faces.heads import HEADS, VA_TASKS
from emojax.systems.faces.label_graph import CATEGORY_BLOCKS
from emojax.systems.faces.metric_terms import METRIC_TERMS
from emojax.systems.faces.objective import AUXILIARY_TERMS, CLASSIFICATION_LOSSES, SOFT_TERMS

EXPRESSION_METRICS = ("accuracy", "mean_class_accuracy", "macro_f1", "aff_wild2_score")
VA_METRICS = ("ccc_mean", "ccc_valence", "ccc_arousal")
VA_ERRORS = ("aae", "rmse_valence", "rmse_arousal")
# sampler -> feature whose value decides a record's weight
SAMPLER_FEATURES = {"none": None, "expression": "label", "age": "age"}
MASK_FEATURE = "face_mask"

_CHOICES = {
    "augment": PRESETS,
    "sampler": SAMPLER_FEATURES,
    "svm.kernel": ("none", "linear", "rbf"),
    "model.head": HEADS,
    "model.pool": ("max", "avg"),
    "model.concat_activation": ("none", "softmax"),
    "objective.expression": ("none", *CLASSIFICATION_LOSSES),
    "objective.reduction": ("weighted_mean", "mean"),
    "objective.focal_alpha": ("class_weights", "none"),
    "objective.soft": ("none", *SOFT_TERMS),
    "objective.soft_bins": HISTOGRAM_BINS,
    "objective.logit_on": ("prob", "logits"),
    "objective.auxiliary": ("none", *AUXILIARY_TERMS),
    "objective.regions": tuple(n for n in SECTOR_COUNTS if n > 2),
    "objective.region_loss": tuple(CLASSIFICATION_LOSSES),
    "objective.metric.name": ("none", *METRIC_TERMS),
    "objective.metric.reduction": ("mean", "sum"),
    "objective.metric.va_use": ("both", "valence", "arousal"),
    "objective.metric.va_mean": ("batch", "train"),
    "objective.metric.pairs": ("both", "positive", "negative"),
}
_GCN_CHOICES = {
    "model.propagation": PROPAGATIONS,
    "model.gcn.layers": (1, 2, 3),
    "model.gcn.category_block": CATEGORY_BLOCKS,
    "model.gcn.embedding": ("glove", "random", "onehot"),
}
RANGES = {
    "svm.penalty": Range(0, above=True),
    "svm.max_samples": whole(0),
    "model.gcn.hidden": whole(1),
    "model.gcn.tau": Range(0, 1),
    "model.gcn.p": Range(0, 1),
    "model.gcn.shuffle_seed": whole(0),
    "objective.focal_gamma": Range(0, 100),
    "objective.*_weight": Range(0),
    "objective.metric.weight": Range(0),
    "objective.metric.alpha": Range(0, 1),
    "objective.metric.lambda1": Range(0),
    "objective.metric.margin": Range(0),
    "objective.metric.sub_centres": whole(1),
}


def require_valid(config, recipe: Recipe) -> None:
    """Checks config and data as a whole.

    Raises:
        ConfigError: a field has an unknown value or one out of range, or does not go with another.
        DataError: the data has other classes than the config, an empty class, or lacks a feature.
    """
    _require_classes(config, recipe)
    require_image_size(config, recipe)
    require_alignment(config, recipe)
    for field, choices in _CHOICES.items():
        require_choice(config, field, choices)
    require_ranges(config, RANGES)
    if config.model.head == "gcn":
        _require_graph_options(config)
    _require_consistent(config)
    _require_labels(config, recipe)
    _require_features(config, recipe)


def _require_classes(config, recipe: Recipe) -> None:
    """Raises ConfigError or DataError where the data have other classes than the config; 0 means any."""
    if config.num_classes == 0:
        return
    if config.num_classes not in (7, 8):
        raise ConfigError(
            f"config.num_classes is {config.num_classes}; faces have 7 expressions, or 8 with contempt, or 0 for the "
            "classes of the data."
        )
    labels = affectnet_labels(config.num_classes)
    labels.require_equal(recipe.labels, mine="the config", theirs=recipe.origin)


def require_alignment(config, recipe: Recipe) -> None:
    """Raises ConfigError when the faces of the data were aligned in another way than the config says."""
    found = recipe.build.get("align")
    if config.align and found and found != config.align:
        raise ConfigError(
            f"config.align is {config.align!r}, but {recipe.origin} was prepared with --align {found}. "
            f"Prepare it with --align {config.align}, or set --config.align={found}."
        )


def _require_graph_options(config) -> None:
    for field, choices in _GCN_CHOICES.items():
        require_choice(config, field, choices)
    block, file = config.model.gcn.category_block, config.model.gcn.category_file
    if (block == "file") != bool(file):
        raise ConfigError(
            f"config.model.gcn.category_block is {block!r} and category_file {file!r}: a file goes with the "
            "block 'file' and with no other."
        )


def _require_graph_of_classes(config, recipe: Recipe) -> None:
    """Raises ConfigError or DataError where a graph without valence and arousal has no edges between expressions."""
    field, block = "config.model.gcn.category_block", config.model.gcn.category_block
    given = (
        f"Give the edges: --{field}=file --config.model.gcn.category_file=FILE, "
        f"{len(recipe.labels.classes)} rows of comma-separated strengths from 0 to 1"
    )
    if block == "none":
        raise ConfigError(
            f"Without valence and arousal (config.objective.auxiliary 'none') the label graph has edges between "
            f"expressions alone, but {field} is 'none'. {given}; or --{field}=cooccurrence."
        )
    if block == "cooccurrence" and np.array_equal(shared := _cooccurrence(recipe), np.diag(np.diag(shared))):
        raise DataError(
            f"No picture of {recipe.origin} has two labels, so no label occurs with another and there is no label "
            f"graph. {given}; or prepare pictures with several labels (a;b in the column label) or votes."
        )
    if block in ("va_soft", "spearman"):
        recipe.feature("valence")


def _cooccurrence(recipe: Recipe) -> np.ndarray:
    classes = len(recipe.labels.classes)
    return np.array(recipe.statistics.get("cooccurrence", np.eye(classes)))


def _require_consistent(config) -> None:
    """Raises ConfigError where the head gives not what the objective or the choice of a checkpoint needs."""
    name, objective = config.model.head, config.objective
    head = HEADS[name]
    if objective.auxiliary not in head.auxiliaries:
        fitting = [n for n, kind in HEADS.items() if objective.auxiliary in kind.auxiliaries]
        raise ConfigError(
            f"config.objective.auxiliary {objective.auxiliary!r} does not go with config.model.head "
            f"{name!r}, which takes {' or '.join(map(repr, head.auxiliaries))}; "
            f"{objective.auxiliary!r} goes with {', '.join(map(repr, fitting))}."
        )
    if head.logits == (objective.expression == "none"):
        wanted = "a loss for its logits" if head.logits else "'none': it gives no logits"
        raise ConfigError(
            f"config.objective.expression is {objective.expression!r}, but config.model.head {name!r} needs "
            f"{wanted}."
        )
    for field in ("objective.soft", "svm.kernel"):
        value = value_of(config, field)
        if not head.logits and value != "none":
            raise ConfigError(
                f"config.{field} is {value!r}, but config.model.head {name!r} tells no expressions apart."
            )
    if config.optimizer.schedule == "plateau":
        raise ConfigError("config.optimizer.schedule 'plateau' needs a validation loss; faces measure none.")
    _require_monitor(config, head)


def _require_monitor(config, head) -> None:
    there = dict.fromkeys(EXPRESSION_METRICS if head.logits else (), "larger")
    if config.objective.auxiliary in VA_TASKS:
        there |= dict.fromkeys(VA_METRICS, "larger") | dict.fromkeys(VA_ERRORS, "smaller")
    require_monitor(config, config.monitor, there)


def _require_labels(config, recipe: Recipe) -> None:
    """Raises DataError where the records lack a label that the losses or the choice of a checkpoint need."""
    head, objective = HEADS[config.model.head], config.objective
    if head.logits or objective.metric.name != "none":
        recipe.feature("label")
        _require_every_class(recipe)
    graph_of_classes = config.model.head == "gcn" and objective.auxiliary == "none"
    if graph_of_classes:
        _require_graph_of_classes(config, recipe)
    elif config.model.head == "gcn":
        _require_graph_of_dimensions(recipe)
    if (
        objective.metric.name == "va_centre"
        or objective.auxiliary not in ("none", "mask")
        or objective.soft != "none"
    ):
        recipe.feature("valence")


def _require_graph_of_dimensions(recipe: Recipe) -> None:
    if "valence" not in recipe.features:
        raise DataError(
            f"The records of {recipe.origin} hold no 'valence', but the label graph is made of its correlations. Take "
            "a graph of the classes alone: --config.objective.auxiliary=none --config.model.gcn.category_block="
            "cooccurrence (labels that occur together), or =file with --config.model.gcn.category_file=FILE."
        )
    if "spearman" not in recipe.statistics:
        raise DataError(
            f"Every training record of {recipe.origin} has the same valence or the same arousal: their correlations "
            "are undefined, so there is no label graph. Choose a system without one, or complete the annotations."
        )


def _require_every_class(recipe: Recipe) -> None:
    counts = dict(zip(recipe.labels.classes, recipe.statistics["counts"]))
    empty = [name for name, count in counts.items() if count == 0]
    if empty:
        raise DataError(
            f"{recipe.origin} has no training record of {', '.join(empty)}: class weights, samplers and the "
            "label graph need every class. Prepare the data again with more rows, or with fewer --classes."
        )


def _require_features(config, recipe: Recipe) -> None:
    """Raises DataError when the records lack what the sampler or the head needs."""
    if config.sampler != "none" and SAMPLER_FEATURES[config.sampler] not in recipe.features:
        raise DataError(
            f"config.sampler is {config.sampler!r}, but the records of {recipe.origin} hold no "
            f"{SAMPLER_FEATURES[config.sampler]!r}. Prepare the data with --ages FILE.csv (path and age of "
            "each image, from an age estimator), or choose another sampler."
        )
    if config.model.head == "mask" and MASK_FEATURE not in recipe.features:
        raise DataError(
            f"config.model.head is 'mask', but the records of {recipe.origin} hold no {MASK_FEATURE!r}. "
            "Prepare the data with --masks, or choose another head."
        )
