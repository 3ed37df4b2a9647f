"""Files are read as what they are, and bad ones are refused with a reason and without being executed."""

from __future__ import annotations

import os
import pickle
import resource
import zipfile

import h5py
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from emojax.errors import CheckpointError
from emojax.pretrained.readers import read_file
from tests.pretrained.files import keras_zip, torch_stream, torch_zip

WEIGHTS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.ones(2, np.float32),
}


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("key", ["net", "ema", "ema_state_dict", "params"])
def test_a_container_of_one_state_dict_is_read_whatever_its_name(tmp_path, key):
    torch_zip(tmp_path / "file.pth", {key: WEIGHTS, "epoch": 3})
    same(read_file(tmp_path / "file.pth").tensors, WEIGHTS)


def test_averaged_weights_beside_those_that_are_taken_are_told(tmp_path):
    averaged = {name: value + 1 for name, value in WEIGHTS.items()}
    optimiser = {"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)}
    torch_zip(tmp_path / "file.pth", {"model": WEIGHTS, "ema": averaged, "optimizer": optimiser})
    source = read_file(tmp_path / "file.pth")
    same(source.tensors, WEIGHTS)
    assert source.others == ("ema",)
    same(read_file(tmp_path / "file.pth", key="ema").tensors, averaged)


@pytest.mark.parametrize("write", [torch_zip, torch_stream])
@pytest.mark.parametrize("nested", ["", "state_dict", "model_state_dict"])
def test_torch_files_of_both_formats_are_read_plain_and_nested(tmp_path, nested, write):
    file = tmp_path / "weights.pth.tar"
    write(file, {nested: WEIGHTS, "epoch": 3, "args": {"lr": 0.1}} if nested else WEIGHTS)
    source = read_file(file)
    assert source.flavour == "torch"
    same(source.tensors, WEIGHTS)


def test_the_content_and_not_the_ending_decides(tmp_path):
    file = tmp_path / "weights.bin"
    save_file({k: v.astype(ml_dtypes.bfloat16) for k, v in WEIGHTS.items()}, file)
    source = read_file(file)
    assert source.flavour == "torch" and source.tensors["conv.bias"].dtype == ml_dtypes.bfloat16
    np.savez(tmp_path / "weights.npz", **{"conv/kernel": WEIGHTS["conv.weight"]})
    assert read_file(tmp_path / "weights.npz").flavour == "keras"


def test_keras_1_and_2_files_are_read_by_layer(tmp_path):
    file = tmp_path / "weights.h5"
    with h5py.File(file, "w") as h5:
        h5.attrs["layer_names"] = [b"block1_conv1", b"conv1/bn", b"inner"]
        old = h5.create_group("block1_conv1")
        old.attrs["weight_names"] = [b"block1_conv1_W_1:0", b"block1_conv1_b_1:0"]
        old["block1_conv1_W_1:0"], old["block1_conv1_b_1:0"] = np.ones((3, 3, 1, 2)), np.zeros(2)
        norm = h5.create_group("conv1/bn")
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        norm.attrs["weight_names"] = [f"conv1/bn/{n}:0".encode() for n in names]
        for i, name in enumerate(names):
            norm[f"conv1/bn/{name}:0"] = np.full(2, i)
        nested = h5.create_group("inner")
        nested.attrs["weight_names"] = [b"a/kernel:0", b"b/depthwise_kernel:0"]
        nested["a/kernel:0"], nested["b/depthwise_kernel:0"] = np.ones((2, 3)), np.ones((3, 3, 2, 1))
    tensors = read_file(file).tensors
    assert {k: v.shape for k, v in tensors.items()} == {
        "block1_conv1/kernel": (3, 3, 1, 2),
        "block1_conv1/bias": (2,),
        "conv1/bn/gamma": (2,),
        "conv1/bn/beta": (2,),
        "conv1/bn/moving_mean": (2,),
        "conv1/bn/moving_variance": (2,),
        "a/kernel": (2, 3),
        "b/depthwise_kernel": (3, 3, 2, 1),
    }
    assert tensors["conv1/bn/moving_variance"][0] == 3


def test_keras_3_files_are_read_by_the_layers_of_their_config(tmp_path):
    rng = np.random.default_rng(0)
    shapes = {
        "stem": ("Conv2D", [(3, 3, 3, 8)]),
        "stem_bn": ("BatchNormalization", [(8,)] * 4),
        "middle": ("SeparableConv2D", [(3, 3, 8, 1), (1, 1, 8, 4)]),
        "middle_bn": ("BatchNormalization", [(4,)] * 4),
        "predictions": ("Dense", [(4, 2), (2,)]),
    }
    layers = {n: (kind, [rng.normal(size=s) for s in sizes]) for n, (kind, sizes) in shapes.items()}
    keras_zip(tmp_path / "model.keras", layers)
    source = read_file(tmp_path / "model.keras")
    norm = ("gamma", "beta", "moving_mean", "moving_variance")
    names = {
        "stem": ("kernel",),
        "stem_bn": norm,
        "middle": ("depthwise_kernel", "pointwise_kernel"),
        "middle_bn": norm,
        "predictions": ("kernel", "bias"),
    }
    expected = {f"{n}/{v}": a for n in layers for v, a in zip(names[n], layers[n][1], strict=True)}
    assert source.flavour == "keras"
    same(source.tensors, expected)


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def test_a_pickle_that_wants_to_run_code_is_refused_and_runs_nothing(tmp_path):
    marker = str(tmp_path / "ran")
    evil = pickle.dumps({"state_dict": Evil(marker)}, protocol=2)
    (tmp_path / "plain.pth").write_bytes(evil)
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("archive/data.pkl", evil)
    for name in ("plain.pth", "zip.pth"):
        with pytest.raises(CheckpointError, match=r"asks for posix\.mkdir.*nothing is executed"):
            read_file(tmp_path / name)
    assert not os.path.exists(marker)


def test_an_allowed_name_gives_no_way_to_others(tmp_path):
    """Names are looked up whole: no attribute walk from an allowed module."""
    stream = b"\x80\x04\x8c\x0bcollections\x8c\x15OrderedDict.__class__\x93."
    (tmp_path / "walk.pth").write_bytes(stream)
    with pytest.raises(CheckpointError, match=r"OrderedDict\.__class__"):
        read_file(tmp_path / "walk.pth")


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path):
    file = tmp_path / "weights.pth"
    torch_zip(file, WEIGHTS)
    broken = tmp_path / "broken.pth"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            # the first stride of conv.weight, 12, becomes 200
            new.writestr(name, content.replace(b"K\x0cK\x04K\x02K\x01", b"K\xc8K\x04K\x02K\x01"))
    with pytest.raises(CheckpointError, match="beyond its storage"):
        read_file(broken)


