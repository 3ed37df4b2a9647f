"""Valence and arousal of faces in videos: thesis 002; affwild_gan spec sections 2.1-2.4, 4, 6 and 8."""

from __future__ import annotations

import dataclasses

from ml_collections import ConfigDict

from configs import base
from configs.affwild_tables import VALUES, printed
from configs.base import Variant

FAMILY = "affwild"
DATASET = "Aff-Wild"


def reported(name: str, variant: Variant) -> Variant:
    """The variant with the numbers that thesis 002 prints of it; `published` are those of one checkpoint."""
    tables = printed(name)
    best = {
        metric: value for of in tables.values() for metric, value in of.items() if metric in _OF_CHECKPOINTS
    }
    return dataclasses.replace(variant, table=", ".join(tables), published=best, reprinted=tables)


_OF_CHECKPOINTS = ("ccc_mean", *VALUES)
_VGG = {
    "model.trunk": "vgg16",
    "model.fc_units": (4096, 4096, 2622),
    "model.input_coding": "half",
    "pretraining": "imagenet",
    "model.fc_dropout": 0.5,
    "optimizer.learning_rate": 1e-4,
}
# Section 2.4 and corrections 18, 19: one dense layer, two recurrent ones of 128 units, windows of 80 frames.
_CNN_RNN = {
    **_VGG,
    "model.fc_units": (4096,),
    "model.cell": "gru",
    "model.layers": 2,
    "model.rnn_dropout": 0.0,
    "model.window": 80,
    "batch_size": 10,
    "eval_batch_size": 10,
    "num_steps": 10_000,
    "run.eval_every_steps": 500,
    "pretraining": "vggface",
}

_BIG = {"train_set": "big", "data_dir": "data/affwild"}
_FINE_TUNED = {"pretraining": "facevalue", **_BIG}

_SYSTEMS = {
    "affwild_cnnm_small": Variant({}, "CNN-M from scratch, small set"),
    "affwild_cnnm_ft_fc": Variant(
        {**_FINE_TUNED, "optimizer.factors.trunk": 0.0}, "CNN-M from a checkpoint, convolutions frozen"
    ),
    "affwild_cnnm_ft_all": Variant(_FINE_TUNED, "CNN-M from a checkpoint, all layers"),
    "affwild_vggface": Variant(
        {**_BIG, **_VGG, "pretraining": "vggface"}, "VGG-Face, dense 4096-4096-2622-2"
    ),
    "affwild_vgg16": Variant({**_BIG, **_VGG}, "the same from ImageNet"),
    "affwild_resnet50": Variant(
        {
            **_BIG,
            **_VGG,
            "model.trunk": "resnet50",
            "model.pool": "avg",
            "model.fc_units": (1500, 256),
        },
        "ResNet-50, dense 1500-256-2",
    ),
    "affwild_cnn_gru": Variant({**_BIG, **_CNN_RNN}, "VGG-Face, dense 4096, two GRUs"),
    "affwild_cnn_lstm": Variant({**_BIG, **_CNN_RNN, "model.cell": "lstm"}, "with LSTMs"),
}
VARIANTS = {name: reported(name, variant) for name, variant in _SYSTEMS.items()}
# Section 2.4: the RNN reads the first or second dense layer, one or two recurrent layers, 100 to 150 units.
_SWEEP = {
    f"affwild_{cell}_fc{fc}_l{layers}_u{units}": Variant(
        {
            **_BIG,
            **_CNN_RNN,
            "model.cell": cell,
            "model.fc_units": (4096,) * fc,
            "model.layers": layers,
            "model.units": units,
        },
        "cell of the sweep of CNN-RNNs",
    )
    for cell in ("gru", "lstm")
    for fc in (1, 2)
    for layers in (1, 2)
    for units in (100, 128, 150)
    if units == 128 or (fc, layers) == (1, 2)
}
VARIANTS |= _SWEEP
VARIANTS["affwild_cnn_rnn_sweep"] = Variant(
    VARIANTS["affwild_cnn_gru"].change, "inputs, layers and units of the CNN-RNN", cells=tuple(_SWEEP)
)


