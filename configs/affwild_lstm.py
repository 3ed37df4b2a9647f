"""Categories, valence and arousal by a frozen CNN and an LSTM: thesis 003; affwild_cnn_rnn spec sections 2-6 and 8."""

from __future__ import annotations

import dataclasses

from ml_collections import ConfigDict

from configs import base
from configs.affwild import demo_face_videos, face_videos
from configs.affwild_lstm_tables import VALUES, printed
from configs.base import Variant

FAMILY = "affwild_lstm"
DATASET = "Aff-Wild"

_TRUNKS = {"vgg16": "vgg16", "vgg19": "vgg19", "xcep": "xception"}
_CATEGORY = {
    "model.outputs": "category",
    "optimizer.learning_rate": 1e-5,
    "optimizer.decay_rate": 1e-4,
}
_VA = {"model.outputs": "va", "optimizer.learning_rate": 1e-4, "optimizer.decay_rate": 1e-4}
_COMBINED = {
    "model.outputs": "both",
    "optimizer.learning_rate": 1e-5,
    "optimizer.decay_rate": 1e-5,
    "objective.category_weight": 0.33,
}
_FAMILIES = {"cat": _CATEGORY, "va": _VA, "comb": _COMBINED}


def _system(family: str, trunk: str, hidden: tuple[int, ...]) -> Variant:
    """The system of a family, trunk and head; ``published`` are the numbers of the validation split."""
    change = {**_FAMILIES[family], "model.trunk": _TRUNKS[trunk], "model.head_units": hidden}
    layers = len(hidden) + 1
    title = {"cat": "category", "va": "valence and arousal", "comb": "both"}[family]
    return Variant(change, f"{title}: {trunk}, LSTM of 128, {layers} fully connected")


def _reported(family: str, trunk: str, hidden: tuple[int, ...]) -> Variant:
    """One of the 18 systems of the thesis's tables."""
    tables = printed(f"{family}_{trunk}_fc{len(hidden) + 1}")
    published = {
        metric: value
        for number in ("5.1", "5.2", "5.3", "5.6")
        for metric, value in tables.get(number, {}).items()
        if metric in ("accuracy", *VALUES)
    }
    found = _system(family, trunk, hidden)
    return dataclasses.replace(found, table=", ".join(tables), published=published, reprinted=tables)


VARIANTS = {
    "cat_vgg16_fc1": _reported("cat", "vgg16", ()),
    "cat_vgg16_fc2": _reported("cat", "vgg16", (64,)),
    "cat_xcep_fc1": _reported("cat", "xcep", ()),
    "cat_xcep_fc2": _reported("cat", "xcep", (128,)),
    "cat_vgg19_fc1": _reported("cat", "vgg19", ()),
    "cat_vgg19_fc2": _reported("cat", "vgg19", (128,)),
    "va_vgg16_fc1": _reported("va", "vgg16", ()),
    "va_vgg16_fc2": _reported("va", "vgg16", (64,)),
    "va_xcep_fc1": _reported("va", "xcep", ()),
    "va_xcep_fc2": _reported("va", "xcep", (128,)),
    "va_vgg19_fc1": _reported("va", "vgg19", ()),
    "va_vgg19_fc2": _reported("va", "vgg19", (128,)),
    "comb_vgg16_fc1": _reported("comb", "vgg16", ()),
    "comb_vgg16_fc3": _reported("comb", "vgg16", (128, 128)),
    "comb_xcep_fc2": _reported("comb", "xcep", (128,)),
    "comb_xcep_fc3": _reported("comb", "xcep", (128, 128)),
    "comb_vgg19_fc1": _reported("comb", "vgg19", ()),
    "comb_vgg19_fc2": _reported("comb", "vgg19", (128,)),
    # Section 8.3: families at equal depth, and other widths (8.2).
    "cat_vgg16_fc3": _system("cat", "vgg16", (128, 128)),
    "cat_xcep_fc3": _system("cat", "xcep", (128, 128)),
    "comb_vgg16_fc2": _system("comb", "vgg16", (128,)),
    "comb_xcep_fc1": _system("comb", "xcep", ()),
    "cat_vgg16_fc2_w128": _system("cat", "vgg16", (128,)),
    "cat_xcep_fc2_w64": _system("cat", "xcep", (64,)),
    "cat_vgg19_fc2_w64": _system("cat", "vgg19", (64,)),
}


def _changed(name: str, note: str, **change) -> Variant:
    """A published system with other fields; ``__`` stands for a dot."""
    return Variant({**VARIANTS[name].change, **{k.replace("__", "."): v for k, v in change.items()}}, note)


