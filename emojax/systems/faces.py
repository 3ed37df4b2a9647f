"""Expression and valence / arousal of one face: single-task, multi-task and Emotion-GCN networks.

Source: emotion_gcn spec sections 2-6 (thesis 001).
"""

from __future__ import annotations

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import PRESETS, augment, normalize
from emojax.data.dataset import Dataset
from emojax.engine.mesh import DATA_AXIS, gather_rows
from emojax.engine.precision import compute_dtype
from emojax.engine.step import sample_keys
from emojax.errors import ConfigError
from emojax.graphs.label_graph import adjacency, va_soft_block
from emojax.graphs.word_vectors import load_word_vectors
from emojax.labels import affectnet_labels
from emojax.metrics.expression import expression_metrics
from emojax.metrics.valence_arousal import valence_arousal_metrics
from emojax.models.backbones import create_backbone
from emojax.models.face_net import FaceNet
from emojax.models.gcn import to_graph
from emojax.models.heads import ExpressionHead, GCNHead, MultiTaskHead, ValenceArousalHead
from emojax.objectives.ccc import ccc_loss
from emojax.objectives.class_weights import inverse_frequency_weights
from emojax.objectives.cross_entropy import cross_entropy
from emojax.systems import faces_report
from emojax.systems.base import Batch, System, Variables
from emojax.systems.checks import require_choice, require_image_size


def build(config, dataset: Dataset) -> FaceSystem:
    """Checks config against data and builds the system.

    Raises:
        ConfigError: a field has an unknown value or does not go with another.
        DataError: the data has other classes than the config.
    """
    labels = affectnet_labels(config.num_classes)
    labels.require_equal(dataset.labels, mine="the config", theirs=str(dataset.path))
    require_image_size(config, dataset)
    require_choice(config, "augment", PRESETS)
    require_choice(config, "model.head", _HEADS)
    require_choice(config, "model.pool", ("max", "avg"))
    require_choice(config, "objective.expression", ("weighted", "unweighted"))
    require_choice(config, "objective.reduction", ("weighted_mean", "mean"))
    require_choice(config, "objective.auxiliary", ("none", "ccc"))
    if config.objective.auxiliary == "ccc" and config.model.head == "single":
        raise ConfigError(
            "config.objective.auxiliary is 'ccc', but config.model.head 'single' predicts no valence and arousal; "
            "take the head 'gcn' or 'classic', or auxiliary 'none'."
        )
    return FaceSystem(config, dataset)


