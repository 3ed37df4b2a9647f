"""The recipe of the Emotion-GCN thesis and how a family of configs is written as a table of variants.

Numbers: emotion_gcn spec sections 2, 3 and 5 (thesis 001, l.1066-1086 and l.1616-1664).
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from emojax.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Variant:
    """One system of a family: what it changes in the family's base config.

    Attributes:
        change: dotted config field -> value.
        note: one line for the list of systems.
        table: tables of the thesis that report it, e.g. "5.1, 6.1"; empty when none does.
        published: reported values by metric name (accuracies in percent, CCC), as printed there.
        reprinted: table -> values that it prints for this system where they differ from `published`.
        cells: of a sweep, the variants it consists of; the sweep's own name is its central cell.
    """

    change: Mapping[str, Any]
    note: str
    table: str = ""
    published: Mapping[str, float] = dataclasses.field(default_factory=dict)
    reprinted: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    cells: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables one by one."""
        return tuple(self.table.split(", ")) if self.table else ()

    def published_in(self, table: str) -> dict[str, float]:
        """What one table prints for this system."""
        return {**self.published, **self.reprinted.get(table, {})}


# Name of a small size of any variant: `soft_b5@demo`.
DEMO = "demo"


def apply(
    config: ConfigDict,
    variants: Mapping[str, Variant],
    name: str,
    *,
    demo_size: Callable[[ConfigDict], None] | None = None,
    recipes: Mapping[str, Callable[[ConfigDict], None]] | None = None,
) -> ConfigDict:
    """The family's base config with the changes of variant `name`.

    Args:
        config: of the family; gets the changes.
        variants: the family's table.
        name: a key of the table; ``NAME@demo`` is the same system at a size for a CPU, ``NAME@RECIPE`` under another
            recipe, ``NAME@RECIPE@demo`` both.
        demo_size: makes a config of this family small; None where there is no such size.
        recipes: other ways to train the systems of this family; each changes a config.

    Raises:
        ConfigError: no such variant, size or recipe; names the near ones.
    """
    variant, *changes = name.split("@")
    if variant not in variants:
        near = difflib.get_close_matches(variant, variants, n=3, cutoff=0.4) or sorted(variants)
        raise ConfigError(f"There is no variant {variant!r}; did you mean {', '.join(near)}?")
    known = {**(recipes or {}), **({DEMO: demo_size} if demo_size else {})}
    for change in changes:
        if change not in known:
            sizes = ", ".join(f"{variant}@{one}" for one in known) or "its own size alone"
            raise ConfigError(f"There is no size {change!r} of {variant!r}; there is {sizes}.")
    config.lock()
    config.name = name
    config.update_from_flattened_dict(dict(variants[variant].change))
    for change in changes:
        known[change](config)
    return config


def ensemble(name: str, members: Mapping[str, float], method: str = "weighted_mean") -> ConfigDict:
    """Config of an ensemble for ``python -m emojax.combine``.

    Args:
        name: of the ensemble.
        members: names of systems -> their weights, which sum to one; other methods than `weighted_mean` take none.
        method: mean, weighted_mean, maximum.
    """
    config = ConfigDict({"name": name, "family": "ensemble", "method": method})
    config.members = ConfigDict(dict(members))
    return config


def common(
    family: str, preparation: str, monitor: str, *, image_size: int, batch_size: int, num_epochs: int
) -> ConfigDict:
    """What every config has that is trained on prepared data; a family adds its own fields.

    Args:
        family: package of `emojax.systems`.
        preparation: module of data_prep; named when there is no data.
        monitor: validation metric that makes a checkpoint the best.
        image_size: side in pixels.
        batch_size: in training and in evaluation.
        num_epochs: length of the run.
    """
    config = ConfigDict()
    config.name = ""
    config.family, config.preparation = family, preparation
    config.data_dir = f"data/{preparation}"
    fold_options(config)
    config.image_size = image_size
    config.batch_size = config.eval_batch_size = batch_size
    config.num_epochs = num_epochs
    config.num_steps = 0  # length of the run in steps; 0: num_epochs
    config.seed = 0
    config.precision = (
        "auto"  # auto (bfloat16 on GPU and TPU, float32 on CPU), bfloat16, float32 (never TF32)
    )
    config.monitor = monitor
    config.monitor_direction = "larger"  # larger, smaller: which is better
    config.early_stopping = early_stopping_options()
    config.run = run_options()
    return config


