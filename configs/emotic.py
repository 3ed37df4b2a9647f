"""People in context on EMOTIC: thesis 000, chapter 4; context_emotion spec sections 2-5, 7 and 9.2."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant

FAMILY = "emotic"
DATASET = "EMOTIC"

_BC, _BCF = "body,context", "body,context,face"
_BCFP = f"{_BCF},pose"
_BCFPS = f"{_BCFP},scenes"
_BCFPSA = f"{_BCFPS},attributes"
_DEPTH = f"{_BCFPSA},depth"
_WIDE = {"model.dimension_hidden": (1024, 512, 256)}  # from BCF on
_FULL = {"model.streams": _BCFPSA, **_WIDE}
# Spec 5: times 0.2 once after five epochs.
_RESNET50 = {"model.backbone": "resnet50", "optimizer.schedule": "milestone"}
_FULL_50 = {**_RESNET50, "model.streams": _BCFPSA, "model.dimension_hidden": (4096, 2048, 1024, 512, 256)}
_GCN = {"model.labels": "gcn", "optimizer.learning_rate": 5e-3}
_BODY_GCN = {**_RESNET50, **_GCN, "model.streams": "body", "model.gcn.hidden": (1024,)}
_EMBEDDED = {**_FULL_50, **_GCN, "model.embedding": True}
# Quoted from other papers (spec 2.10); the EMOTIC baseline was trained on values in 1..10.
_KOSTI = {
    "num_epochs": 21,
    "model.mask_context": False,
    "model.fusion_width": 256,
    "model.dimension_hidden": (),
    "objective.categories": "weighted_l2",
    "objective.category_weight": 0.5,
    "objective.dimension_weight": 0.5,
    "objective.dimension_scale": 10.0,
    "objective.dimensions": "smooth_l1_sum",
    "objective.margin": 1.0,
}
# Its losses are sums over the batch: under Adam that is their mean with 1 / batch of the weight decay.
_PUBLIC = {
    "num_epochs": 15,
    "batch_size": 52,
    "augment": "code",
    "model.body_size": 128,
    "objective.dimension_outputs": "unit",
    "optimizer.name": "adam",
    "optimizer.weight_decay": 5e-4 / 52,
    "optimizer.schedule": "step",
    "optimizer.decay_epochs": 7,
    "optimizer.decay_factor": 0.1,
}
_EMOTICON = {
    "num_epochs": 75,
    "model.net": "emoticon",
    "model.pose": "gcn",
    "model.attention": "context",
    "optimizer.name": "adam",
    "optimizer.learning_rate": 1e-4,
    "optimizer.weight_decay": 0.0,
}


def _map(value: float, aae: float | None = None) -> dict[str, float]:
    """Published mAP in percent and mean AAE with VAD in [0, 1], EMOTIC test."""
    return {"map": value} if aae is None else {"map": value, "aae": aae}


# Default grids of spec 5; the thesis draws the curves without printing the values.
ATTENTION_WEIGHTS = (0.1, 0.25, 0.5, 0.75, 1.0)
TAUS = tuple(i / 10 for i in range(10))
SHARES = (0.0, 0.1, 0.2, 0.25, *(i / 10 for i in range(3, 10)))
EMBEDDING_WEIGHTS = tuple(i / 10 for i in range(1, 11))


def _sweep(name: str, change: dict, field: str, values, note: str, centre: float) -> dict[str, Variant]:
    """One variant a value, and the sweep itself, which is its central cell."""
    cells = {f"{name}_{value:g}": Variant({**change, field: value}, f"{note} {value:g}") for value in values}
    return {
        **cells,
        name: Variant({**change, field: centre}, f"sweep: {note} {centre:g}", cells=tuple(cells)),
    }


_C_ABN = {**_FULL, "model.attention": "context"}

VARIANTS = {
    "emotic_b_r18": Variant({"model.streams": "body"}, "body alone", "4.4, 4.5", _map(26.05, 0.0943)),
    "emotic_bc_r18_nomask": Variant(
        {"model.streams": _BC, "model.mask_context": False},
        "body and context, the agent not masked",
        "4.4, 4.5, 4.6, 4.7",
        _map(27.39, 0.0923),
    ),
    "emotic_bc_r18": Variant(
        {"model.streams": _BC},
        "body and context, the agent masked; the thesis gives +0.2 points in its text",
        "",
        _map(27.6, 0.0923),
    ),
    "emotic_bcf_r18": Variant(
        {"model.streams": _BCF, **_WIDE}, "with face", "4.6, 4.7, 4.8, 4.9", _map(29.39, 0.0910)
    ),
    "emotic_bcfp_gcn_r18": Variant(
        {"model.streams": _BCFP, "model.pose": "gcn", **_WIDE},
        "with pose by a graph network",
        "4.8, 4.9",
        _map(29.45, 0.0894),
    ),
    "emotic_bcfp_r18": Variant(
        {"model.streams": _BCFP, **_WIDE},
        "with pose by 1-D convolutions",
        "4.8, 4.9, 4.10, 4.11",
        _map(29.81, 0.0885),
    ),
    "emotic_bcfps_r18": Variant(
        {"model.streams": _BCFPS, **_WIDE}, "with scene scores", "4.10, 4.11", _map(29.86, 0.0876)
    ),
    "emotic_bcfpsa_r18": Variant(
        _FULL,
        "with scene attributes: the previous best",
        "4.10, 4.11, 4.12, 4.13, 4.14, 4.15, 4.16",
        _map(30.19, 0.0874),
    ),
    "emotic_bcfpsa_depthcnn_r18": Variant(
        {"model.streams": _DEPTH, **_WIDE}, "with depth by five layers", "4.12, 4.13", _map(29.49, 0.0884)
    ),
    "emotic_bcfpsa_depthr18_r18": Variant(
        {"model.streams": _DEPTH, "model.depth": "resnet18", **_WIDE},
        "with depth by a ResNet-18",
        "4.12, 4.13",
        _map(29.81, 0.0876),
    ),
    "emotic_bcfpsa_cabn_r18": Variant(
        _C_ABN, "attention branch on the context", "4.14, 4.15", _map(30.35, 0.0901)
    ),
    "emotic_bcfpsa_bcabn_r18": Variant(
        {**_FULL, "model.attention": "body,context"},
        "attention branches on body and context",
        "4.14, 4.15",
        _map(30.20, 0.0888),
    ),
    "emotic_bcfpsa_r50": Variant(
        _FULL_50, "ResNet-50 streams", "4.16, 4.17, 4.18, 4.22", _map(30.74, 0.0873)
    ),
    "emotic_b_r50": Variant(
        {**_RESNET50, "model.streams": "body", "optimizer.learning_rate": 5e-3},
        "body ResNet-50, linear head: reference of the GCN search",
        "",
        _map(27.4),
    ),
    "emotic_b_mlgcn_r50": Variant(
        _BODY_GCN, "body ResNet-50 with ML-GCN: search model", "", _map(28.3)
    ),
    "emotic_bcfpsa_mlgcn_r50": Variant(
        {**_FULL_50, **_GCN}, "ML-GCN on all streams", "4.17, 4.18, 4.19, 4.20", _map(31.09, 0.0885)
    ),
    "emotic_bcfpsa_mlgcn_emb_r50": Variant(
        _EMBEDDED, "with the embedding loss: the best labels", "4.19, 4.20, 4.21", _map(31.29, 0.0889)
    ),
    **_sweep(
        "emotic_attention_sweep", _C_ABN, "objective.attention_weight", ATTENTION_WEIGHTS,
        "attention branch on the context, lambda_att", 0.5,
    ),
    **_sweep("emotic_tau_sweep", _BODY_GCN, "model.gcn.tau", TAUS, "ML-GCN on body, p 0.25, tau", 0.4),
    **_sweep("emotic_p_sweep", _BODY_GCN, "model.gcn.p", SHARES, "ML-GCN on body, tau 0.4, p", 0.25),
    **_sweep(
        "emotic_embedding_sweep", _EMBEDDED, "objective.embedding_weight", EMBEDDING_WEIGHTS,
        "embedding loss, lambda_emb", 0.4,
    ),
    "emotic_kosti_b_l2": Variant(
        {**_KOSTI, "model.streams": "body", "objective.dimensions": "margin_l2"},
        "EMOTIC baseline, body, margin L2 (quoted)",
        "4.1, 4.2",
        _map(23.86, 0.0569),
    ),
    "emotic_kosti_b_sl1": Variant(
        {**_KOSTI, "model.streams": "body"},
        "EMOTIC baseline, body, smooth L1 (quoted)",
        "4.1, 4.2",
        _map(22.36, 0.0581),
    ),
    "emotic_kosti_bc_l2": Variant(
        {**_KOSTI, "model.streams": _BC, "objective.dimensions": "margin_l2"},
        "EMOTIC baseline, body and context, margin L2 (quoted)",
        "4.1, 4.2",
        _map(24.88, 0.0589),
    ),
    "emotic_kosti_bc_sl1": Variant(
        {**_KOSTI, "model.streams": _BC},
        "EMOTIC baseline, body and context, smooth L1 (quoted)",
        "4.1, 4.2, 4.3",
        _map(27.38, 0.0573),
    ),
    "emotic_kosti_bc_public": Variant(
        {**_KOSTI, **_PUBLIC, "model.streams": _BC},
        "EMOTIC baseline, body and context, smooth L1, by the recipe of public code",
    ),
    "emotic_emoticon_depth": Variant(
        {**_EMOTICON, "model.streams": "context,face,pose,depth"},
        "EmotiCon with depth (quoted)",
        "4.3",
        _map(35.48),
    ),
    "emotic_emoticon_gcn": Variant(
        {**_EMOTICON, "model.streams": "context,face,pose,people"},
        "EmotiCon with the graph of people (quoted)",
        "4.3",
        _map(32.03),
    ),
    "demo": Variant(
        {"model.streams": _BCFPSA},
        "tiny streams on synthetic people of 64 px: minutes on a CPU",
    ),
}  # fmt: skip


def get_config(variant: str = "emotic_bcfpsa_r18") -> ConfigDict:
    """Config of one of `VARIANTS`; ``NAME@demo`` is the same system at a size for a CPU."""
    name = "demo@demo" if variant == "demo" else variant
    config = base.apply(people(), VARIANTS, name, demo_size=demo_people)
    config.name = variant
    return config


def people() -> ConfigDict:
    """ResNet-18 streams at 224 px, SGD 0.01 for 20 epochs of batches of 32 (spec 2.3, 5)."""
    # Monitor auto: map_over_aae where there are dimensions (spec 5), else map.
    config = base.common("people", "emotic", "auto", image_size=224, batch_size=32, num_epochs=20)
    config.fold_by = "image_id"
    config.augment = "none"  # none, code: flip and colour jitter of 0.4, of a public recipe

    # Files of `python -m emojax.pretrained import`, or work directories whose backbone is taken.
    config.init_from = ConfigDict()
    config.init_from.body = ""  # ImageNet in the thesis
    config.init_from.context = ""  # Places365
    config.init_from.face = ""  # a run of configs/affectnet_pretraining.py
    config.init_from.depth = ""  # ImageNet, for model.depth = "resnet18"
    config.init_from.scene_network = ""  # Places365 Wide-ResNet-18, for model.scene_source = "network"

    config.model = _model()
    config.objective = _objective()

    parts = ("body", "context", "face", "pose", "depth", "people", "heads")
    config.optimizer = base.optimizer_options(parts)
    config.optimizer.learning_rate = 1e-2
    config.optimizer.weight_decay = 1e-5
    config.optimizer.decay_epochs = 5
    config.optimizer.decay_factor = 0.2
    return config


def _model() -> ConfigDict:
    model = ConfigDict()
    model.net = "concat"  # concat, emoticon: spec 2.10
    model.streams = _BC  # of body, context, face, pose, scenes, attributes, depth
    model.backbone = "resnet18"  # of body, context and face
    model.body_size = 0  # side of the body crop, px; 0: image_size
    model.partial_bn = False  # the image streams' batch norms but the first of each stay as they are
    model.mask_context = True  # hide the agent in the context image
    model.attention = ""  # image streams with an attention branch, e.g. "context": spec 2.4
    model.pose = "conv1d"  # conv1d, gcn
    model.pose_pool = "avg"  # avg, flatten: spec 10, G4
    model.pose_filters = (256, 512, 1024)
    model.pose_hidden = (1024, 512, 256)
    model.depth = "cnn"  # cnn, or a backbone
    model.depth_filters = (32, 64, 128, 256, 512)
    model.depth_features = 512
    model.scene_source = "record"  # record: scores cached in the data; network: run it frozen
    model.fusion_width = 0  # dense layer after the concatenation; 0: none, as in the thesis
    model.fusion_dropout = 0.5
    model.labels = "linear"  # linear, gcn
    model.gcn = ConfigDict()
    model.gcn.tau = 0.4
    model.gcn.p = 0.25
    model.gcn.hidden = (2048,)
    model.gcn.diagonal = "complement"  # complement (1 - p), identity: spec 10, G25
    model.propagation = "dense"  # of all graph convolutions: dense, jraph; equal to 1e-6
    model.word_vectors = ""  # GloVe text file, e.g. glove.6B.300d.txt; empty: built-in 50-d GloVe
    model.dimension_hidden = (512, 256)
    model.dimension_activation = "linear"  # linear, sigmoid: spec 10, G2b
    model.embedding = False  # project body and context onto the labels' word vectors
    return model


def _objective() -> ConfigDict:
    objective = ConfigDict()
    objective.categories = "bce"  # bce, weighted_l2
    # of weighted_l2, 1 / ln(1.2 + f): f counts or shares of the batch, training counts (static); mean: all 1 / C
    objective.label_weights = "counts"
    objective.category_weight = 1.0
    objective.dimensions = "smooth_l1"  # smooth_l1, smooth_l1_sum (of the dimensions), mse, margin_l2
    objective.dimension_weight = 1.0
    objective.dimension_scale = 1.0  # 10: train on valence, arousal and dominance in 1..10
    objective.dimension_outputs = (
        "scaled"  # what the network says: dimension_scale times [0, 1]; unit: [0, 1]
    )
    objective.margin = 0.1  # of margin_l2, in units of the scaled values
    objective.attention_weight = 0.5  # lambda_att
    objective.embedding_weight = 0.4  # lambda_emb
    objective.multiplicative_weight = 1.0  # EmotiCon; neither lambda nor beta was published
    objective.multiplicative_beta = 1.0
    return objective


def demo_people(config: ConfigDict) -> None:
    """Makes a config of `people()` small: same streams and heads, tiny networks, drawn people of 64 px."""
    config.update_from_flattened_dict(
        {
            "data_dir": "data/synthetic_emotic",
            "image_size": 64,
            "eval_batch_size": 100,
            "num_epochs": 12,
            "model.backbone": "resnet_tiny",
            "model.body_size": 32 if config.model.body_size else 0,
            "model.pose_filters": (16, 32),
            "model.pose_hidden": (64, 32),
            "model.depth_filters": (8, 16, 16, 32, 32),
            "model.depth_features": 32,
            "model.gcn.hidden": (64,),
            "model.dimension_hidden": (64,),
            # Scene scores are small beside pooled features: with SGD their weights would hardly move.
            "optimizer.name": "adam",
            "optimizer.learning_rate": 0.003,
            "optimizer.weight_decay": 0.0,
            "optimizer.schedule": "cosine",
            "optimizer.warmup_epochs": 0.5,
            "run.checkpoint_every_steps": 200,
        }
    )
    if config.model.depth != "cnn":
        config.model.depth = "resnet_tiny"
