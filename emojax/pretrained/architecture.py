"""What import and export know of a network: names, input coding, published files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn

from emojax.pretrained import keras_names, torch_names

Network = Callable[
    [int], tuple[nn.Module, dict]
]  # number of classes -> module, constants of the right shapes


@dataclasses.dataclass(frozen=True)
class InputCoding:
    """What a network makes of pixels of 0 to 255: ``(pixels * scale - mean) / std``, channels in `order`."""

    order: str
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> InputCoding:
        return cls(value["order"], float(value["scale"]), tuple(value["mean"]), tuple(value["std"]))

    def __str__(self) -> str:
        units = {1.0: "0..255", 1 / 255: "0..1", 1 / 127.5: "0..2", 1 / 128: "0..2"}
        unit = units.get(self.scale, f"0..{255 * self.scale:.3g}")
        return f"{self.order} {unit}, mean {self.mean}, std {self.std}"

    def mirrored(self) -> InputCoding:
        """The same with the channels in the other order."""
        return InputCoding(self.order[::-1], self.scale, self.mean[::-1], self.std[::-1])

    def largest(self) -> tuple[float, ...]:
        """The largest absolute value of each channel that a network can see."""
        ends = [
            [abs((pixel * self.scale - m) / s) for pixel in (0, 255)] for m, s in zip(self.mean, self.std)
        ]
        return tuple(max(pair) for pair in ends)


IMAGENET = InputCoding("RGB", 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CAFFE = InputCoding("BGR", 1.0, (103.939, 116.779, 123.68))
HALVED = InputCoding("RGB", 1 / 128, (1.0, 1.0, 1.0))  # (x - 128) / 128
SYMMETRIC = InputCoding("RGB", 1 / 127.5, (1.0, 1.0, 1.0))  # x / 127.5 - 1
VGGFACE_RGB = InputCoding("RGB", 1.0, (129.1863, 104.7624, 93.5940))
SPORTS1M_BGR = InputCoding(
    "BGR", 1.0, (90.0, 98.0, 102.0)
)  # means that ports use; the published one is a cube
VGGFACE_BGR = InputCoding("BGR", 1.0, (93.5940, 104.7624, 129.1863))


@dataclasses.dataclass(frozen=True)
class Published:
    """A published file.

    Attributes:
        name: whose and trained on what.
        where: address.
        licence: as its publisher states it.
        megabytes: size of the file (10^6 bytes).
        sha256: hash or its first digits, from the publisher's file name; empty where it is not known.
    """

    name: str
    where: str
    licence: str
    megabytes: float
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What import and export need to know of a network.

    Attributes:
        name: that of the backbone, or of a whole network.
        torch: rule of names of torch state dicts.
        codings: input coding by flavour of the source, ``torch`` and, where it publishes weights, ``keras``.
        published: files.
        image_size: at which the network was published, px.
        num_classes: of the published classifier; 0 for none.
        heads: modules of the classifier, ``parent/child``.
        first_conv: module that reads the image.
        first_norm: batch norm right after it; empty where there is none.
        keras: rule of names of Keras files; None where Keras has no such network.
        backbone: of a whole network: the architecture under its module ``backbone``; empty for a backbone.
        network: of a whole network: builds it, given the number of classes.
        constants: tensors of the source that belong to the network but are not trained.
        unused: tensors of the source that its network never uses, by pattern.
        known_by: names that only sources of this network have together.
        config: of a whole network: config that builds the same one.
        settings: fields of `config.model` of a face system that is this network with its classifier or heads.
        image_sizes: at which torch's code pools the whole map; empty for any.
        input_shape: of one input that is no single image; empty for RGB images of `image_size`.
        other_networks: width of a classifier -> why a file with it, though its names are the same, is another network.
        torch_code: how torch makes the network, with ``{classes}``, ``{words}`` and ``{size}`` left open; empty where
            no code for torch has it.
    """

    name: str
    torch: torch_names.Rule
    codings: dict[str, InputCoding]
    published: tuple[Published, ...] = ()
    image_size: int = 224
    num_classes: int = 1000
    heads: tuple[str, ...] = ()
    first_conv: str = "conv1"
    first_norm: str = ""
    keras: keras_names.Rule | None = None
    backbone: str = ""
    network: Network | None = None
    constants: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    known_by: tuple[str, ...] = ()
    config: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    image_sizes: tuple[int, ...] = ()
    input_shape: tuple[int, ...] = ()
    other_networks: Mapping[int, str] = dataclasses.field(default_factory=dict)
    torch_code: str = ""

    @property
    def reads_pixels(self) -> bool:
        """Whether an input is an image or a clip of images, not e.g. a skeleton."""
        return len(self.input_shape) in (0, 4)

    def is_head(self, path: str) -> bool:
        """Whether a variable ``collection/module/.../leaf`` belongs to the classifier."""
        module = path.split("/", 1)[1]
        return any(module.startswith(f"{head}/") for head in self.heads)

    def is_beside_backbone(self, path: str) -> bool:
        """Whether a variable of a whole network belongs to its heads."""
        return not path.split("/", 1)[1].startswith("backbone/")

    def head_options(self, num_classes: int, num_attributes: int) -> dict[str, int]:
        """Options of the backbone that give it its classifiers."""
        if not self.heads:
            return {}
        attributes = {"num_attributes": num_attributes} if "attributes" in self.heads else {}
        return {"num_classes": num_classes, **attributes}
