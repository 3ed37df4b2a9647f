"""What the systems of expressions in image sequences have in common: thesis 004; image_sequences spec 2, 4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "sase"
KERAS_2018 = "keras2018"  # NAME@keras2018: the systems under the recipe of that name

FACE, FRONTAL, FRONTAL_SOFT = ({"model.streams": name} for name in ("face", "frontal", "frontal_soft"))
TWO_STREAM = {"model.streams": "face,frontal"}
GEOMETRY = {**FRONTAL, "model.geometry": True}
UNFROZEN = {
    "optimizer.factors.first": 1.0,
    "optimizer.factors.trunk": 1.0,
    "optimizer.learning_rate": 1e-5,
    "optimizer.clip_norm": 1.0,
    "batch_size": 32,
    "num_epochs": 20,
}
FIRST_FROZEN = {**UNFROZEN, "optimizer.factors.first": 0.0}
C3D = {
    **FRONTAL,
    "model.net": "c3d",
    "optimizer.factors.first": 1.0,
    "optimizer.factors.trunk": 1.0,
    "batch_size": 16,
    "num_epochs": 50,
}
C3D_SPORTS1M = {
    **C3D,
    "model.pool5_pad": "symmetric",
    "model.clip_coding": "sports1m",
    "optimizer.factors.first": 0.1,
    "optimizer.factors.trunk": 0.1,
    "num_epochs": 30,
}
GEOMETRY_ONLY = {"model.streams": "", "model.geometry": True}
UNIFORM = {"model.sequence_mode": "uniform"}
ONE_LAYER = {"model.rnn_layers": 1, "model.rnn_dense": 128}
_RECURRENT = {**FRONTAL, "model.net": "recurrent"}
# On principal components of a trained CNN's fc7: the CNN is not trained.
_FEATURES = {
    **_RECURRENT,
    "model.rnn_input": "features",
    "optimizer.factors.head": 0.0,
    "optimizer.learning_rate": 1e-3,
    "optimizer.weight_decay": 0.0,
    "num_epochs": 100,
}
# End to end from a trained CNN: fc6 and fc7 at a tenth of the rate.
_IMAGE = {**_RECURRENT, "model.rnn_input": "images", "optimizer.factors.head": 0.1, "batch_size": 16}
LSTM_FEATURES, GRU_FEATURES = ({**_FEATURES, "model.cell": cell} for cell in ("lstm", "gru"))
LSTM_IMAGE, GRU_IMAGE = ({**_IMAGE, "model.cell": cell} for cell in ("lstm", "gru"))


def variant(change: Mapping[str, Any], note: str, table: str = "", value: float | None = None) -> Variant:
    """A system; `value` is the accuracy as the thesis prints it, a share."""
    return Variant(change, note, table, {} if value is None else {"accuracy": round(100 * value, 4)})


def sequences() -> ConfigDict:
    """The reference CNN of the thesis: VGG-Face at 224 px, convolutions frozen, max pooling, three dense layers."""
    config = ConfigDict()
    config.name = ""
    config.family = "sequences"
    config.preparation = "sasefe"  # module of data_prep; named when there is no data
    config.data_dir = "data/sasefe"
    base.fold_options(config)
    config.task = "sase6"  # sase6, sase12, oulu6
    config.image_size = 224
    config.augment = "none"  # none, light (flip, crop, brightness and contrast +- 10 %): spec 1.10
    config.batch_size = 64
    config.eval_batch_size = 64
    config.num_epochs = 30
    config.num_steps = 0  # length of the run in steps; 0: num_epochs
    config.seed = 0
    config.precision = "auto"  # bfloat16 compute on GPU and TPU, float32 on CPU
    config.monitor = "accuracy"  # validation metric that makes a checkpoint the best
    config.monitor_direction = "larger"  # larger, smaller: which is better

    config.init_from = ConfigDict()
    config.init_from.trunk = (
        ""  # VGG-Face of `python -m emojax.pretrained import`, for every stream; C3D for c3d
    )
    config.init_from.cnn = ""  # work directory of the CNN that recurrent layers read; random: untrained
    config.needs = ""  # variant that this CNN is

    config.model = _model()
    config.optimizer = base.optimizer_options(("first", "trunk", "head", "recurrent", "classifier"))
    config.optimizer.name = "adamw"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.weight_decay = 5e-4
    config.optimizer.weight_decay_on = "kernels"
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.factors.first = 0.0  # conv1 and conv2 of a VGG
    config.optimizer.factors.trunk = 0.0  # its other convolutions
    config.early_stopping = base.early_stopping_options()
    config.early_stopping.patience = 8
    config.run = base.run_options()
    return config


def _model() -> ConfigDict:
    model = ConfigDict()
    model.net = "cnn"  # cnn, c3d, recurrent
    model.streams = "face"  # of face, frontal, frontal_soft; each has a network of its own
    model.geometry = False  # the 68 landmarks, at fc6
    model.geometry_components = 32  # principal components of the geometry; 0: all 136 values
    model.geometry_gain = 1.0  # factor of the geometry beside the pooled maps
    model.branch_norm = False  # layer norm of each stream's pooled maps and of the geometry
    model.shared_trunk = False  # one network for all streams
    model.backbone = "vggface"
    model.head = "gmp_fc3"  # flat, gap, gmp, fc3, gap_fc3, gmp_fc3: spec 2.1
    model.fc_units = 4096
    model.fc7_init = "new"  # new, vggface (heads with pooling; without it fc6 and fc7 are VGG-Face's)
    model.dropout = 0.5  # after fc6 and fc7, and before the classifier of recurrent layers
    model.frames = 5  # of a clip
    model.stride = 5  # frames from one clip to the next
    model.dilation = 1  # frames from one of a clip to the next
    model.sequence_mode = "windows"  # windows, uniform (one clip a video, its frames spread evenly)
    model.clip_size = 112  # side of C3D's input
    model.pool5_pad = "same"  # same, symmetric: spec 2.5
    model.clip_coding = "data"  # data (mean and deviation of the training frames), sports1m (BGR, its mean)
    model.cell = "lstm"  # lstm, gru
    model.rnn_input = "features"  # features (principal components of a trained CNN's), images (end to end)
    model.rnn_layers = 3
    model.rnn_units = 128
    model.rnn_dense = 0  # units of a dense layer between recurrent layers and classifier; 0: none
    model.gru_variant = "reset_before"  # reset_before, reset_after: spec 2.6
    model.feature = "fc7"  # fc7, fc7_linear (before the ReLU), fc6, fc6_linear
    model.cached = 0  # width of the features that `python -m emojax.cache` stored; 0: pictures
    model.pca = 100  # components of rnn_input=features
    model.pca_whiten = False  # components of unit variance
    return model


def keras2018(config: ConfigDict) -> None:
    """Trains as Keras did by default in 2018; the thesis names no rate (spec 4, R0)."""
    config.update_from_flattened_dict(
        {
            "batch_size": 32,
            "num_epochs": 20,
            "model.dropout": 0.5,
            "optimizer.name": "adam",
            "optimizer.learning_rate": 1e-3,
            "optimizer.epsilon": 1e-7,
            "optimizer.weight_decay": 0.0,
            "optimizer.warmup_epochs": 0.0,
            "optimizer.clip_norm": 0.0,
        }
    )
    for part, factor in config.optimizer.factors.items():
        config.optimizer.factors[part] = float(factor > 0)
    if config.needs:
        config.needs += f"@{KERAS_2018}"


def demo_sequences(config: ConfigDict) -> None:
    """Makes a config of `sequences()` small: tiny networks that train whole, on drawn faces of 64 px."""
    folder, _, name = config.data_dir.rpartition("/")
    config.update_from_flattened_dict(
        {
            "data_dir": f"{folder}/synthetic_{name}",
            "image_size": 64,
            "batch_size": 32,
            "eval_batch_size": 64,
            "num_epochs": 12,
            "model.backbone": "resnet_tiny",
            "model.fc_units": 64,
            "model.dropout": 0.1,
            "model.rnn_layers": 1,
            "model.rnn_units": 48,
            "model.pca": 16,
            "optimizer.name": "adam",
            "optimizer.learning_rate": 0.002,
            "optimizer.weight_decay": 0.0,
            "optimizer.schedule": "cosine",
            "optimizer.clip_norm": 1.0,
            "early_stopping.patience": 0,
            "run.checkpoint_every_steps": 500,
        }
    )
    if config.needs:
        config.needs += f"@{base.DEMO}"
    if config.model.net == "recurrent":
        config.num_epochs = 40
    else:  # no pretrained trunk: it learns with the rest
        config.optimizer.factors.first = config.optimizer.factors.trunk = 1.0
    if config.model.net == "c3d":  # has no batch norm: at larger rates its activations fade
        config.update_from_flattened_dict(
            {
                "batch_size": 16,
                "num_epochs": 30,
                "model.clip_size": 32,
                "model.dropout": 0.0,
                "optimizer.learning_rate": 3e-4,
            }
        )


RECIPES = {KERAS_2018: keras2018}
