"""Networks that torchvision lacks, written in torch from the specifications as references."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


# our stage -> module
BREG_NEXT_STAGES = {
    "stem": "_conv0",
    "stage1": "_model.0",
    "stage2": "_model.2",
    "stage3": "_model.4",
    "features": "_model.6",
    "logits": "_fc0",
}
CNN_M_STAGES = {
    **{f"conv{i}": f"act{i}" for i in range(1, 6)},
    "pool1": "pool1",
    "pool2": "pool2",
    "features": "pool5",
}


class _Shortcut(nn.Module):
    def __init__(self):
        super().__init__()
        self._a, self._c = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([1.0]))

    def forward(self, x):
        root = (self._c.square() + 1).sqrt()
        return (self._a * x / root).atan() / (self._a * root)


class _ResidualLayer(nn.Module):
    """emotion_gcn spec 2.4, under the names of the authors' state dict."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.stride, self.extra = stride, (outputs - inputs) // 2
        self._conv0 = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
        self._conv1 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self._batchnorm_conv0, self._batchnorm_conv1 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self._shortcut = _Shortcut()

    def forward(self, x):
        out = self._conv0(functional.elu(self._batchnorm_conv0(x)))
        out = self._conv1(functional.elu(self._batchnorm_conv1(out)))
        short = self._shortcut(x)
        if self.stride > 1:
            short = functional.avg_pool2d(short, self.stride)
        return out + functional.pad(short, (0, 0, 0, 0, self.extra, self.extra))


class _Stack(nn.Module):
    def __init__(self, layers: int, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        widths = [inputs] + [outputs] * layers
        self._layer_stack = nn.Sequential(
            *(_ResidualLayer(widths[i], outputs, stride) for i in range(layers))
        )

    def forward(self, x):
        return self._layer_stack(x)


class BReGNeXt(nn.Module):
    """BReG-NeXt-50 as the authors store it."""

    def __init__(self, num_classes: int = 7):
        super().__init__()
        self._conv0 = nn.Conv2d(3, 32, 3, padding=1)
        self._model = nn.Sequential(
            _Stack(7, 32, 32),
            _Stack(1, 32, 64, 2),
            _Stack(8, 64, 64),
            _Stack(1, 64, 128, 2),
            _Stack(7, 128, 128),
            nn.BatchNorm2d(128),
            nn.ELU(),
            nn.AdaptiveAvgPool2d(1),
        )
        self._fc0 = nn.Linear(128, num_classes)

    def forward(self, x):
        return self._fc0(self._model(self._conv0(x)).flatten(1))


class CNNM(nn.Module):
    """CNN-M with batch normalisation (affwild_gan spec 2.1); TensorFlow's SAME padding written out."""

    def __init__(self):
        super().__init__()
        sizes = ((3, 96, 7, 2), (96, 256, 5, 2), (256, 512, 3, 1), (512, 512, 3, 1), (512, 512, 3, 1))
        for i, (inputs, outputs, kernel, stride) in enumerate(sizes, 1):
            self.add_module(f"conv{i}", nn.Conv2d(inputs, outputs, kernel, stride))
            self.add_module(f"bn{i}", nn.BatchNorm2d(outputs, eps=1e-3))
            self.add_module(f"act{i}", nn.ReLU())
        self.pool1, self.pool2, self.pool5 = nn.MaxPool2d(3, 2), nn.MaxPool2d(3, 2), nn.MaxPool2d(2, 2)

    def forward(self, x):
        x = self.pool1(self._layer(x, 1))
        x = self.pool2(_same(self._layer(_same(x, 5, 2), 2), 3, 2, float("-inf")))
        for i in (3, 4, 5):
            x = self._layer(_same(x, 3, 1), i)
        return self.pool5(_same(x, 2, 2, float("-inf")))

    def _layer(self, x, i: int):
        parts = (getattr(self, f"{name}{i}") for name in ("conv", "bn", "act"))
        for part in parts:
            x = part(x)
        return x


def _same(x, kernel: int, stride: int, value: float = 0.0):
    """Pads so that the output has ceil(side / stride) pixels, the odd pixel at the bottom and the right."""
    padding = []
    for side in (x.shape[3], x.shape[2]):
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        padding += [total // 2, total - total // 2]
    return functional.pad(x, padding, value=value)


class _GraphConvolution(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) / outputs**0.5)

    def forward(self, nodes, matrix):
        return matrix @ (nodes @ self.weight)


class AuthorsNet(nn.Module):
    """A whole network of Emotion-GCN's authors (emotion_gcn spec 2.2, 2.5, 4), under the names of their state dict.

    Args:
        name: that of our catalogue.
        features: of torchvision's DenseNet-121; None for BReG-NeXt.
        matrix: A ``[9, 9]``, for a label graph.
    """

    def __init__(self, name: str, features=None, matrix=None):
        super().__init__()
        self.kind = name
        if name == "emotion_gcn":
            self.features = features
        elif name == "multi_densenet":
            self.model_base = features
            self.lin_cat, self.lin_cont = nn.Linear(1024, 7), nn.Linear(1024, 2)
        elif name == "breg_next_gcn":
            self.model = BReGNeXt()
        else:
            whole = BReGNeXt()
            self._conv0, self._model = whole._conv0, whole._model
            self.fc_cat, self.fc_cont = nn.Linear(128, 7), nn.Linear(128, 2)
        if matrix is not None:
            width = 1024 if features is not None else 128
            self.gc1, self.gc2 = _GraphConvolution(300, 512), _GraphConvolution(512, width)
            self.A = nn.Parameter(torch.from_numpy(matrix).float())

    def forward(self, images, words=None):
        x = self._pooled(images)
        if words is None:
            heads = (
                (self.lin_cat, self.lin_cont)
                if self.kind == "multi_densenet"
                else (self.fc_cat, self.fc_cont)
            )
            return torch.cat([head(x) for head in heads], dim=1)
        scale = torch.diag(self.A.sum(1) ** -0.5)
        graph = (self.A @ scale).T @ scale
        nodes = functional.leaky_relu(self.gc1(words, graph), 0.2)
        return x @ self.gc2(nodes, graph).T

    def _pooled(self, images):
        if self.kind == "emotion_gcn":
            return self.features(images).amax(dim=(2, 3))
        if self.kind == "multi_densenet":
            return functional.relu(self.model_base(images)).mean(dim=(2, 3))
        inner = self.model if self.kind == "breg_next_gcn" else self
        return inner._model(inner._conv0(images)).flatten(1)