class FaceSystem(System):
    """A face network with its losses; see `System`."""

    features = ("image", "label", "valence", "arousal")
    monitor = "accuracy"
    headline = ("accuracy", "ccc_valence", "ccc_arousal")

    def __init__(self, config, dataset: Dataset):
        super().__init__(config)
        self.labels = dataset.labels
        self.dtype = compute_dtype(config.precision)
        self.statistics = dataset.statistics
        self.adjacency = None
        backbone = create_backbone(
            config.model.backbone, dtype=self.dtype, axis_name=DATA_AXIS, remat=config.model.remat
        )
        head = _HEADS[config.model.head](self, backbone.feature_size)
        self.net = FaceNet(backbone, head, config.model.pool, config.model.final_relu)
        weights = inverse_frequency_weights(dataset.statistics["counts"])
        self.class_weights = weights if config.objective.expression == "weighted" else None

    def init(self, key: jax.Array) -> Variables:
        size = self.config.image_size
        return dict(self.net.init(key, jnp.zeros((2, size, size, 3)), train=False))

    def loss(self, params, model_state, batch: Batch, key: jax.Array):
        keys = sample_keys(key, len(batch["mask"]))
        images = normalize(augment(keys, batch["image"], PRESETS[self.config.augment])).astype(self.dtype)
        outputs, new_state = self.net.apply(
            {"params": params, **model_state}, images, train=True, mask=batch["mask"], mutable=list(model_state)
        )
        small = {k: batch[k] for k in ("label", "valence", "arousal", "mask")}
        outputs, truth = gather_rows((outputs, small))
        value, logs = self.objective(outputs, truth)
        return value, (new_state, logs)

    def objective(self, outputs: dict[str, jax.Array], truth: dict[str, jax.Array]):
        """Total loss of a global batch and its parts, float32 scalars."""
        options, mask = self.config.objective, truth["mask"]
        logs, total = {}, jnp.zeros(())
        if "logits" in outputs:
            total = logs["loss_expression"] = cross_entropy(
                outputs["logits"],
                truth["label"],
                mask,
                class_weights=self.class_weights,
                reduction=options.reduction,
            )
            correct = jnp.argmax(outputs["logits"], axis=-1) == truth["label"]
            logs["accuracy"] = jnp.sum(correct * mask) / jnp.maximum(jnp.sum(mask), 1)
        if options.auxiliary == "ccc":
            va = jnp.stack([truth["valence"], truth["arousal"]], axis=-1)
            logs["loss_ccc"] = ccc_loss(outputs["va"], va, mask, bias_parity=options.ccc_bias_parity)
            total = total + options.auxiliary_weight * logs["loss_ccc"]
        return total, logs

    def predict(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        """``probabilities [b, C]``, ``valence_arousal [b, 2]``, ``embedding [b, D]``; those the head has."""
        images = normalize(batch["image"].astype(jnp.float32) / 255).astype(self.dtype)
        outputs = self.net.apply(variables, images, train=False, mask=batch["mask"])
        result = {"embedding": outputs["embedding"]}
        if "logits" in outputs:
            result["probabilities"] = nn.softmax(outputs["logits"])
        if "va" in outputs:
            result["valence_arousal"] = outputs["va"]
        return result

    def metrics(self, outputs: Mapping[str, np.ndarray]) -> dict:
        result = {}
        if "probabilities" in outputs:
            result |= expression_metrics(outputs["probabilities"], outputs["label"], self.labels.classes)
        if "valence_arousal" in outputs:
            truth = np.stack([outputs["valence"], outputs["arousal"]], axis=-1)
            by_dimension = valence_arousal_metrics(outputs["valence_arousal"], truth, self.labels.dimensions)
            for dimension, values in by_dimension.items():
                result |= {f"{name}_{dimension}": value for name, value in values.items()}
        return result

    def prediction_columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = np.array(self.labels.classes)
        columns = {"true_class": names[outputs["label"]]}
        if "probabilities" in outputs:
            columns["predicted_class"] = names[outputs["probabilities"].argmax(axis=1)]
            columns |= {f"p_{c}": outputs["probabilities"][:, i] for i, c in enumerate(names)}
        for i, dimension in enumerate(self.labels.dimensions):
            columns[f"true_{dimension}"] = outputs[dimension]
            if "valence_arousal" in outputs:
                columns[f"predicted_{dimension}"] = outputs["valence_arousal"][:, i]
        return columns

    def write_report(self, folder, variables, outputs, results, log, read_image) -> None:
        faces_report.write(self, folder, variables, outputs, results, log, read_image)


def _gcn_head(system: FaceSystem, feature_size: int) -> GCNHead:
    options = system.config.model.gcn
    words = [*system.labels.classes, *system.labels.dimensions]
    vectors, source = load_word_vectors(words, options.word_vectors or None)
    require_choice(system.config, "model.gcn.category_block", ("none", "va_soft"))
    block = None
    if options.category_block == "va_soft":
        block = va_soft_block(np.array(system.statistics["va_histogram"]["10"]))
    system.adjacency = adjacency(
        np.array(system.statistics["spearman"]),
        options.tau,
        options.p,
        tau_literal=options.tau_literal,
        category_block=block,
        transpose=options.transpose,
        names=words,
    )
    if not 1 <= options.layers <= 3:
        raise ConfigError(f"config.model.gcn.layers is {options.layers}; choose 1, 2 or 3 (spec 4.3).")
    system.notes.append(f"label graph of {len(words)} nodes from the training labels; {source}")
    widths = (options.hidden,) * (options.layers - 1) + (feature_size,)
    return GCNHead(widths, to_graph(system.adjacency), vectors)


# name -> head of a system, given the width of the pooled features
_HEADS = {
    "single": lambda system, _: ExpressionHead(len(system.labels.classes)),
    "va_single": lambda system, _: ValenceArousalHead(),
    "classic": lambda system, _: MultiTaskHead(len(system.labels.classes)),
    "gcn": _gcn_head,
}
