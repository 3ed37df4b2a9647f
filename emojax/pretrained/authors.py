"""The networks of Emotion-GCN's authors as wholes: a backbone and its heads (emotion_gcn spec 2.5, 4)."""

from __future__ import annotations

import flax.linen as nn
import numpy as np

from emojax.models.backbones import create_backbone
from emojax.models.face_net import FaceNet
from emojax.models.gcn import graph_constants
from emojax.models.heads import GCNHead, MultiTaskHead
from emojax.pretrained import torch_names
from emojax.pretrained.architecture import IMAGENET, Architecture, Network, Published

_NODES, _WORD_SIZE = 9, 300


def authors_networks() -> tuple[Architecture, ...]:
    """What the public training script of Emotion-GCN saves (its single-task networks are backbones)."""
    published = Published(
        "the authors' training script (AffectNet, Aff-Wild2)",
        "https://github.com/PanosAntoniadis/emotion-gcn",
        "GPL-3.0 (the authors' code); AffectNet images: research only",
        61.5,
    )

    def whole(name: str, backbone: str, **fields) -> Architecture:
        image_size = 227 if backbone == "densenet121" else 112
        return Architecture(
            name,
            torch_names.AUTHORS[name],
            {"torch": IMAGENET},
            (published,),
            image_size=image_size,
            first_conv="backbone/conv0",
            first_norm="backbone/norm0" if backbone == "densenet121" else "",
            backbone=backbone,
            **fields,
        )

    graph = {"constants": ("A",), "num_classes": 0}
    tasks = {"heads": ("head/expression",), "num_classes": 7}
    return (
        whole(
            "emotion_gcn",
            "densenet121",
            network=_with_label_graph("densenet121", 1024, "max"),
            known_by=("gc1.weight", "features.conv0.weight"),
            config="configs/affectnet_gcn.py:code_parity",
            settings={"backbone": "densenet121", "head": "gcn", "pool": "max", "final_relu": False},
            image_sizes=(227, 224, 112),
            torch_code="models.Emotion_GCN(adj_file, in_channel={words}, input_size={size})",
            **graph,
        ),
        whole(
            "multi_densenet",
            "densenet121",
            network=_with_two_heads("densenet121", True),
            known_by=("lin_cat.weight", "lin_cont.weight"),
            config="configs/affectnet_multitask.py:mtl_ccc_classic",
            settings={"backbone": "densenet121", "head": "classic", "pool": "avg", "final_relu": True},
            torch_code="models.multi_densenet(pretrained=False, num_categorical={classes})",
            **tasks,
        ),
        whole(
            "breg_next_gcn",
            "breg_next50",
            network=_with_label_graph("breg_next50", 128, "avg"),
            unused=("model._fc0.*",),
            known_by=("gc1.weight", "model._conv0.weight"),
            config="configs/affectnet_breg.py:breg_emotion_gcn",
            settings={"backbone": "breg_next50", "head": "gcn", "pool": "avg", "final_relu": False},
            torch_code="models.BReGNeXt_GCN(adj_file, in_channel={words})",
            **graph,
        ),
        whole(
            "multi_breg_next",
            "breg_next50",
            network=_with_two_heads("breg_next50", False),
            known_by=("fc_cat.weight", "fc_cont.weight"),
            config="configs/affectnet_breg.py:breg_mtl_ccc",
            settings={"backbone": "breg_next50", "head": "classic", "pool": "avg", "final_relu": False},
            torch_code="breg_next.multi_BReGNeXt()",
            **tasks,
        ),
    )


def _with_label_graph(backbone: str, features: int, pool: str) -> Network:
    """Emotion-GCN: 9 nodes, 300-d word vectors, graph convolutions to 512 and to the backbone's width."""

    def build(num_classes: int) -> tuple[nn.Module, dict]:
        constants = {"head": {"gcn": graph_constants(np.eye(_NODES), np.zeros((_NODES, _WORD_SIZE)))}}
        return FaceNet(create_backbone(backbone), GCNHead((512, features)), pool, False), constants

    return build


def _with_two_heads(backbone: str, final_relu: bool) -> Network:
    """A dense layer for the expressions, another for valence and arousal."""

    def build(num_classes: int) -> tuple[nn.Module, dict]:
        return FaceNet(create_backbone(backbone), MultiTaskHead(num_classes), "avg", final_relu), {}

    return build
