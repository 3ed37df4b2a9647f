"""The architectures whose weights can be imported, and where they are published."""

from __future__ import annotations

import difflib
import functools

from emojax.errors import ConfigError
from emojax.models.backbones import create_backbone
from emojax.pretrained import keras_names, torch_names
from emojax.pretrained.architecture import (
    CAFFE,
    IMAGENET,
    SYMMETRIC,
    VGGFACE_BGR,
    VGGFACE_RGB,
    Architecture,
    Published,
)
from emojax.pretrained.authors import authors_networks
from emojax.pretrained.skeletons import skeleton_networks
from emojax.pretrained.volumes import volume_networks

_IMAGENET_TERMS = "weights BSD-3-Clause (torchvision); ImageNet images: non-commercial research"
_PLACES_TERMS = "CC BY (Places365)"
_KERAS_TERMS = "MIT (Keras); ImageNet images: non-commercial research"
_VGGFACE2 = (
    "8,631 classes are VGGFace2's: its ResNet-50 has the strides in the first convolution of a block and reads BGR "
    "0..255 less (91.4953, 103.8827, 131.0912); emojax has no such network"
)
_KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"
_PLACES_URL = "http://places2.csail.mit.edu/models_places365"


def _torchvision(file: str, megabytes: float) -> Published:
    url = f"https://download.pytorch.org/models/{file}.pth"
    return Published("torchvision, ImageNet", url, _IMAGENET_TERMS, megabytes, file.rsplit("-", 1)[1])


def _timm(tag: str, megabytes: float, licence: str = "Apache-2.0 (timm)") -> Published:
    url = f"https://huggingface.co/timm/{tag} (model.safetensors)"
    return Published("timm, ImageNet", url, f"{licence}; ImageNet images: non-commercial research", megabytes)


def _places(file: str, megabytes: float) -> Published:
    return Published("Places365", f"{_PLACES_URL}/{file}", _PLACES_TERMS, megabytes)


def _keras(path: str, megabytes: float) -> Published:
    return Published("Keras, ImageNet", f"{_KERAS_URL}/{path}", _KERAS_TERMS, megabytes)


def _single(name: str, **pooling) -> dict:
    """A face system with one dense layer on the averaged features, as torch's networks have it."""
    return {"backbone": name, "head": "single", "pool": "avg", **pooling}


def _torchvision_code(name: str) -> str:
    return "" if name.endswith("_tiny") else f"torchvision.models.{name}(num_classes={{classes}})"


def _densenet(name: str, *published: Published) -> Architecture:
    return Architecture(
        name,
        torch_names.densenet,
        {"torch": IMAGENET, "keras": IMAGENET},
        published,
        heads=("classifier",),
        first_conv="conv0",
        first_norm="norm0",
        keras=keras_names.densenet,
        settings=_single(name, final_relu=True),
        torch_code=_torchvision_code(name),
    )


def _resnet(name: str, *published: Published, **fields) -> Architecture:
    shared = {"heads": ("fc",), "settings": _single(name), "torch_code": _torchvision_code(name)}
    fields = {"first_norm": "bn1", **shared, **fields}
    return Architecture(name, torch_names.resnet, {"torch": IMAGENET}, published, **fields)


def _vgg(name: str, *published: Published) -> Architecture:
    with_norm = name.endswith("_bn")
    return Architecture(
        name,
        torch_names.vgg,
        {"torch": IMAGENET} if with_norm else {"torch": IMAGENET, "keras": CAFFE},
        published,
        heads=("fc6", "fc7", "fc8"),
        first_conv="conv1_1",
        keras=None if with_norm else keras_names.vgg,
        torch_code=_torchvision_code(name),
    )


def _breg_next(name: str) -> Architecture:
    return Architecture(
        name,
        torch_names.breg_next,
        {"torch": IMAGENET},
        image_size=112,
        num_classes=7,
        heads=("fc0",),
        first_conv="conv0",
        settings=_single(name, final_relu=False),
        torch_code="" if name.endswith("_tiny") else "breg_next.BReGNeXt(n_classes={classes})",
    )


