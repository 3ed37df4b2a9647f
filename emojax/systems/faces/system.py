"""Expression and valence / arousal of one face: every network of the Emotion-GCN thesis.

A system is a backbone, a head (`faces_heads`), an objective of weighted terms (`faces_objective`), a sampler
and a measure by which the best checkpoint is chosen, all named by the config. Source: emotion_gcn spec 2-6
(thesis 001).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import PRESETS, augment, augment_mask, normalize
from emojax.data.inputs import Inputs
from emojax.data.recipe import Recipe
from emojax.engine.mesh import DATA_AXIS, gather_rows
from emojax.engine.precision import compute_dtype
from emojax.engine.step import sample_keys
from emojax.models.backbones import create_backbone
from emojax.models.constants import CONSTANTS, init_with_constants
from emojax.models.face_net import FaceNet
from emojax.models.freeze import later_batch_norms
from emojax.models.gcn import dense_adjacency
from emojax.models.heads import export_gcn_head
from emojax.objectives.class_weights import age_sampler_weights, expression_sampler_weights
from emojax.pretrained.initialise import initialise
from emojax.systems.base import Batch, SupervisedSystem, Variables
from emojax.systems.faces.checks import MASK_FEATURE, SAMPLER_FEATURES, require_alignment, require_valid
from emojax.systems.faces.heads import VA_TASKS, build_head
from emojax.systems.faces.measure import FaceMeasure
from emojax.systems.faces.metric_terms import CENTRES
from emojax.systems.faces.objective import build_objective
from emojax.systems.faces.stand_in import stand_in
from emojax.systems.faces.svm import FeatureSvm
from emojax.systems.measure import Report

__all__ = ["FaceSystem", "build", "stand_in"]


def build(config, recipe: Recipe) -> FaceSystem:
    """Checks config against data and builds the system.

    Raises:
        ConfigError: a field has an unknown value or does not go with another.
        DataError: the data has other classes than the config, or lacks what the system needs.
    """
    require_valid(config, recipe)
    return FaceSystem(config, recipe)


class FaceSystem(SupervisedSystem):
    """A face network with its losses; see `System`.

    Attributes:
        truths: which of label, valence and arousal the records hold; `require_valid` has seen to those that are needed.
        objective: the terms of the loss.
    """

    def __init__(self, config, recipe: Recipe):
        super().__init__(config, recipe)
        self.labels = recipe.labels
        self.measure = FaceMeasure(config, recipe.labels)
        if config.svm.kernel != "none":
            self.estimator = FeatureSvm(
                len(recipe.labels.classes), {**config.svm.to_dict(), "seed": config.seed}
            )
        self.protocol = f"{len(recipe.labels.classes)}-way, one centred crop, no averaging"
        self.dtype = compute_dtype(config.precision)
        backbone = create_backbone(
            config.model.backbone, dtype=self.dtype, axis_name=DATA_AXIS, remat=config.model.remat
        )
        head = build_head(config, recipe, backbone.feature_size)
        self._make_constants = head.make_constants
        self.net = FaceNet(backbone, head.module, config.model.pool, config.model.final_relu, head.decoder)
        self.objective = build_objective(config, recipe.statistics, backbone.feature_size)
        self.truths = tuple(name for name in ("label", *recipe.labels.dimensions) if name in recipe.features)
        masks = (MASK_FEATURE,) if config.model.head == "mask" else ()
        self.inputs = Inputs(("image", *masks), self.truths)
        self.monitor = config.monitor
        self.headline = tuple(dict.fromkeys((config.monitor, *self._shown_metrics())))
        if config.model.partial_bn:
            example = jnp.zeros((2, config.image_size, config.image_size, 3))
            self.frozen_norms = later_batch_norms("backbone", backbone, example)
        self.notes += _pretraining_notes(config)

    def _shown_metrics(self) -> tuple[str, ...]:
        expression = () if self.config.objective.expression == "none" else ("accuracy",)
        va = ("ccc_valence", "ccc_arousal") if self.config.objective.auxiliary in VA_TASKS else ()
        svm = () if self.config.svm.kernel == "none" else ("svm_accuracy",)
        return (*expression, *va, *svm)

    @functools.cached_property
    def constants(self) -> dict:
        constants, notes = self._make_constants()
        self.notes += notes
        return {"head": constants} if constants else {}

    def init(self, key: jax.Array, constants: Mapping | None = None) -> Variables:
        constants = self.constants if constants is None else constants
        images = jnp.zeros((2, self.config.image_size, self.config.image_size, 3))
        variables = init_with_constants(self.net, constants, key, images, train=False)
        if self.objective.centres is not None:
            variables[CENTRES] = {"metric": self.objective.centres.init(jax.random.fold_in(key, 1))}
        return variables

    def initial_variables(self, key: jax.Array) -> Variables:
        variables = super().initial_variables(key)
        if not self.config.init_from:
            return variables
        network = {k: v for k, v in variables.items() if k not in (CENTRES, CONSTANTS)}
        matrix = dense_adjacency(self.constants["head"]["gcn"]) if self.constants else None
        network, self.initialised_from = initialise(network, self.config.init_from, adjacency=matrix)
        return {**variables, **network}

    def loss(self, params, model_state, batch: Batch, key: jax.Array):
        learned = [name for name in model_state if name != CONSTANTS]
        keys, spec = sample_keys(key, batch["position"]), PRESETS[self.config.augment]
        images = normalize(augment(keys, batch["image"], spec)).astype(self.dtype)
        with self.frozen_parts_kept():
            outputs, new_state = self.net.apply(
                {"params": params, **model_state},
                images,
                train=True,
                mask=batch["mask"],
                mutable=learned,
            )
        truth = {k: batch[k] for k in (*self.truths, "mask")}
        if MASK_FEATURE in batch:
            truth[MASK_FEATURE] = augment_mask(keys, batch[MASK_FEATURE], spec)
        outputs, truth = gather_rows((outputs, truth))
        centres = model_state[CENTRES]["metric"] if CENTRES in model_state else None
        value, logs = self.objective(outputs, truth, centres)
        if centres is not None:
            new_state = {
                **new_state,
                CENTRES: {"metric": self.objective.moved_centres(outputs, truth, centres)},
            }
        if "logits" in outputs:
            correct = jnp.argmax(outputs["logits"], axis=-1) == truth["label"]
            logs["accuracy"] = jnp.sum(correct * truth["mask"]) / jnp.maximum(jnp.sum(truth["mask"]), 1)
        return value, ({**model_state, **new_state}, logs)

    def part_of(self, path: tuple[str, ...]) -> str:
        """The backbone, or the head with its decoder."""
        return "backbone" if path[0] == "backbone" else "head"

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """What the head has of the following.

        ``embedding [b, D]``; ``probabilities [b, C]``; ``valence_arousal [b, 2]``;
        ``region_probabilities [b, n]``; ``face_mask [b, h, w]`` uint8 and, where the batch holds the truth,
        ``mask_overlap [b, 2]``: pixels in both masks and in either.
        """
        images = normalize(batch["image"].astype(jnp.float32) / 255).astype(self.dtype)
        outputs = self.net.apply(variables, images, train=False, mask=batch["mask"])
        result = {"embedding": outputs["embedding"]}
        if "logits" in outputs:
            result["probabilities"] = nn.softmax(outputs["logits"])
        if "va" in outputs:
            result["valence_arousal"] = outputs["va"]
        if "aux" in outputs:
            result["region_probabilities"] = _region_probabilities(outputs["aux"])
        if "mask_logits" in outputs:
            result |= _predicted_mask(outputs["mask_logits"], batch.get(MASK_FEATURE))
        return result

    def label_vectors(self, variables: Variables) -> np.ndarray | None:
        """Learned vectors ``[C + 2, D]`` of classes and dimensions, ``[C, D]`` of a graph of classes alone.

        None when the head has neither.
        """
        head = variables["params"]["head"]
        if "gcn" in head:
            own = {collection: variables[collection]["head"] for collection in ("params", CONSTANTS)}
            return export_gcn_head(self.net.head, own).T
        if {"expression", "va"} <= head.keys() and self.config.model.head == "classic":
            return np.concatenate([np.asarray(head[n]["kernel"]).T for n in ("expression", "va")])
        return None

    def require_data(self, recipe: Recipe) -> None:
        super().require_data(recipe)
        require_alignment(self.config, recipe)

    @property
    def report(self) -> Report:
        from emojax.systems.faces.report import FaceReport  # matplotlib: a second that only a report pays

        return FaceReport(self)

    def sample_weights(self, columns: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Weights ``[N]`` of the sampler (spec 5.1), from the labels or ages of the records.

        Raises:
            DataError: no record has an age.
        """
        feature = SAMPLER_FEATURES[self.config.sampler]
        if feature is None:
            return None
        return _SAMPLERS[self.config.sampler](columns[feature], len(self.labels.classes))