def faces() -> ConfigDict:
    """Expression and valence / arousal of a face: DenseNet-121 at 227 px, SGD, 10 epochs of batches of 35."""
    config = common("faces", "affectnet", "accuracy", image_size=227, batch_size=35, num_epochs=10)
    config.num_classes = 7
    config.augment = "full"  # none, code, full: spec 1.7
    config.align = "rotate_crop"  # of the prepared data: none, rotate_crop, similarity (spec 1.6); empty: any
    config.sampler = "none"  # none, expression, age: spec 5.1
    config.pretraining = "imagenet"  # where the published number starts from; `init_from` names the file
    config.init_from = ""  # .safetensors of `python -m emojax.pretrained import`, or a work directory

    config.model = _model()
    config.objective = _objective()

    config.svm = ConfigDict()  # on the features of the trained network, in the evaluation: spec 2.6
    config.svm.kernel = "none"  # none, linear, rbf
    config.svm.penalty = 1.0
    config.svm.max_samples = 0  # 0: all training records

    config.optimizer = optimizer_options(("backbone", "head"))
    return config


def optimizer_options(parts: Sequence[str]) -> ConfigDict:
    """SGD as the Emotion-GCN thesis has it (spec 5), and what other optimisers and schedules need.

    Args:
        parts: of the family's networks, each with a learning rate of its own.
    """
    optimizer = ConfigDict()
    optimizer.name = "sgd"  # sgd, adam, adamw
    optimizer.learning_rate = 0.001
    optimizer.momentum = 0.9  # of sgd
    optimizer.beta1 = 0.9  # of adam and adamw
    optimizer.beta2 = 0.999
    optimizer.epsilon = 1e-8  # 1e-7 in Keras
    optimizer.weight_decay = 0.001
    optimizer.weight_decay_on = "all"  # all, kernels: not biases, not scales of norms
    optimizer.clip_norm = 0.0  # largest norm of all gradients together; 0: not clipped
    optimizer.schedule = "constant"  # constant, step, milestone, cosine, inverse_time, plateau
    optimizer.decay_epochs = 10  # step: every so many epochs; milestone: once, after so many
    optimizer.decay_steps = 0  # the same in steps; 0: see decay_epochs
    optimizer.decay_rate = 0.0  # inverse_time: rate / (1 + decay_rate * steps)
    optimizer.decay_factor = 0.1  # of step, milestone and plateau
    optimizer.plateau_patience = 10  # evaluations without a smaller validation loss
    optimizer.warmup_epochs = 0.0
    # Learning rate times this, by part; 0 freezes parameters, batch statistics and dropout.
    optimizer.factors = ConfigDict(dict.fromkeys(parts, 1.0))
    return optimizer


def fold_options(config: ConfigDict) -> None:
    """Which part of the data is the validation split: as the preparation has it."""
    config.fold = ""  # K/N: the K-th of N folds, from 1; K/all: leave one out
    config.fold_by = "subject"  # column of the data that is never divided: subject, video_id, image_id, ...


def early_stopping_options() -> ConfigDict:
    """When a run ends before its last epoch: off."""
    early = ConfigDict()
    early.patience = 0  # evaluations without a better value of `monitor`; 0: train to the end
    early.min_delta = 0.0  # a better value is better by more than this
    return early


def run_options() -> ConfigDict:
    """How a run is carried out: changes no result."""
    run = ConfigDict()
    run.threads = 0  # decoding threads; 0: one a core, at most 16; one for raw pixels
    run.log_every = 50
    run.checkpoint_every_steps = 1000
    run.eval_every_epochs = 1
    run.eval_every_steps = 0  # 0: see eval_every_epochs
    run.stop_after_steps = 0  # stop early, e.g. for a trial; 0: run to the end
    run.deterministic = (
        False  # on a GPU: the same bits in every process, at the cost of speed; CPUs always are
    )
    return run


