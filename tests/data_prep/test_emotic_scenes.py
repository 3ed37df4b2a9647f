"""Scene scores made once offline are those that a training step would compute."""

from __future__ import annotations

import collections

import jax
import numpy as np
import pytest

from configs.emotic import get_config
from data_prep.emotic.scenes import main, write_scores
from data_prep.emotic.side import NUM_ATTRIBUTES, NUM_SCENES
from emojax import systems
from emojax.data.dataset import load_dataset
from emojax.data.inputs import Inputs
from emojax.data.loader import Batches, Order
from emojax.models.backbones import create_backbone
from emojax.pretrained.layouts import flatten
from emojax.pretrained.native import Weights, save_weights
from emojax.systems.scenes import FROZEN, SCENE_NETWORK

SIZE = 64


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights with attributes, and its variables."""
    net = create_backbone("wide_resnet18_places", num_classes=NUM_SCENES, num_attributes=NUM_ATTRIBUTES)
    image = np.zeros((1, SIZE, SIZE, 3), np.float32)
    variables = jax.jit(lambda: net.init(jax.random.key(3), image, train=False))()
    path = tmp_path_factory.mktemp("weights") / "scene.safetensors"
    flat = {name: np.asarray(value) for name, value in flatten(variables).items()}
    save_weights(Weights("wide_resnet18_places", flat, {}, {"source": "a test"}), path)
    return str(path), variables


def test_scores_are_those_of_the_network_in_the_step_and_a_second_run_has_nothing_to_do(
    raw_emotic, prepared_emotic, weights, tmp_path
):
    file, variables = weights
    written, skipped = write_scores(raw_emotic, file, tmp_path, size=SIZE, batch_size=8)
    assert skipped == collections.Counter(
        unreadable_image=2, missing_image=1, truncated_image=1, listed_twice=5,
        bad_box=1, empty_box=1, box_outside_image=1,
    )  # fmt: skip
    dataset = load_dataset(prepared_emotic)
    config = get_config("demo")
    config.data_dir, config.image_size = dataset.path, SIZE
    config.model.streams, config.model.scene_source = "scenes,attributes", "network"
    inputs = systems.build(config, dataset.recipe).stream_inputs
    compared = set()
    for split in ("train", "validation", "test"):
        batches = Batches(dataset, split, Inputs(inputs.features), Order(8), threads=0)
        batch = next(batches)
        expected = inputs(batch, {FROZEN: {SCENE_NETWORK: variables}})
        for row, index in enumerate(batch["index"]):
            stem, number = dataset.columns(split)["source_id"][index].rsplit(".jpg#", 1)
            file_of_scores = tmp_path / f"{stem}_person{number}.npy"
            if not file_of_scores.exists():
                assert stem.endswith("train_000000")  # the image that the faults list again
                continue
            compared.add((split, int(index)))
            scores = np.load(file_of_scores)
            assert scores.dtype == np.float32 and scores.shape == (NUM_SCENES + NUM_ATTRIBUTES,)
            together = np.concatenate([expected["scenes"][row], expected["attributes"][row]])
            np.testing.assert_allclose(scores, together, rtol=1e-4, atol=1e-6)
        batches.close()
    assert {split for split, _ in compared} == {"train", "validation", "test"} and len(compared) > 16
    assert written == len(list(tmp_path.rglob("*.npy"))) > 0 and not list(tmp_path.rglob("*.tmp"))
    again, _ = write_scores(raw_emotic, file, tmp_path, size=SIZE, batch_size=8)
    assert again == 0


def test_other_weights_are_refused_in_one_line(raw_emotic, tmp_path, capsys):
    arguments = ["--raw", str(raw_emotic), "--out", str(tmp_path), "--size", "64", "--weights"]
    assert main([*arguments, str(tmp_path / "missing.safetensors")]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("error: ") and "missing.safetensors" in told