@functools.cache
def architectures() -> dict[str, Architecture]:
    """All of them by name."""
    keras_vgg = "vgg{0}/vgg{0}_weights_tf_dim_ordering_tf_kernels{1}.h5"
    keras_densenet = "densenet/densenet{}_weights_tf_dim_ordering_tf_kernels.h5"
    vggface_terms = "CC BY-NC 4.0 (Visual Geometry Group, Oxford)"
    entries = (
        _densenet(
            "densenet121",
            _torchvision("densenet121-a639ec97", 32.3),
            _timm("densenet121.ra_in1k", 32.3),
            _keras(keras_densenet.format(121), 33.2),
        ),
        _densenet(
            "densenet169",
            _torchvision("densenet169-b2777c0a", 57.4),
            _timm("densenet169.tv_in1k", 57.3),
            _keras(keras_densenet.format(169), 59.0),
        ),
        _resnet(
            "resnet18",
            _torchvision("resnet18-f37072fd", 46.8),
            _timm("resnet18.a1_in1k", 46.8),
            _places("resnet18_places365.pth.tar", 45.5),
        ),
        _resnet("resnet34", _torchvision("resnet34-b627a593", 87.3), _timm("resnet34.a1_in1k", 87.3)),
        _resnet(
            "resnet50",
            _torchvision("resnet50-0676ba61", 102.5),
            _torchvision("resnet50-11ad3fa6", 102.5),
            _timm("resnet50.a1_in1k", 102.5),
            _places("resnet50_places365.pth.tar", 97.3),
            other_networks={8631: _VGGFACE2},
        ),
        _resnet(
            "resnet101",
            _torchvision("resnet101-63fe2227", 178.8),
            _torchvision("resnet101-cd907fc2", 178.8),
            _timm("resnet101.a1_in1k", 178.8),
        ),
        _resnet(
            "wide_resnet18_places",
            _places("wideresnet18_places365.pth.tar", 45.6),
            _places("W_sceneattribute_wideresnet18.npy", 0.4),
            num_classes=365,
            heads=("fc", "attributes"),
            torch_code="wideresnet.resnet18(num_classes={classes})",
        ),
        _vgg("vgg16", _torchvision("vgg16-397923af", 553.4), _keras(keras_vgg.format(16, "_notop"), 58.9)),
        _vgg("vgg16_bn", _torchvision("vgg16_bn-6c64b313", 553.5)),
        _vgg("vgg19", _torchvision("vgg19-dcbb9e9d", 574.7), _keras(keras_vgg.format(19, "_notop"), 80.1)),
        _vgg("vgg19_bn", _torchvision("vgg19_bn-c79401a0", 574.8)),
        Architecture(
            "vggface",
            torch_names.own_names,
            {"torch": VGGFACE_RGB, "keras": VGGFACE_BGR},
            (
                Published(
                    "VGG-Face for torch",
                    "https://www.robots.ox.ac.uk/~albanie/models/pytorch-mcn/vgg_face_dag.pth",
                    vggface_terms,
                    580.0,
                ),
                Published(
                    "VGG-Face for Keras",
                    "https://github.com/rcmalli/keras-vggface/releases (rcmalli_vggface_tf_vgg16.h5)",
                    vggface_terms,
                    580.1,
                ),
            ),
            num_classes=2622,
            heads=("fc6", "fc7", "fc8"),
            first_conv="conv1_1",
            keras=keras_names.own_names,
        ),
        Architecture(
            "xception",
            torch_names.own_names,
            {"torch": SYMMETRIC, "keras": SYMMETRIC},
            (
                _keras("xception/xception_weights_tf_dim_ordering_tf_kernels.h5", 91.9),
                _keras("xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5", 83.7),
            ),
            image_size=299,
            heads=("predictions",),
            first_conv="block1_conv1",
            keras=keras_names.own_names,
        ),
        _breg_next("breg_next50"),
        _breg_next("breg_next_tiny"),
        Architecture("cnn_m", torch_names.own_names, {"torch": SYMMETRIC}, num_classes=0),
        _densenet("densenet_tiny"),
        _resnet("resnet_tiny"),
        *authors_networks(),
        *skeleton_networks(),
        *volume_networks(),
    )
    return {entry.name: entry for entry in entries}


def architecture(name: str) -> Architecture:
    """One of them.

    Raises:
        ConfigError: there is none of that name; names the near ones.
    """
    known = architectures()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or list(known)
        raise ConfigError(f"There is no architecture {name!r}; did you mean {' or '.join(near)}?")
    return known[name]


def build(arch: Architecture, num_classes: int = 0, num_attributes: int = 0):
    """The network of an architecture, with its classifiers where asked for, and constants of the right shapes."""
    if arch.network:
        return arch.network(num_classes)
    return create_backbone(arch.name, **arch.head_options(num_classes, num_attributes)), {}
