"""Bodies in videos on BoLD: thesis 000, chapter 5; context_emotion spec sections 2.5-2.7, 5, 7 and 9.3-9.6.

The ensembles of these systems stand in `configs/bold_ensembles.py`.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "bold"
DATASET = "BoLD"

_BC, _BF, _BCF = "body,context", "body,face", "body,context,face"
_BCFSA = f"{_BCF},scenes,attributes"
_EMB = {"model.embedding": True}
_EMB_PBN = {**_EMB, "model.partial_bn": True}
_BEST = {"model.streams": _BCFSA, **_EMB_PBN}
_FLOW, _DIFF = {"model.modality": "flow"}, {"model.modality": "diff"}
_STGCN = {"model.net": "stgcn", "optimizer.learning_rate": 5e-3}
_CONV1D, _LSTM = {**_STGCN, "model.net": "laban_conv1d"}, {**_STGCN, "model.net": "laban_lstm"}
_DEMO_FRAMES = 64


def scores(ers: float, mr2: float, map_: float, mra: float) -> dict[str, float]:
    """What the thesis prints: emotion recognition score and its parts, BoLD validation; mAP here in percent."""
    return {"ers": ers, "mr2": mr2, "map": round(100 * map_, 2), "mra": mra}


def _rgb(streams: str, note: str, table: str, published: dict, **change) -> Variant:
    return Variant({"model.streams": streams, **change}, note, table, published)


def _flow(streams: str, note: str, table: str, published: dict, **change) -> Variant:
    return Variant({**_FLOW, "model.streams": streams, **change}, note, table, published)


def _best(segments: int, table: str, published: dict, consensus: str = "average", **reprinted) -> Variant:
    """The best RGB system with K segments in both phases."""
    change = {"model.segments": segments, "model.eval_segments": segments, "model.consensus": consensus}
    note = f"best RGB system, {segments} segments in both phases, consensus {consensus}"
    return Variant({**_BEST, **change}, note, table, published, **reprinted)


RGB = {
    "bold_rgb_b": _rgb("body", "TSN on RGB: body", "5.3", scores(0.1983, 0.0300, 0.1419, 0.5910)),
    "bold_rgb_bc": _rgb(
        _BC, "TSN on RGB: body, masked context", "5.3", scores(0.2053, 0.0362, 0.1468, 0.6021)
    ),
    "bold_rgb_bcf": _rgb(
        _BCF, "TSN on RGB: body, context, face", "5.3", scores(0.2222, 0.0531, 0.1615, 0.6213)
    ),
    "bold_rgb_bcfs": _rgb(
        f"{_BCF},scenes", "with scene scores", "5.3", scores(0.2347, 0.0597, 0.1736, 0.6428)
    ),
    "bold_rgb_bcfa": _rgb(
        f"{_BCF},attributes", "with attribute scores", "5.3", scores(0.2388, 0.0685, 0.1763, 0.6417)
    ),
    "bold_rgb_bcfsa": _rgb(_BCFSA, "with both", "5.3", scores(0.2404, 0.0710, 0.1762, 0.6435)),
    "bold_rgb_bcfsa_emb": _rgb(
        _BCFSA, "with the embedding loss", "5.3", scores(0.2416, 0.0713, 0.1779, 0.6457), **_EMB
    ),
    "bold_rgb_bcfsa_emb_pbn": _rgb(
        _BCFSA,
        "and Partial BN: the best RGB system",
        "5.3",
        scores(0.2579, 0.0969, 0.1839, 0.6537),
        **_EMB_PBN,
    ),
    "bold_rgb_best_k1": _best(1, "5.4", scores(0.2159, 0.0387, 0.1634, 0.6229)),
    "bold_rgb_best_k3": _best(3, "5.4", scores(0.2481, 0.0808, 0.1811, 0.6498)),
    "bold_rgb_best_k5": _best(5, "5.4", scores(0.2509, 0.0834, 0.1834, 0.6533)),
    "bold_rgb_best_k7": _best(7, "5.4, 5.5", scores(0.2530, 0.0878, 0.1836, 0.6527)),
    "bold_rgb_best_k9": _best(9, "5.4", scores(0.2551, 0.0892, 0.1851, 0.6569)),
    "bold_rgb_best_k11": _best(11, "5.4", scores(0.2539, 0.0877, 0.1834, 0.6571)),
    "bold_rgb_best_k7_linear": _best(7, "5.5", scores(0.2418, 0.0809, 0.1723, 0.6341), "linear"),
    "bold_rgb_best_k7_attn": _best(7, "5.5", scores(0.2396, 0.0604, 0.1849, 0.6529), "attention"),
}

FLOW = {
    "bold_flow_b": _flow("body", "TSN on optical flow: body", "5.8", scores(0.2082, 0.0560, 0.1431, 0.5778)),
    "bold_flow_bc": _flow(
        _BC, "body and context from ImageNet", "5.6, 5.8", scores(0.2155, 0.0661, 0.1415, 0.5882)
    ),
    "bold_flow_bc_places": _flow(
        _BC,
        "context from Places365 (init_from.context)",
        "5.6",
        scores(0.2161, 0.0657, 0.1472, 0.5857),
        pretraining="places365",
    ),
    "bold_flow_bf": Variant(
        {**_FLOW, "model.streams": _BF},
        "body and face from ImageNet",
        "5.7, 5.8",
        scores(0.2190, 0.0649, 0.1497, 0.5971),
        {"5.7": scores(0.2190, 0.0650, 0.1491, 0.5971)},
    ),
    "bold_flow_bf_affect": _flow(
        _BF,
        "face from AffectNet (init_from.face)",
        "5.7",
        scores(0.2176, 0.0661, 0.1449, 0.5933),
        pretraining="affectnet",
    ),
    "bold_flow_bcf": _flow(_BCF, "body, context, face", "5.8", scores(0.2292, 0.0795, 0.1524, 0.6054)),
    "bold_flow_bcf_emb": _flow(
        _BCF, "with the embedding loss", "5.8", scores(0.2369, 0.0888, 0.1563, 0.6135), **_EMB
    ),
    "bold_flow_bcf_emb_pbn": _flow(
        _BCF,
        "and Partial BN: the best flow system",
        "5.8",
        scores(0.2398, 0.0947, 0.1554, 0.6149),
        **_EMB_PBN,
    ),
}

DIFFERENCES = {
    "bold_diff_b": Variant(
        {**_DIFF, "model.streams": "body"},
        "TSN on RGB differences: body",
        "5.9",
        scores(0.1912, 0.0347, 0.1274, 0.5682),
    ),
    "bold_diff_bc": Variant(
        {**_DIFF, "model.streams": _BC}, "body, context", "5.9", scores(0.1995, 0.0401, 0.1357, 0.5823)
    ),
    "bold_diff_bf": Variant(
        {**_DIFF, "model.streams": _BF}, "body, face", "5.9", scores(0.2014, 0.0450, 0.1358, 0.5799)
    ),
    "bold_diff_bcf": Variant(
        {**_DIFF, "model.streams": _BCF},
        "body, context, face",
        "5.9",
        scores(0.1943, 0.0249, 0.1398, 0.5874),
    ),
    "bold_diff_bcf_emb": Variant(
        {**_DIFF, "model.streams": _BCF, **_EMB}, "with the embedding loss; no number printed"
    ),
    "bold_diff_bcf_emb_pbn": Variant(
        {**_DIFF, "model.streams": _BCF, **_EMB_PBN}, "and Partial BN; no number printed"
    ),
}

SKELETONS = {
    "bold_stgcn_uniform": Variant(
        {**_STGCN, "model.partition": "uniform"},
        "ST-GCN, one subset",
        "5.10",
        scores(0.1871, 0.0245, 0.1295, 0.5701),
    ),
    "bold_stgcn_distance": Variant(
        {**_STGCN, "model.partition": "distance"},
        "ST-GCN, subsets by distance",
        "5.10",
        scores(0.1967, 0.0323, 0.1383, 0.5841),
    ),
    "bold_stgcn_spatial": Variant(
        _STGCN, "ST-GCN, spatial subsets", "5.10", scores(0.1998, 0.0383, 0.1387, 0.5838)
    ),
    "bold_stgcn_spatial_kinetics": Variant(
        {**_STGCN, "pretraining": "kinetics"},
        "from Kinetics (init_from.trunk): the best skeleton system",
        "5.10",
        scores(0.2237, 0.0652, 0.1542, 0.6103),
    ),
    "bold_lma_raw_conv1d": Variant(
        _CONV1D, "Laban features of frames, Conv1D", "5.11", scores(0.1774, 0.0183, 0.1263, 0.5467)
    ),
    "bold_lma_raw_lstm": Variant(
        _LSTM, "Laban features of frames, bidirectional LSTM", "5.11", scores(0.1749, 0.0192, 0.1187, 0.5428)
    ),
    "bold_lma_stats_conv1d": Variant(
        {**_CONV1D, "model.laban": "descriptor"},
        "Laban descriptor of the clip, Conv1D",
        "5.11",
        scores(0.1729, 0.0098, 0.1204, 0.5517),
    ),
    "bold_lma_stats_rf": Variant(
        {"model.net": "laban_forest", "model.laban": "descriptor"},
        "Laban descriptor of the clip, random forests",
        "5.11",
        scores(0.1655, 0.0285, 0.1043, 0.5009),
    ),
}

VARIANTS = {**RGB, **FLOW, **DIFFERENCES, **SKELETONS}


def bodies() -> ConfigDict:
    """A tracked person in a clip: TSN of ResNet-18 streams at 224 px, SGD, batches of 16, 25 epochs."""
    config = base.common("bodies", "bold", "ers", image_size=224, batch_size=16, num_epochs=25)
    config.fold_by = "clip"

    # Files of `python -m emojax.pretrained import`, or work directories whose backbone is taken.
    config.init_from = ConfigDict()
    config.init_from.body = ""  # ImageNet in the thesis
    config.init_from.context = ""  # Places365
    config.init_from.face = ""  # a run of configs/affectnet_pretraining.py
    config.init_from.scene_network = ""  # Wide ResNet-18 of Places365, with the attributes of SUN
    config.init_from.trunk = ""  # of ST-GCN: --arch st_gcn_kinetics
    config.pretraining = (
        ""  # where the published number starts from, beside ImageNet; `init_from` names the files
    )

    config.model = _model()
    config.optimizer = base.optimizer_options(("body", "context", "face", "trunk", "heads"))
    config.optimizer.weight_decay = 1e-5
    config.optimizer.schedule = "plateau"
    return config


def _model() -> ConfigDict:
    model = ConfigDict()
    model.net = "tsn"  # tsn, stgcn, laban_conv1d, laban_lstm
    model.modality = "rgb"  # of a TSN: rgb, flow, diff
    model.streams = "body"  # of body, context, face, scenes, attributes
    model.backbone = "resnet18"
    model.segments = 3  # K in training
    model.eval_segments = 25  # K in evaluation
    model.validation_fallback = (
        False  # of clips of up to K + 4 frames take the first snippet K times (spec 1.5)
    )
    model.consensus = "average"  # average, linear, attention
    model.partial_bn = False  # the backbones' batch norms but the first keep statistics, scale and bias
    model.embedding = False  # project onto the labels' word vectors
    model.word_vectors = ""  # GloVe text file, e.g. glove.6B.300d.txt; empty: built-in 50-d GloVe
    model.frames = 297  # length to which sequences are padded: the longest clip
    model.partition = "spatial"  # uniform, distance, spatial, spatial_true
    model.normalisation = "symmetric"  # symmetric, per_subset, column: spec 10, G6b
    model.units = "units10"  # units10, units9, units_tiny: spec 10, G6
    model.edge_importance = True
    model.dropout = 0.5  # of ST-GCN
    model.random_move = True  # turn, scale and shift skeletons in training
    model.move_about_centre = False  # turn about the middle, missing joints stay; else about the top left
    model.centre = False  # coordinates from -0.5 to 0.5, not from 0 to 1
    model.propagation = "dense"  # dense, jraph: equal but for rounding
    model.laban = "frames"  # frames, descriptor: what the networks on Laban features read
    model.filters = (256, 512, 1024)
    model.widths = (1024, 512, 256)
    model.lstm_hidden = 1024
    model.lstm_layers = 2
    model.lstm_both_ends = (
        False  # last state forwards and first backwards; else both at the last frame (spec 10, G22)
    )
    model.trees = 500  # of each random forest
    model.tree_depths = (
        4,
        8,
        16,
        0,
    )  # the best on the validation split is taken; 0: until the leaves are pure
    return model


def demo_bodies(config: ConfigDict) -> None:
    """Makes a config of `bodies()` small: tiny networks, synthetic clips of up to 64 frames, pictures of 64 px."""
    three_and_more = config.model.segments != config.model.eval_segments
    config.update_from_flattened_dict(
        {
            "data_dir": "data/synthetic_bold",
            "image_size": 64,
            "eval_batch_size": 32,
            "num_epochs": 20,
            "model.backbone": "resnet_tiny",
            "model.eval_segments": min(
                config.model.eval_segments, 5 if three_and_more else config.model.segments
            ),
            "model.frames": _DEMO_FRAMES,
            "model.units": "units_tiny",
            "model.filters": (32, 64, 64),
            "model.widths": (64, 32),
            "model.lstm_hidden": 48,
            "model.lstm_layers": 1,
            "model.trees": 40,
            "model.tree_depths": (4, 8),
            "model.dropout": 0.1,
            "optimizer.name": "adam",
            "optimizer.learning_rate": 0.003,
            "optimizer.weight_decay": 0.0,
            "optimizer.schedule": "cosine",
            "run.checkpoint_every_steps": 200,
        }
    )
    if (
        config.model.net == "stgcn"
    ):  # skeletons that are turned and shifted would take several times the epochs
        config.update_from_flattened_dict({"num_epochs": 60, "model.random_move": False})


def get_config(variant: str = "bold_rgb_b") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(bodies(), VARIANTS, variant, demo_size=demo_bodies)
