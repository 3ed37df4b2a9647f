"""Of a pickle the tensors are read, whatever else is in it, and nothing of it is executed."""

from __future__ import annotations

import argparse
import collections
import functools
import pathlib
import pickle
import zipfile

import numpy as np
import pytest

from emojax.errors import CheckpointError
from emojax.pretrained.readers import read_file
from tests.pretrained.files import torch_stream, torch_zip
from tests.pretrained.test_readers import WEIGHTS, same


class RecorderMeter:
    """What a training script keeps beside the weights."""

    def __init__(self):
        self.epoch_losses = np.zeros((3, 2))
        self.total_epoch = 3


# What is found beside state dicts, as people save them.
COMPANIONS = {
    "recorder": RecorderMeter(),
    "args": argparse.Namespace(out=pathlib.PosixPath("/out"), lr=0.1, devices={0, 1}, steps=range(3)),
    "counts": collections.Counter("abca"),
    "history": collections.defaultdict(list, {"loss": [0.5, 0.25]}),
    "best": np.float64(0.6),
    "best_tensor": np.ones(()),
    "names": np.array(["a", "b"], object),
    "optimizer": {"state": {0: {"momentum_buffer": np.ones(3, np.float32)}}, "param_groups": [{"lr": 0.1}]},
}


@pytest.mark.parametrize("write", [torch_zip, torch_stream])
@pytest.mark.parametrize("name", ["state_dict", "model", "net", "ema"])
def test_objects_beside_the_tensors_become_inert(tmp_path, write, name):
    file = tmp_path / "checkpoint.pth"
    write(
        file,
        {**COMPANIONS, name: WEIGHTS} if name == "state_dict" else {"epoch": 3, name: WEIGHTS, "x": None},
    )
    source = read_file(file)
    same(source.tensors, WEIGHTS)
    if name == "state_dict":
        assert {f"{__name__}.RecorderMeter", "pathlib.PosixPath", "argparse.Namespace"} <= set(source.inert)


class Calls:
    """Pickled as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Rebuilt:
    """Pickled as a call whose result is given a state, items and elements."""

    def __init__(self, function, arguments, state, elements, items):
        self.parts = function, arguments, state, iter(elements), iter(items)

    def __reduce__(self):
        return self.parts


def bombs(marker: str):
    """What a hostile file may hold beside its weights; each would make the folder `marker`."""
    mkdir = functools.partial(__import__("os").mkdir, marker)
    code = f"__import__('os').mkdir({marker!r})"
    return [
        Calls(__import__("os").mkdir, marker),
        Calls(eval, code),
        Calls(exec, code),
        Calls(map, __import__("os").mkdir, [marker]),
        Calls(getattr, Calls(__import__, "os"), "mkdir"),
        Rebuilt(dict, (), None, (), [("key", Calls(eval, code))]),
        Rebuilt(collections.OrderedDict, (), {"__class__": Calls(eval, code)}, (), ()),
        Rebuilt(set, ([1],), {"x": 1}, (), ()),
        mkdir,
        b"cposix\nmkdir\n(V" + marker.encode() + b"\ntR.",  # the oldest protocol
        b"(iposix\nmkdir\n(V" + marker.encode() + b"\no.",
        b"(V" + marker.encode() + b"\niposix\nmkdir\n.",
    ]


def test_a_pickle_bomb_beside_the_tensors_does_not_go_off(tmp_path):
    marker = tmp_path / "ran"
    hostile = bombs(str(marker))
    for protocol in range(6):
        objects = [h for h in hostile if not isinstance(h, bytes)]
        content = {"state_dict": dict(WEIGHTS), "bombs": objects}
        (tmp_path / "numpy.pkl").write_bytes(pickle.dumps(content, protocol))
        source = read_file(tmp_path / "numpy.pkl")
        same(source.tensors, WEIGHTS)
        assert "builtins.eval" in source.inert or "__builtin__.eval" in source.inert
    for stream in (h for h in hostile if isinstance(h, bytes)):
        with zipfile.ZipFile(tmp_path / "raw.pth", "w") as archive:
            archive.writestr("archive/data.pkl", stream)
        with pytest.raises(CheckpointError):
            read_file(tmp_path / "raw.pth")
    assert not marker.exists()
    pickle.loads(pickle.dumps(hostile[0]))  # the bombs are live ones
    assert marker.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle_of_numpy_arrays_is_read(tmp_path, protocol):
    """As VGGFace2's weights are published."""
    arrays = {
        "conv1.weight": WEIGHTS["conv.weight"],
        "by_columns": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "big_endian": np.arange(4, dtype=">f4"),
        "half": np.arange(4, dtype=np.float16),
        "whole": np.arange(3),
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3), np.float32),
    }
    file = tmp_path / "resnet50_ft_weight.pkl"
    file.write_bytes(pickle.dumps(arrays, protocol))
    found = read_file(file).tensors
    same(found, arrays)
    assert {n: v.dtype.newbyteorder("=") for n, v in arrays.items()} == {n: v.dtype for n, v in found.items()}


class Module:
    """A network as torch pickles it whole."""

    def __init__(self, parameters=None, buffers=None, modules=None, hidden=()):
        self._parameters, self._buffers = parameters or {}, buffers or {}
        self._modules, self._non_persistent_buffers_set = modules or {}, set(hidden)
        self.training = True


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_whole_network_that_was_pickled_gives_its_state_dict(tmp_path, wrapped):
    kernel, mean = np.ones((2, 3), np.float32), np.zeros(2, np.float32)
    norm = Module({"weight": mean}, {"running_mean": mean, "scratch": mean}, hidden=["scratch"])
    network = Module({"scale": kernel}, modules={"layer": Module(modules={"0": norm}), "none": None})
    (tmp_path / "net.pth").write_bytes(pickle.dumps({"model": network} if wrapped else network))
    found = read_file(tmp_path / "net.pth").tensors
    same(found, {"scale": kernel, "layer.0.weight": mean, "layer.0.running_mean": mean})


def test_the_container_is_chosen_by_key(tmp_path):
    file, other = tmp_path / "two.pth", {k: v + 1 for k, v in WEIGHTS.items()}
    torch_zip(file, {"student": WEIGHTS, "teacher": {"state_dict": other}, "epoch": 3})
    same(read_file(file, "student").tensors, WEIGHTS)
    same(read_file(file, "teacher.state_dict").tensors, other)
    same(read_file(file, "teacher").tensors, other)
    for key in ("pupil", "epoch", "student.conv"):
        with pytest.raises(
            CheckpointError, match=rf"no state dict under {key}.*choose with --key: student \(2"
        ):
            read_file(file, key)


def test_several_state_dicts_are_told_and_none_is_guessed(tmp_path):
    torch_zip(tmp_path / "usual.pth", {"net": WEIGHTS, "model": WEIGHTS})
    with pytest.raises(CheckpointError, match="several state dicts: choose one with --key net or model"):
        read_file(tmp_path / "usual.pth")
    torch_zip(tmp_path / "own.pth", {"encoder": WEIGHTS, "decoder": WEIGHTS, "optimizer": WEIGHTS})
    with pytest.raises(
        CheckpointError, match=r"choose with --key: encoder \(2 tensors\), decoder \(2 tensors\)"
    ):
        read_file(tmp_path / "own.pth")
    np.savez(tmp_path / "plain.npz", **WEIGHTS)
    with pytest.raises(CheckpointError, match="leave --key out"):
        read_file(tmp_path / "plain.npz", "net")
