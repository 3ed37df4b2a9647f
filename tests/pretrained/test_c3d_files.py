"""C3D's published layouts: Caffe's file, the torch ports' names, and Keras' with TensorFlow's and Theano's axes."""

from __future__ import annotations

import struct

import h5py
import jax
import numpy as np
import pytest

from configs import sasefe
from emojax import systems
from emojax.errors import CheckpointError, ConfigError
from emojax.models.c3d import C3D
from emojax.pretrained import catalogue, convert, volumes
from emojax.pretrained.convert import export_weights, import_weights
from emojax.pretrained.layouts import flatten
from emojax.pretrained.native import save_weights
from emojax.pretrained.readers import read_file
from emojax.systems.sequences.initial import start_from
from tests.pretrained.files import torch_stream, torch_zip

SPORTS, UNITS = 7, 6
WIDTHS = (2, 3, 4, 4, 512)  # the last as published: the rows of fc6 are 512 channels of a map


@pytest.fixture(scope="module", autouse=True)
def narrow():
    """The published network with thin layers: layouts are what is tested, not 78 million numbers."""
    patch = pytest.MonkeyPatch()

    def network(num_classes):
        return C3D(WIDTHS, fc_units=UNITS, dense=num_classes > 0, num_classes=num_classes), {}

    patch.setattr(volumes, "_build", network)
    catalogue.architectures.cache_clear()
    convert.abstract_shapes.cache_clear()
    yield
    patch.undo()
    catalogue.architectures.cache_clear()
    convert.abstract_shapes.cache_clear()


@pytest.fixture(scope="module")
def variables():
    net, clip = (
        C3D(WIDTHS, fc_units=UNITS, num_classes=SPORTS),
        jax.ShapeDtypeStruct((1, 16, 112, 112, 3), np.float32),
    )
    shapes = jax.eval_shape(
        lambda: net.init(jax.random.key(0), np.zeros(clip.shape, np.float32), train=False)
    )
    rng = np.random.default_rng(0)
    return {path: rng.normal(size=leaf.shape).astype(np.float32) for path, leaf in flatten(shapes).items()}


@pytest.fixture(scope="module")
def state(variables):
    """The torch ports' state dict, written down here by hand."""
    found = {}
    for path, value in variables.items():
        *_, layer, leaf = path.split("/")
        layer = {"conv1a": "conv1", "conv2a": "conv2"}.get(layer, layer)
        if leaf == "bias":
            found[f"{layer}.bias"] = value
        elif value.ndim == 5:
            found[f"{layer}.weight"] = np.ascontiguousarray(np.moveaxis(value, (4, 3), (0, 1)))
        elif layer == "fc6":  # columns in the order channel, time, row, column
            rows = value.reshape(1, 4, 4, 512, -1)
            found["fc6.weight"] = np.ascontiguousarray(
                np.moveaxis(rows, (4, 3), (0, 1)).reshape(len(value.T), -1)
            )
        else:
            found[f"{layer}.weight"] = np.ascontiguousarray(value.T)
    return found


def same(path, variables):
    found = import_weights(path, "c3d", num_classes=SPORTS).weights
    assert found.variables.keys() == variables.keys()
    for name, value in variables.items():
        np.testing.assert_array_equal(found.variables[name], value, err_msg=name)
    return found


@pytest.mark.parametrize("port", ["DavideA", "MMAction2", "model."])
def test_torch_ports_are_read_by_name(tmp_path, state, variables, port):
    names = {name: name for name in state}
    if port == "MMAction2":
        first = {"conv1": "conv1a", "conv2": "conv2a"}
        names = {
            n: n.replace(n[:5], first.get(n[:5], n[:5])).replace(".", ".conv.") for n in state if n[0] == "c"
        }
        names |= {n: n for n in state if n[0] == "f"}
    write = torch_stream if port == "DavideA" else torch_zip
    prefix = port if port.endswith(".") else ""
    write(tmp_path / "c3d.pickle", {f"{prefix}{names[n]}": value for n, value in state.items()})
    same(tmp_path / "c3d.pickle", variables)


