"""ST-GCN written for torch from the specification (context_emotion 2.6), under the names of the public checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

WIDTHS = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
STRIDES = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)


class GraphConvolution(torch.nn.Module):
    """1x1 convolution to a block of channels for each subset, then a sum over neighbours."""

    def __init__(self, inputs: int, outputs: int, subsets: int):
        super().__init__()
        self.conv = torch.nn.Conv2d(inputs, subsets * outputs, 1)

    def forward(self, x, matrices):
        blocks = self.conv(x).chunk(len(matrices), dim=1)  # x: [B, C, T, V]
        return sum(block @ matrix for block, matrix in zip(blocks, matrices))


class Unit(torch.nn.Module):
    def __init__(self, inputs: int, outputs: int, subsets: int, stride: int, residual: bool):
        super().__init__()
        self.gcn = GraphConvolution(inputs, outputs, subsets)
        self.tcn = torch.nn.Sequential(
            torch.nn.BatchNorm2d(outputs),
            torch.nn.ReLU(),
            torch.nn.Conv2d(outputs, outputs, (9, 1), (stride, 1), (4, 0)),
            torch.nn.BatchNorm2d(outputs),
            torch.nn.Dropout(0.5),
        )
        self.with_residual, self.residual = residual, None
        if residual and (inputs != outputs or stride > 1):
            projection = torch.nn.Conv2d(inputs, outputs, 1, (stride, 1))
            self.residual = torch.nn.Sequential(projection, torch.nn.BatchNorm2d(outputs))

    def forward(self, x, matrices):
        y = self.tcn(self.gcn(x, matrices))
        if self.with_residual:
            y = y + (x if self.residual is None else self.residual(x))
        return torch.relu(y)


class Network(torch.nn.Module):
    """``[B, T, V, C]`` -> the mean feature ``[B, 256]``."""

    def __init__(self, matrices: np.ndarray):
        super().__init__()
        subsets, joints, _ = matrices.shape
        self.register_buffer("A", torch.tensor(matrices, dtype=torch.float32))
        self.data_bn = torch.nn.BatchNorm1d(joints * 3)
        inputs = (3, *WIDTHS)
        self.st_gcn_networks = torch.nn.ModuleList(
            Unit(inputs[i], width, subsets, STRIDES[i], residual=i > 0) for i, width in enumerate(WIDTHS)
        )
        self.edge_importance = torch.nn.ParameterList(
            torch.nn.Parameter(torch.ones(subsets, joints, joints)) for _ in WIDTHS
        )
        self.fcn = torch.nn.Conv2d(WIDTHS[-1], 400, 1)

    def forward(self, x):
        batch, frames, joints, channels = x.shape
        flat = self.data_bn(x.reshape(batch, frames, joints * channels).transpose(1, 2))
        x = flat.reshape(batch, joints, channels, frames).permute(0, 2, 3, 1)
        for unit, importance in zip(self.st_gcn_networks, self.edge_importance):
            x = unit(x, self.A * importance)
        return x.mean(dim=(2, 3))
