"""The heads of face systems by name (emotion_gcn spec 2.5), from a config and a recipe."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import flax.linen as nn

from emojax.data.recipe import Recipe
from emojax.engine.mesh import DATA_AXIS
from emojax.engine.precision import compute_dtype
from emojax.models.heads import ExpressionHead, GCNHead, MaskDecoder, MultiTaskHead, ValenceArousalHead
from emojax.systems.checks import require_choice
from emojax.systems.faces.label_graph import label_graph_constants


def _no_constants() -> tuple[dict, list[str]]:
    return {}, []


@dataclasses.dataclass(frozen=True)
class FaceHead:
    """A head.

    Attributes:
        module: takes x ``[B, D]``.
        make_constants: gives the module's constants for a fresh run, and what the user should know of them.
        decoder: takes the last feature map ``[B, H, W, D]``; None for most heads.
    """

    module: nn.Module
    make_constants: Callable[[], tuple[dict, list[str]]] = _no_constants
    decoder: nn.Module | None = None


@dataclasses.dataclass(frozen=True)
class HeadKind:
    """One row of `HEADS`.

    Attributes:
        build: ``(config, recipe, feature_size) -> FaceHead``.
        auxiliaries: values of `objective.auxiliary` that have something to train in this head.
        logits: whether it gives expression logits.
    """

    build: Callable[..., FaceHead]
    auxiliaries: tuple[str, ...]
    logits: bool = True


# Auxiliary tasks whose output is (valence, arousal), and those on regions of the plane.
VA_TASKS = ("ccc", "mse", "smooth_l1")
REGION_TASKS = ("half_mse", "half_bce", "regions")


def num_regions(config) -> int:
    """Regions of the plane that the auxiliary task tells apart; 0 when its output is no region."""
    if config.objective.auxiliary in ("half_mse", "half_bce"):
        return 2
    return config.objective.regions if config.objective.auxiliary == "regions" else 0


def _single(config, recipe: Recipe, feature_size: int) -> FaceHead:
    return FaceHead(ExpressionHead(len(recipe.labels.classes)))


def _va_single(config, recipe: Recipe, feature_size: int) -> FaceHead:
    return FaceHead(ValenceArousalHead())


def _multi_task(config, recipe: Recipe, feature_size: int) -> FaceHead:
    # Two regions need one output: on which side of the valence axis.
    regions = {0: 0, 2: 1}.get(num_regions(config), num_regions(config))
    head = MultiTaskHead(
        len(recipe.labels.classes),
        num_aux=regions or len(recipe.labels.dimensions),
        fusion=config.model.head,
        aux_name="aux" if regions else "va",
        concat_stop_grad=config.model.concat_stop_grad,
        concat_activation=config.model.concat_activation,
    )
    return FaceHead(head)


def _mask(config, recipe: Recipe, feature_size: int) -> FaceHead:
    decoder = MaskDecoder(dtype=compute_dtype(config.precision), axis_name=DATA_AXIS)
    return FaceHead(ExpressionHead(len(recipe.labels.classes)), decoder=decoder)


def _gcn(config, recipe: Recipe, feature_size: int) -> FaceHead:
    options = config.model.gcn
    widths = (options.hidden,) * (options.layers - 1) + (feature_size,)
    dimensions = recipe.labels.dimensions if config.objective.auxiliary in VA_TASKS else ()
    words = (*recipe.labels.classes, *dimensions)
    make_constants = functools.partial(label_graph_constants, options, recipe, words)
    return FaceHead(GCNHead(widths, len(dimensions), config.model.propagation), make_constants)


HEADS = {
    "single": HeadKind(_single, ("none",)),
    "va_single": HeadKind(_va_single, VA_TASKS, logits=False),
    "classic": HeadKind(_multi_task, VA_TASKS + REGION_TASKS),
    "concat": HeadKind(_multi_task, VA_TASKS + REGION_TASKS),
    "separate": HeadKind(_multi_task, VA_TASKS + REGION_TASKS),
    "mask": HeadKind(_mask, ("mask",)),
    "gcn": HeadKind(_gcn, (*VA_TASKS, "none")),  # "none": the nodes are the expressions alone
}


def build_head(config, recipe: Recipe, feature_size: int) -> FaceHead:
    """The head named by `config.model.head`.

    Args:
        config: resolved config, see `faces_checks.require_valid`.
        recipe: its labels size the head.
        feature_size: D, width of the pooled features.

    Raises:
        ConfigError: unknown head.
    """
    require_choice(config, "model.head", HEADS)
    return HEADS[config.model.head].build(config, recipe, feature_size)
