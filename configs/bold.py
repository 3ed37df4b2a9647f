"""Bodies in videos on BoLD: thesis 000, chapter 5; context_emotion spec sections 2.5-2.7, 5, 7 and 9.3-9.6."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "bold"
DATASET = "BoLD"

_BC, _BCF = "body,context", "body,context,face"
_DIFF = {"model.modality": "diff"}
_STGCN = {"model.net": "stgcn", "optimizer.learning_rate": 5e-3}
_CONV1D, _LSTM = {**_STGCN, "model.net": "laban_conv1d"}, {**_STGCN, "model.net": "laban_lstm"}
_DEMO_FRAMES = 64


def _ers(value: float) -> dict[str, float]:
    """Published emotion recognition score, BoLD validation."""
    return {"ers": value}


VARIANTS = {
    "bold_rgb_b": Variant({"model.streams": "body"}, "TSN on RGB: body", "5.3", _ers(0.1983)),
    "bold_rgb_bc": Variant({"model.streams": _BC}, "TSN on RGB: body, masked context", "5.3", _ers(0.2053)),
    "bold_rgb_bcf": Variant({"model.streams": _BCF}, "TSN on RGB: body, context, face", "5.3", _ers(0.2222)),
    "bold_diff_b": Variant(
        {**_DIFF, "model.streams": "body"}, "TSN on RGB differences: body", "5.9", _ers(0.1912)
    ),
    "bold_diff_bc": Variant({**_DIFF, "model.streams": _BC}, "body, context", "5.9", _ers(0.1995)),
    "bold_diff_bf": Variant({**_DIFF, "model.streams": "body,face"}, "body, face", "5.9", _ers(0.2014)),
    "bold_diff_bcf": Variant({**_DIFF, "model.streams": _BCF}, "body, context, face", "5.9", _ers(0.1943)),
    "bold_diff_bcf_emb": Variant(
        {**_DIFF, "model.streams": _BCF, "model.embedding": True},
        "with the embedding loss; no number printed",
    ),
    "bold_stgcn_uniform": Variant(
        {**_STGCN, "model.partition": "uniform"}, "ST-GCN, one subset", "5.10", _ers(0.1871)
    ),
    "bold_stgcn_distance": Variant(
        {**_STGCN, "model.partition": "distance"}, "ST-GCN, subsets by distance", "5.10", _ers(0.1967)
    ),
    "bold_stgcn_spatial": Variant(_STGCN, "ST-GCN, spatial subsets", "5.10", _ers(0.1998)),
    "bold_lma_raw_conv1d": Variant(_CONV1D, "Laban features of frames, Conv1D", "5.11", _ers(0.1774)),
    "bold_lma_raw_lstm": Variant(_LSTM, "Laban features of frames, bidirectional LSTM", "5.11", _ers(0.1749)),
    "bold_lma_stats_conv1d": Variant(
        {**_CONV1D, "model.laban": "descriptor"}, "Laban descriptor of the clip, Conv1D", "5.11", _ers(0.1729)
    ),
}


def bodies() -> ConfigDict:
    """A tracked person in a clip: TSN of ResNet-18 streams at 224 px, SGD, batches of 16, 25 epochs."""
    config = ConfigDict()
    config.name = ""
    config.family = "bodies"
    config.preparation = "bold"  # module of data_prep; named when there is no data
    config.data_dir = "data/bold"
    base.fold_options(config)
    config.fold_by = "clip"
    config.image_size = 224
    config.batch_size = 16
    config.eval_batch_size = 16
    config.num_epochs = 25
    config.num_steps = 0  # length of the run in steps; 0: num_epochs
    config.seed = 0
    config.precision = "auto"  # bfloat16 compute on GPU and TPU, float32 on CPU
    config.monitor = "ers"  # validation metric that makes a checkpoint the best
    config.monitor_direction = "larger"  # larger, smaller: which is better

    # Files of `python -m emojax.pretrained import`, or work directories whose backbone is taken.
    config.init_from = ConfigDict()
    config.init_from.body = ""  # ImageNet in the thesis
    config.init_from.context = ""  # Places365
    config.init_from.face = ""  # a run of configs/affectnet_pretraining.py

    config.model = _model()
    config.optimizer = base.optimizer_options(("body", "context", "face", "trunk", "heads"))
    config.optimizer.weight_decay = 1e-5
    config.optimizer.schedule = "plateau"
    config.early_stopping = base.early_stopping_options()
    config.run = base.run_options()
    return config


def _model() -> ConfigDict:
    model = ConfigDict()
    model.net = "tsn"  # tsn, stgcn, laban_conv1d, laban_lstm
    model.modality = "rgb"  # of a TSN: rgb, diff
    model.streams = "body"  # of body, context, face
    model.backbone = "resnet18"
    model.segments = 3  # K in training
    model.eval_segments = 25  # K in evaluation
    model.consensus = "average"  # average, linear, attention
    model.embedding = False  # project onto the labels' word vectors
    model.word_vectors = ""  # GloVe text file, e.g. glove.6B.300d.txt; empty: built-in 50-d GloVe
    model.frames = 297  # length to which sequences are padded: the longest clip
    model.partition = "spatial"  # uniform, distance, spatial, spatial_true
    model.normalisation = "symmetric"  # symmetric, per_subset, column: spec 10, G6b
    model.units = "units10"  # units10, units9: spec 10, G6
    model.edge_importance = True
    model.dropout = 0.5  # of ST-GCN
    model.random_move = True  # turn, scale and shift skeletons in training
    model.propagation = "dense"  # dense, jraph: equal but for rounding
    model.laban = "frames"  # frames, descriptor: what the networks on Laban features read
    model.filters = (256, 512, 1024)
    model.widths = (1024, 512, 256)
    model.lstm_hidden = 1024
    model.lstm_layers = 2
    return model


def demo_bodies(config: ConfigDict) -> None:
    """Makes a config of `bodies()` small: tiny networks, synthetic clips of up to 64 frames, pictures of 64 px."""
    config.update_from_flattened_dict(
        {
            "data_dir": "data/synthetic_bold",
            "image_size": 64,
            "eval_batch_size": 32,
            "num_epochs": 20,
            "model.backbone": "resnet_tiny",
            "model.eval_segments": 5 if config.model.consensus != "linear" else config.model.segments,
            "model.frames": _DEMO_FRAMES,
            "model.filters": (32, 64, 64),
            "model.widths": (64, 32),
            "model.lstm_hidden": 48,
            "model.lstm_layers": 1,
            "model.dropout": 0.1,
            "optimizer.name": "adam",
            "optimizer.learning_rate": 0.003,
            "optimizer.weight_decay": 0.0,
            "optimizer.schedule": "cosine",
            "run.checkpoint_every_steps": 200,
        }
    )


def get_config(variant: str = "bold_rgb_b") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(bodies(), VARIANTS, variant, demo_size=demo_bodies)
