"""Weights of streams come from files and from the runs that trained them."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax import systems
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh
from emojax.errors import CheckpointError, ConfigError
from emojax.models.backbones import create_backbone
from emojax.pretrained.layouts import flatten
from emojax.pretrained.native import Weights, save_weights
from tests import toy
from tests.systems.people_toy import SIZE, make_config, make_dataset


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("people"), train=8, validation=4, test=4)


@pytest.fixture(scope="module")
def face_run(tmp_path_factory):
    """One step of a face network with a tiny ResNet."""
    data = toy.make_dataset(tmp_path_factory.mktemp("faces"))
    change = {"model__backbone": "resnet_tiny", "model__pool": "avg", "run__stop_after_steps": 1}
    config = toy.make_config(data, model__head="classic", **change)
    workdir = tmp_path_factory.mktemp("face_run")
    system = systems.build(config, data.recipe)
    result = train(config, system, data, workdir, mesh=data_mesh(jax.devices()[:1]), progress=False)
    return workdir, jax.device_get(result.state.variables)


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    net = create_backbone("resnet_tiny")
    x = np.zeros((1, SIZE, SIZE, 3), np.float32)
    variables = jax.jit(lambda: net.init(jax.random.key(5), x, train=False))()
    path = tmp_path_factory.mktemp("files") / "tiny.safetensors"
    flat = {k: np.asarray(v) for k, v in flatten(variables).items()}
    save_weights(Weights("resnet_tiny", flat, {}, {"source": "a test"}), path)
    return path, variables


def start(people, **changes):
    config = make_config(people, **changes)
    system = systems.build(config, people.recipe)
    return system, system.initial_variables(jax.random.key(0))


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_streams_take_their_weights_from_a_file_and_from_a_face_run(people, face_run, tiny_file):
    (workdir, faces), (file, tiny) = face_run, tiny_file
    changes = {"model__streams": "body,face", "init_from__face": str(workdir), "init_from__body": str(file)}
    system, variables = start(people, **changes)
    for collection in ("params", "batch_stats"):
        assert_equal(variables[collection]["face"], faces[collection]["backbone"])
        assert_equal(variables[collection]["body"], tiny[collection])
    assert set(system.initialised_from) == {"face", "body"}
    assert system.initialised_from["body"]["file"] == str(file)


def test_a_stream_with_an_attention_branch_takes_the_same_file(people, tiny_file):
    file, tiny = tiny_file
    changes = {"model__streams": "context", "model__attention": "context", "init_from__context": str(file)}
    _, variables = start(people, **changes)
    assert_equal(variables["params"]["context"], tiny["params"])


def test_weights_of_another_network_or_for_a_missing_stream_are_refused(people, tiny_file):
    file, _ = tiny_file
    with pytest.raises(CheckpointError, match="does not fit face"):
        start(people, model__streams="face", model__backbone="resnet18", init_from__face=str(file))
    with pytest.raises(ConfigError, match="'face'"):
        start(people, model__streams="body", init_from__face=str(file))
    with pytest.raises(ConfigError, match="no scene network"):
        start(people, model__streams="scenes", init_from__scene_network=str(file))