# sampler -> (values of its feature [N], C) -> weights [N]
_SAMPLERS = {
    "expression": expression_sampler_weights,
    "age": lambda ages, num_classes: age_sampler_weights(ages),
}


def _region_probabilities(logits: jax.Array) -> jax.Array:
    """``[b, T]``; the single output of two regions is the logit of the second."""
    if logits.shape[-1] > 1:
        return nn.softmax(logits)
    right = nn.sigmoid(logits)
    return jnp.concatenate([1 - right, right], axis=-1)


def _predicted_mask(logits: jax.Array, truth: jax.Array | None) -> dict[str, jax.Array]:
    predicted = logits[..., 0] > 0
    result = {"face_mask": predicted.astype(jnp.uint8)}
    if truth is not None:
        truth = jax.image.resize(truth, predicted.shape, "nearest") > 0
        overlap = [jnp.sum(m, axis=(1, 2)) for m in (predicted & truth, predicted | truth)]
        result["mask_overlap"] = jnp.stack(overlap, axis=-1).astype(jnp.float32)
    return result


def _pretraining_notes(config) -> list[str]:
    if config.pretraining == "imagenet" and not config.init_from:
        return [
            "the backbone starts random, the published number from ImageNet: see python -m emojax.pretrained "
            "list, then --config.init_from=FILE"
        ]
    return []