def keras(path, layers):
    """A ``.h5`` of Keras 1 or 2: a group a layer with the names of its weights."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, arrays in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}_{leaf}".encode() for leaf in arrays]
            for leaf, array in arrays.items():
                group[f"{name}_{leaf}"] = array


@pytest.mark.parametrize("axes", ["tf", "th"])
def test_keras_ports_are_read_whichever_their_axes(tmp_path, state, variables, axes):
    layers = {}
    for name in dict.fromkeys(n.split(".")[0] for n in state):
        kernel = state[f"{name}.weight"]
        if kernel.ndim == 5:
            turned = kernel[:, :, ::-1, ::-1, ::-1]  # Theano convolves: it turns kernels round
            kernel = np.transpose(kernel, (2, 3, 4, 1, 0)) if axes == "tf" else turned
        elif name == "fc6" and axes == "tf":
            kernel = np.moveaxis(kernel.T.reshape(512, 1, 4, 4, -1), 0, 3).reshape(kernel.T.shape)
        else:
            kernel = kernel.T
        layers[name] = {"W": kernel, "b": state[f"{name}.bias"]}
    keras(tmp_path / "sports1M_weights.h5", layers)
    same(tmp_path / "sports1M_weights.h5", variables)


def varint(number):
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def blob(array, axes):
    head = b"".join(varint(i << 3) + varint(axis) for i, axis in enumerate(axes, 1))
    return message(6, head + message(6, array.astype("<f4").tobytes()))


def caffe(state):
    """The publisher's file: a name, data and ReLU layers without arrays, and the others with two each."""
    layers = [message(2, message(4, b"data") + varint(5 << 3) + varint(33))]
    caffe_names = {"conv1": "conv1a", "conv2": "conv2a", "fc6": "fc6-1", "fc7": "fc7-1", "fc8": "fc8-1"}
    for name in dict.fromkeys(n.split(".")[0] for n in state):
        kernel, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        axes = (1,) * (5 - kernel.ndim) + kernel.shape
        arrays = blob(kernel, axes) + blob(bias, (1, 1, 1, 1, len(bias)))
        rate = varint(7 << 3 | 5) + struct.pack("<f", 1.0)
        layers.append(message(2, message(4, caffe_names.get(name, name).encode()) + arrays + rate))
    return message(1, b"DeepConv3DNet_Sport1M_Val") + b"".join(layers)


def test_the_publisher_s_caffe_file_is_read_without_caffe(tmp_path, state, variables):
    (tmp_path / "conv3d_deepnetA_sport1m_iter_1900000").write_bytes(caffe(state))
    found = same(tmp_path / "conv3d_deepnetA_sport1m_iter_1900000", variables)
    assert found.info["input"]["order"] == "BGR" and found.info["input"]["mean"] == (90.0, 98.0, 102.0)


def test_a_damaged_caffe_file_is_refused_in_one_line(tmp_path, state):
    whole, path = caffe(state), tmp_path / "c3d"
    rng = np.random.default_rng(0)
    for case in range(60):
        data = bytearray(whole[: rng.integers(1, len(whole))] if case % 2 else whole[:2000])
        data[rng.integers(min(len(data), 400))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            read_file(path)
        except CheckpointError as error:
            assert str(path) in str(error) and "\n" not in str(error)


def test_export_gives_the_torch_port_back(tmp_path, state):
    torch_zip(tmp_path / "c3d.pth", state)
    exported = export_weights(import_weights(tmp_path / "c3d.pth", "c3d", num_classes=SPORTS).weights)
    assert exported.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(exported[name], value, err_msg=name)


def test_a_system_starts_from_the_file_and_reads_its_coding(tmp_path, state, variables, monkeypatch):
    torch_zip(tmp_path / "c3d.pth", state)
    save_weights(
        import_weights(tmp_path / "c3d.pth", "c3d", num_classes=SPORTS).weights, tmp_path / "c3d.safetensors"
    )
    config = sasefe.get_config("sase12_c3d_sports1m")
    config.model.fc_units, config.init_from.trunk = UNITS, str(tmp_path / "c3d.safetensors")
    monkeypatch.setattr("emojax.systems.sequences.network.WIDTHS", WIDTHS)
    system = systems.build(config, systems.stand_in(config))
    shapes = jax.eval_shape(system.init, jax.random.key(0))
    fresh = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    started, record = start_from(config, fresh)
    loaded = flatten(started["params"]["c3d"])
    for path, value in loaded.items():
        np.testing.assert_array_equal(value, variables[f"params/{path}"], err_msg=path)
    assert record["c3d"]["left_out"] == ["params/fc8/bias", "params/fc8/kernel"]
    assert not np.any(started["params"]["classifier"]["kernel"])
    pixels = np.full((1, 2, 224, 224, 3), (10, 20, 30), np.uint8)
    given = system.network_inputs({"frontal": pixels})["clip"]
    np.testing.assert_allclose(given[0, 0, 0, 0], (30 - 90, 20 - 98, 10 - 102), atol=1e-3)
    config.model.clip_coding = "data"
    with pytest.raises(ConfigError, match="clip_coding=sports1m"):
        start_from(config, fresh)