@pytest.mark.parametrize("kind", ["torch", "old torch", "safetensors", "npz", "h5", "keras"])
def test_truncated_files_are_told(tmp_path, kind):
    file = tmp_path / "weights"
    if kind == "torch":
        torch_zip(file, WEIGHTS)
    elif kind == "old torch":
        torch_stream(file, WEIGHTS)
    elif kind == "keras":
        keras_zip(file, {"dense": ("Dense", [np.ones((4, 2)), np.zeros(2)])})
    elif kind == "safetensors":
        save_file(WEIGHTS, file)
    elif kind == "npz":
        np.savez(open(file, "wb"), **WEIGHTS)  # noqa: SIM115
    else:
        with h5py.File(file, "w") as h5:
            h5.create_group("model_weights").attrs["layer_names"] = [b"x"]
            h5["x"] = np.ones(5000)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        read_file(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\n<!DOCTYPE html><html>Sign in", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"\x1f\x8b\x08\x00abc", "gzip"),
        (b"just some text, long enough to be one", "no torch, safetensors, Keras or .npz"),
        (bytes(257) + b"ustar" + bytes(300), "tar archive"),
    ],
)
def test_other_kinds_of_files_are_told(tmp_path, content, reason):
    file = tmp_path / "weights.pth"
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=reason) as error:
        read_file(file)
    assert str(file) in str(error.value)


def test_missing_files_folders_and_empty_archives_are_told(tmp_path):
    with pytest.raises(CheckpointError, match="There is no file"):
        read_file(tmp_path / "nothing.pth")
    with pytest.raises(CheckpointError, match="is a folder"):
        read_file(tmp_path)
    torch_zip(tmp_path / "none.pth", {"epoch": 3})
    with pytest.raises(CheckpointError, match=r"no state dict .* it has \['epoch'\]"):
        read_file(tmp_path / "none.pth")


