"""The public ST-GCN trained on the skeletons of Kinetics (Yan et al., AAAI 2018; context_emotion spec 2.6)."""

from __future__ import annotations

import re

import flax.linen as nn

from emojax.graphs.partitions import partition_matrices
from emojax.graphs.skeletons import BODY_18
from emojax.models.st_gcn import STGCN
from emojax.pretrained.architecture import IMAGENET, Architecture, Published
from emojax.pretrained.torch_names import Modules

_FRAMES = 8  # any number will do for the shapes
_LAYERS = {
    "graph_conv": "gcn.conv",
    "graph_norm": "tcn.0",
    "temporal_conv": "tcn.2",
    "temporal_norm": "tcn.3",
    "residual_conv": "residual.0",
    "residual_norm": "residual.1",
}


def skeleton_networks() -> tuple[Architecture, ...]:
    """ST-GCN without its classifier of 400 actions."""
    published = Published(
        "mmskeleton, Kinetics skeletons",
        "https://github.com/open-mmlab/mmskeleton (st_gcn.kinetics.pth)",
        "Apache-2.0 (mmskeleton)",
        12.5,
    )
    return (
        Architecture(
            "st_gcn_kinetics",
            _names,
            {"torch": IMAGENET},  # joints are no pixels: nothing is made of them
            (published,),
            input_shape=(_FRAMES, len(BODY_18.joints), 3),
            num_classes=0,
            first_conv="",
            network=_build,
            constants=("A",),
            unused=("fcn.*",),
            known_by=("data_bn.weight", "edge_importance.0"),
            config="configs/bold.py:bold_stgcn_spatial_kinetics",
        ),
    )


def _build(num_classes: int) -> tuple[nn.Module, dict]:
    net = STGCN(partition_matrices(BODY_18, "spatial", normalisation="column"))
    return net, net.fresh_constants


def _names(arch: str, modules: Modules) -> str:
    """Units count from 0 there, ours from 1."""
    if modules == ("data_norm",):
        return "data_bn"
    if importance := re.fullmatch(r"edge_importance_(\d+)", modules[0]):
        return f"edge_importance.{int(importance[1]) - 1}"
    unit = int(modules[0].removeprefix("unit_")) - 1
    return f"st_gcn_networks.{unit}.{_LAYERS[modules[1]]}"