def frames_of_videos(family: str, image_size: int, data_dir: str) -> ConfigDict:
    """What all systems of Aff-Wild share: data, batches of 64, 18,000 iterations, an evaluation every 60 (spec 4)."""
    config = ConfigDict()
    config.name = ""
    config.family = family
    config.preparation = "affwild"  # module of data_prep; named when there is no data
    config.data_dir = data_dir
    config.train_set = "small"  # of the prepared data: small, big (spec 1.5)
    config.labels = "va"  # of the prepared data: va; both: frames with a category, too
    base.fold_options(config)
    config.fold_by = "video"
    config.image_size = image_size
    config.batch_size = 64
    config.num_epochs = 15
    config.num_steps = 18_000  # length of the run in steps; 0: num_epochs
    config.seed = 0
    config.precision = "auto"  # bfloat16 compute on GPU and TPU, float32 on CPU
    config.monitor = "ccc_mean"  # validation metric that makes a checkpoint the best
    config.monitor_direction = "larger"  # larger, smaller: which is better
    config.early_stopping = base.early_stopping_options()
    config.run = base.run_options()
    config.run.eval_every_steps = 60  # spec 5.2; the whole validation split, not 1000 frames of it
    config.run.log_every = 1
    return config


def adam(parts: tuple[str, ...]) -> ConfigDict:
    """Adam of 1e-4 (spec 4, G16); `parts`: see `base.optimizer_options`."""
    optimizer = base.optimizer_options(parts)
    optimizer.name = "adam"
    optimizer.learning_rate = 1e-4
    optimizer.weight_decay = 0.0
    return optimizer


def face_videos() -> ConfigDict:
    """Faces of videos: CNN-M at 96 px on single frames, 1 - CCC, Adam 1e-4, 18,000 batches of 64 (spec 4, G1, G16)."""
    config = frames_of_videos("face_videos", 96, "data/affwild_small")
    config.eval_batch_size = 100
    config.pretraining = "none"  # where the published number starts from; `init_from` names the file
    config.init_from = ""  # .safetensors of `python -m emojax.pretrained import`, or a work directory
    config.model = _model()
    config.objective = _objective()
    config.optimizer = adam(("trunk", "fc", "rnn", "heads"))
    return config


def _model() -> ConfigDict:
    model = ConfigDict()
    model.trunk = "cnn_m"  # a backbone; constant: no network, the commonest category and the mean values
    model.cached = (
        0  # width of the column of trunk features that `emojax.cache` made; 0: the network has a trunk
    )
    model.input_coding = (
        "unit"  # unit, half, caffe, vggface, imagenet, native (init_from's): what becomes of 0..255
    )
    model.bn_mode = "stored"  # stored, batch: statistics that a frozen trunk's norms use in training (A9)
    model.pool = "flatten"  # of the trunk's last map: flatten, avg
    model.fc_units = (4096,)  # dense layers after the trunk
    model.fc_dropout = 0.0  # after the first of them
    model.cell = "none"  # none, gru, lstm
    model.units = 128
    model.layers = 1
    model.rnn_dropout = 0.5  # after each recurrent layer
    model.reset_after = False  # where a GRU applies its reset gate: corrections 18
    model.head_units = ()  # hidden layers of each head
    model.head_dropout = 0.5
    model.outputs = "va"  # va, category, both
    model.window = 1  # frames of an example; 1: single frames
    model.max_step = 0  # a window ends where frame numbers rise by more; 0: never (spec G24)
    return model


def _objective() -> ConfigDict:
    objective = ConfigDict()
    objective.va = "ccc"  # ccc, mse
    objective.va_weight = 1.0
    objective.ccc_scope = "batch"  # batch, sequence
    objective.ccc_reduce = "mean"  # mean, pooled: spec G2
    objective.category_weight = 1.0
    objective.class_weights = "none"  # none, inverse
    return objective


def demo_face_videos(config: ConfigDict) -> None:
    """Makes a config of `face_videos()` small: a tiny trunk, synthetic faces of 32 px, minutes on a CPU."""
    windows = config.model.window > 1
    config.update_from_flattened_dict(
        {
            "data_dir": "data/synthetic_affwild",
            "train_set": "big",
            "image_size": 32,
            "batch_size": 8 if windows else 64,
            "eval_batch_size": 16 if windows else 200,
            "num_epochs": 30 if windows else 10,
            "num_steps": 0,
            "model.trunk": "resnet_tiny",
            "model.input_coding": "unit",
            "model.pool": "avg",
            "model.fc_units": (64,) * len(config.model.fc_units),
            "model.fc_dropout": 0.0,
            "model.units": 64,
            "model.layers": 1,
            "model.window": 40 if windows else 1,
            "pretraining": "none",
            "optimizer.learning_rate": 0.003,
            "optimizer.schedule": "cosine",
            "run.eval_every_steps": 0,
            "run.log_every": 10,
            "run.checkpoint_every_steps": 200,
        }
    )


def get_config(variant: str = "affwild_cnnm_small") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(face_videos(), VARIANTS, variant, demo_size=demo_face_videos)