def _model() -> ConfigDict:
    model = ConfigDict()
    model.backbone = "densenet121"
    model.remat = False  # recompute dense blocks in the backward pass: less memory, more time
    model.partial_bn = False  # the backbone's batch norms but the first keep statistics, scale and bias
    model.pool = "avg"
    model.final_relu = True
    model.head = "single"  # single, va_single, classic, concat, separate, mask, gcn: spec 2.5
    model.concat_stop_grad = False
    model.concat_activation = "none"  # none, softmax
    model.propagation = "jraph"  # of the label graph: dense, jraph; equal to 1e-6
    model.gcn = ConfigDict()
    model.gcn.layers = 2
    model.gcn.hidden = 512
    model.gcn.tau = 0.1
    model.gcn.p = 0.7
    model.gcn.tau_literal = False
    model.gcn.transpose = False
    model.gcn.isolated_nodes = False  # True: a node without neighbours keeps its own vector
    model.gcn.shuffle_seed = 0  # over 0: the nodes of A'' change places at random, a control
    # Edges between expressions: none, va_soft, spearman, file (spec 4.10); cooccurrence of labels or votes.
    model.gcn.category_block = "none"
    model.gcn.category_file = ""  # for the block `file`: C rows of comma-separated numbers
    model.gcn.embedding = "glove"  # glove, random, onehot
    model.gcn.word_vectors = ""  # GloVe text file, e.g. glove.6B.300d.txt; empty: built-in 50-d GloVe
    return model


def _objective() -> ConfigDict:
    objective = ConfigDict()
    objective.expression = "weighted"  # weighted, unweighted, focal, none: spec 3.1, 3.14
    objective.reduction = "weighted_mean"  # weighted_mean, mean
    objective.focal_gamma = 2.0
    objective.focal_alpha = "class_weights"  # class_weights, none
    objective.soft = "none"  # none, soft, logit: spec 3.2
    objective.soft_weight = 0.1
    objective.soft_bins = 5
    objective.logit_on = "prob"  # prob, logits
    objective.auxiliary = "none"  # none, ccc, mse, half_mse, half_bce, regions, mask: spec 3.10-3.13
    objective.auxiliary_weight = 1.0
    objective.ccc_bias_parity = False
    objective.regions = 8  # 4, 8, 12
    objective.region_loss = "weighted"  # weighted, unweighted, focal
    objective.metric = ConfigDict()  # spec 3.3-3.9
    objective.metric.name = "none"
    objective.metric.weight = 0.1  # lambda
    objective.metric.reduction = "mean"  # mean, sum
    objective.metric.alpha = 0.5  # step of the centres
    objective.metric.lambda1 = 0.01  # of the terms between centres
    objective.metric.margin = 0.5
    objective.metric.sub_centres = 1
    objective.metric.va_use = "both"  # both, valence, arousal
    objective.metric.va_mean = "batch"  # batch, train
    objective.metric.pairs = "both"  # both, positive, negative
    return objective


# What Emotion-GCN changes in `faces()`: spec 2.2, 4. The maximum over norm5's map, without ReLU.
EMOTION_GCN = {
    "model.head": "gcn",
    "model.pool": "max",
    "model.final_relu": False,
    "objective.auxiliary": "ccc",
}

# Tiny networks on drawn faces of 64 px: minutes on a CPU.
DEMO_RECIPE = {
    "image_size": 64,
    "batch_size": 32,
    "eval_batch_size": 100,
    "num_epochs": 10,
    "augment": "none",  # rotations would take twice the epochs to learn
    "pretraining": "none",
    "model.gcn.isolated_nodes": True,
    "optimizer.learning_rate": 0.02,
    "optimizer.weight_decay": 0.0005,
    "optimizer.schedule": "cosine",
    "optimizer.warmup_epochs": 0.5,
    "run.checkpoint_every_steps": 200,
}
_TINY = {
    "resnet18": "resnet_tiny",
    "densenet121": "densenet_tiny",
    "resnet50": "resnet_tiny",
    "breg_next50": "breg_next_tiny",
}


def demo_faces(config: ConfigDict) -> None:
    """Makes a config of `faces()` small: same head and objective, tiny backbone, drawn faces.

    Data folder ``data/NAME`` becomes ``data/synthetic_NAME``.
    """
    folder, _, name = config.data_dir.rpartition("/")
    config.update_from_flattened_dict(DEMO_RECIPE)
    config.data_dir = f"{folder}/synthetic_{name.removesuffix('_112')}"
    config.model.backbone = _TINY.get(config.model.backbone, config.model.backbone)
    if config.model.head == "gcn":
        config.num_epochs = 20  # expressions are learned first, valence and arousal by the twelfth