@pytest.mark.parametrize("beginning", [b"PK\x03\x04", b"PK", b"\x80", b"\x1f\x8b", b"}q\x00"])
def test_a_safetensors_header_may_have_any_length(tmp_path, beginning):
    """Its length comes first, and a length may look like the beginning of a zip archive or of a pickle."""
    save_file(WEIGHTS, tmp_path / "plain")
    content = (tmp_path / "plain").read_bytes()
    length = int.from_bytes(content[:8], "little")
    wanted = int.from_bytes(beginning.ljust(3, b"\x01")[:4], "little")
    header = content[8 : 8 + length].ljust(wanted)
    (tmp_path / "padded").write_bytes(wanted.to_bytes(8, "little") + header + content[8 + length :])
    same(read_file(tmp_path / "padded").tensors, WEIGHTS)


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(CheckpointError, match="is a pipe or a device"):
        read_file(tmp_path / "pipe.pth")


def test_a_dataset_that_claims_more_than_its_file_could_hold_is_refused(tmp_path):
    with h5py.File(tmp_path / "hollow.h5", "w") as file:
        file.attrs["layer_names"] = [b"conv"]
        group = file.create_group("conv")
        group.attrs["weight_names"] = [b"conv/kernel:0"]
        group.create_dataset("conv/kernel:0", (1000, 1000, 1000, 100), np.float32)
    with pytest.raises(CheckpointError, match="claims 400,000,000,000 bytes"):
        read_file(tmp_path / "hollow.h5")


def test_an_attribute_that_claims_four_gigabytes_is_refused_without_taking_them(tmp_path):
    with h5py.File(tmp_path / "hollow.h5", "w") as file:
        file.attrs["layer_names"] = ["the only layer"]
    content = (tmp_path / "hollow.h5").read_bytes()
    length = content.index(
        len("the only layer").to_bytes(4, "little") + bytes([0, 8])
    )  # before the heap's address
    (tmp_path / "hollow.h5").write_bytes(content[:length] + b"\xf0\xff\xff\xff" + content[length + 4 :])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_file(tmp_path / "hollow.h5")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < peak + (1 << 20)
    assert resource.getrlimit(resource.RLIMIT_AS) == limits


def writers():
    """kind -> writes `WEIGHTS`."""

    def h5(path):
        with h5py.File(path, "w") as file:
            group = file.create_group("conv")
            group.attrs["weight_names"] = [b"conv/kernel:0"]
            file.attrs["layer_names"] = [b"conv"]
            group["conv/kernel:0"] = WEIGHTS["conv.weight"]

    return {
        "torch": lambda path: torch_zip(path, WEIGHTS),
        "old torch": lambda path: torch_stream(path, WEIGHTS),
        "pickle": lambda path: path.write_bytes(pickle.dumps(WEIGHTS)),
        "safetensors": lambda path: save_file(WEIGHTS, path),
        "npz": lambda path: np.savez(path.open("wb"), **WEIGHTS),
        "compressed npz": lambda path: np.savez_compressed(path.open("wb"), **WEIGHTS),
        "h5": h5,
        "keras": lambda path: keras_zip(path, {"dense": ("Dense", [np.ones((4, 2)), np.zeros(2)])}),
    }


@pytest.mark.parametrize("kind", writers())
def test_damaged_bytes_give_one_clear_line_or_arrays(tmp_path, kind):
    """Bytes that are changed, missing or doubled, at random places; a format without checksums may not notice."""
    whole, damaged = tmp_path / "whole", tmp_path / "damaged"
    writers()[kind](whole)
    content, refused = whole.read_bytes(), 0
    assert read_file(whole).tensors
    rng = np.random.default_rng(0)
    for case in range(80):
        at, length = rng.integers(len(content)), int(rng.integers(1, 40))
        middle = [rng.bytes(length), b"", content[at : at + length] * 2][case % 3]
        damaged.write_bytes(content[:at] + middle + content[at + length :])
        try:
            assert all(isinstance(v, np.ndarray) for v in read_file(damaged).tensors.values())
        except CheckpointError as error:
            assert str(damaged) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 20
