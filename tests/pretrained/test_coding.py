"""Weights meet the pixels that they were trained on, or the user is told."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emojax.errors import CheckpointError
from emojax.pretrained import coding
from emojax.pretrained.architecture import CAFFE, IMAGENET, SYMMETRIC, VGGFACE_BGR, VGGFACE_RGB
from emojax.pretrained.catalogue import architecture
from emojax.pretrained.convert import export_weights, import_weights
from emojax.pretrained.initialise import initialise
from emojax.pretrained.native import Weights, save_weights
from tests.pretrained.files import torch_zip
from tests.pretrained.test_convert import random_weights
from tests.pretrained.test_initialise import BACKBONE, face_net


def convolve(pixels, kernel):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(pixels, kernel, (1, 1), "SAME", dimension_numbers=dimensions)


def coded(pixels, how):
    pixels = pixels[..., ::-1] if how.order == "BGR" else pixels
    return ((pixels * how.scale - np.array(how.mean)) / np.array(how.std)).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([IMAGENET, CAFFE, SYMMETRIC]), st.booleans())
def test_no_pictures_cause_variances_that_are_called_impossible(seed, how, extreme):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(3, 3, 3, 4)).astype(np.float32)
    pixels = rng.integers(0, 256, (4, 8, 8, 3))
    pixels = np.where(pixels > 127, 255, 0) if extreme else pixels
    variance = np.asarray(convolve(coded(pixels, how), kernel)).var(axis=(0, 1, 2))
    variables = {"params/conv1/kernel": kernel, "batch_stats/bn1/var": variance}
    coding.require_possible_statistics("file", architecture("resnet_tiny"), how, variables)


@pytest.mark.parametrize("with_head", [True, False])
def test_a_network_trained_on_pixels_to_255_is_refused_with_or_without_its_classifier(tmp_path, with_head):
    """VGGFace2's ResNet-50 has ImageNet's names and shapes; only what its first batch norm saw tells them apart."""
    state = export_weights(random_weights("resnet_tiny"))
    rng = np.random.default_rng(0)
    pixels = np.repeat(rng.integers(0, 256, (16, 4, 4, 3)), 8, axis=1).repeat(
        8, axis=2
    )  # as smooth as photographs
    kernel = state["conv1.weight"].transpose(2, 3, 1, 0)
    for how, fits in ((IMAGENET, True), (dataclasses.replace(CAFFE, order="BGR"), False)):
        answers = np.asarray(convolve(coded(pixels, how), kernel))
        state["bn1.running_var"] = answers.var(axis=(0, 1, 2)).astype(np.float32)
        kept = {k: v for k, v in state.items() if with_head or not k.startswith("fc.")}
        torch_zip(tmp_path / "file.pth", kept)
        options = {"num_classes": 5, "with_head": with_head}
        if fits:
            import_weights(tmp_path / "file.pth", "resnet_tiny", **options)
        else:
            with pytest.raises(CheckpointError, match="was trained on other pixels than resnet_tiny's"):
                import_weights(tmp_path / "file.pth", "resnet_tiny", **options)


def saved(tmp_path, how):
    path = tmp_path / "tiny.safetensors"
    info = {"source": "x", "input": dataclasses.asdict(how)}
    save_weights(Weights(BACKBONE, random_weights(BACKBONE).variables, {}, info), path)
    return str(path)


def test_channels_in_the_other_order_are_turned_and_answer_the_same(tmp_path):
    loaded, record = initialise(face_net(), saved(tmp_path, VGGFACE_RGB), reads=VGGFACE_BGR)
    ours = np.asarray(loaded["params"]["backbone"]["conv0"]["kernel"])
    theirs = random_weights(BACKBONE).variables["params/conv0/kernel"]
    pixels = np.random.default_rng(0).integers(0, 256, (1, 9, 9, 3))
    expected = convolve(coded(pixels, VGGFACE_RGB), theirs)
    np.testing.assert_allclose(convolve(coded(pixels, VGGFACE_BGR), ours), expected, rtol=1e-4, atol=1e-3)
    assert record["backbone"]["coding"] == ""


@pytest.mark.parametrize("how", [CAFFE, VGGFACE_RGB, SYMMETRIC])
def test_weights_of_another_coding_are_told_and_those_of_the_same_are_not(tmp_path, how):
    file = saved(tmp_path, how)
    assert str(how) in initialise(face_net(), file)[1]["backbone"]["coding"]
    assert initialise(face_net(), file, reads=how)[1]["backbone"]["coding"] == ""


def test_a_header_without_a_coding_is_one_line(tmp_path):
    path = tmp_path / "tiny.safetensors"
    info = {"source": "x", "input": {"order": "RGB"}}
    save_weights(Weights(BACKBONE, random_weights(BACKBONE).variables, {}, info), path)
    with pytest.raises(CheckpointError, match="has no 'scale'"):
        initialise(face_net(), str(path))
