"""Finished expression networks of others become model folders."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax import systems
from emojax.engine.model_folder import read_model
from emojax.models.expression_nets import NETS, FaceApiNet
from emojax.pretrained.__main__ import main
from emojax.pretrained.layouts import flatten

MANIFEST = "face_expression_model-weights_manifest.json"


def tfjs_name(path: str) -> str:
    """face-api's name of a parameter."""
    name = path.removeprefix("params/").replace("fc/kernel", "fc/weights")
    name = name.replace("depthwise/kernel", "depthwise_filter").replace(
        "pointwise/kernel", "pointwise_filter"
    )
    return name.replace("pointwise/bias", "bias").replace("/kernel", "/filters")


@pytest.fixture
def published(tmp_path):
    """Random weights as face-api publishes them: one file of bytes quantised to 8 bits, biases in full."""
    net, generator = FaceApiNet(), np.random.default_rng(0)
    shapes = flatten(
        jax.eval_shape(lambda: net.init(jax.random.key(0), jnp.zeros((1, 112, 112, 3), jnp.uint8)))
    )
    weights, data, expected = [], b"", {}
    for path, leaf in shapes.items():
        shape = leaf.shape
        if path.endswith("bias"):
            values = generator.normal(size=shape).astype(np.float32)
            packed, own = {}, values.tobytes()
        else:
            levels = generator.integers(0, 256, shape).astype(np.uint8)
            values = levels.astype(np.float32) * np.float32(0.01) + np.float32(-1)
            packed = {"quantization": {"dtype": "uint8", "scale": 0.01, "min": -1.0}}
            own = (levels.transpose(0, 1, 3, 2) if "depthwise" in path else levels).tobytes()
        stored = (*shape[:2], shape[3], shape[2]) if "depthwise" in path else shape
        weights.append({"name": tfjs_name(path), "shape": list(stored), "dtype": "float32", **packed})
        data, expected[path] = data + own, values
    (tmp_path / "face_expression_model.bin").write_bytes(data)
    manifest = [{"weights": weights, "paths": ["face_expression_model.bin"]}]
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    return tmp_path / MANIFEST, expected


def test_every_tensor_of_a_tfjs_file_finds_its_place(published, tmp_path):
    file, expected = published
    assert main(["expression", str(file), "--to", str(tmp_path / "model")]) == 0
    restored = read_model(tmp_path / "model")
    found = flatten(restored.variables)
    assert found.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(found[path], value)
    system = systems.build(restored.config, restored.recipe)
    assert system.labels.classes[1] == "happy"
    batch = {"image": np.zeros((2, 112, 112, 3), np.uint8)}
    assert jax.eval_shape(system.predict, restored.variables, batch)["probabilities"].shape == (2, 7)


def test_a_file_that_is_cut_or_another_network_is_one_line(published, tmp_path, capsys):
    file, _ = published
    binary = file.with_name("face_expression_model.bin")
    binary.write_bytes(binary.read_bytes()[:-100])
    assert main(["expression", str(file), "--to", str(tmp_path / "model")]) == 2
    error = capsys.readouterr().err
    assert "is no weights manifest of TensorFlow.js that can be read" in error and error.count("\n") == 1
    file.write_text("[]")
    assert main(["expression", str(file), "--to", str(tmp_path / "model")]) == 2
    assert "is no face_api: params/" in capsys.readouterr().err and not (tmp_path / "model").exists()


def test_the_networks_have_the_sizes_of_the_published_ones():
    for name, count in {"mini_xception": 58_423, "face_api": 323_687}.items():
        net = NETS[name]()
        example = jnp.zeros((1, net.image_size, net.image_size, 3), jnp.uint8)
        variables = jax.eval_shape(lambda net=net, x=example: net.init(jax.random.key(0), x))
        assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == count