def _cells(name: str, field: str, values) -> dict[str, Variant]:
    last = field.split("__")[-1]
    return {
        f"{name}_{last}_{value:g}": _changed(name, f"{last} {value:g}", **{field: value}) for value in values
    }


_BEST = {"cat": "cat_vgg16_fc2", "va": "va_vgg19_fc2", "comb": "comb_vgg19_fc1"}
_SWEEPS = {  # section 8.2: of the best category system, the loss weight of the best combined one
    "sweep_bs": _cells(_BEST["cat"], "batch_size", (1, 2, 3, 4)),
    "sweep_dropout": _cells(_BEST["cat"], "model__rnn_dropout", (0.5, 0.6, 0.7, 0.8)),
    "sweep_lr": _cells(_BEST["cat"], "optimizer__learning_rate", (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)),
    "sweep_decay": _cells(_BEST["cat"], "optimizer__decay_rate", (1e-3, 1e-4, 1e-5, 0.0)),
    "sweep_lossw": _cells(_BEST["comb"], "objective__category_weight", (0.1, 0.33, 0.5, 1.0)),
}


def _controls(name: str) -> dict[str, Variant]:
    """Those of section 8.3, windows of 80 frames (8.2) and batch norms as Keras had them (A9), of one system."""
    family, trunk = name.split("_")[:2]
    found = {
        "t80": ("windows of 80 frames", {"model__window": 80}),
        "gap": ("global average pooling", {"model__pool": "avg"}),
    }
    if trunk in ("vgg16", "vgg19"):
        found["caffe"] = ("the trunk's own input coding", {"model__input_coding": "caffe"})
    if trunk == "xcep":
        found["bn"] = ("frozen batch norms take the statistics of the batch", {"model__bn_mode": "batch"})
    if family != "va":
        found["cw"] = ("weights by class", {"objective__class_weights": "inverse"})
    if family == "cat":
        found["lr1e-4"] = ("learning rate of VA", {"optimizer__learning_rate": 1e-4})
    return {f"{name}_{end}": _changed(name, note, **change) for end, (note, change) in found.items()}


_CONTROLS = {control: of for name in tuple(VARIANTS)[:18] for control, of in _controls(name).items()}
_CONSTANT = {"model.trunk": "constant", "model.cell": "none", "model.window": 1}
_CONTROLS["base_majority"] = Variant(
    {**_CONSTANT, "model.outputs": "category"},
    "the commonest category of the training split, for every frame",
)
_CONTROLS["base_mean_va"] = Variant(
    {**_CONSTANT, "model.outputs": "va"}, "mean valence and arousal of the training split, for every frame"
)
VARIANTS |= _CONTROLS
for _sweep, _of_sweep in _SWEEPS.items():
    VARIANTS |= _of_sweep
    _centre = _BEST["comb" if _sweep == "sweep_lossw" else "cat"]
    VARIANTS[_sweep] = Variant(VARIANTS[_centre].change, "sweep of thesis 003, 4.3", cells=tuple(_of_sweep))


def frozen_lstm() -> ConfigDict:
    """Faces of 72 px, windows of 60 frames, batches of 2, Adam with Keras's decay, best validation loss (spec 4)."""
    config = face_videos()
    config.data_dir = "data/affwild_both"
    config.train_set, config.labels = "big", "both"
    config.image_size = 72
    config.batch_size = 2
    config.eval_batch_size = 8
    config.num_epochs, config.num_steps = 100, 0
    config.monitor, config.monitor_direction = "loss", "smaller"
    config.pretraining = "imagenet"
    config.model.fc_units = ()
    config.model.cell, config.model.window = "lstm", 60
    config.optimizer.epsilon = 1e-7
    config.optimizer.schedule = "inverse_time"
    config.optimizer.factors.trunk = 0.0
    config.early_stopping.patience = 10
    config.run.eval_every_steps = 0
    config.run.log_every = 50
    return config


def demo_frozen_lstm(config: ConfigDict) -> None:
    """Makes a config of `frozen_lstm()` small; the tiny trunk is trained, as there are no weights to freeze."""
    trunk = config.model.trunk
    demo_face_videos(config)
    if trunk == "constant":
        config.model.trunk = trunk
    config.data_dir = "data/synthetic_affwild_both"
    # Frozen where the batch norms of a frozen trunk are the point.
    config.optimizer.factors.trunk = 1.0 if config.model.bn_mode == "stored" else 0.0
    config.early_stopping.patience = 0
    config.num_epochs = 20
    config.model.rnn_dropout = config.model.head_dropout = 0.1


def get_config(variant: str = "comb_vgg19_fc1") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(frozen_lstm(), VARIANTS, variant, demo_size=demo_frozen_lstm)
