"""The command `python -m emojax.pretrained`: what it prints, writes and returns."""

from __future__ import annotations

import argparse
import pathlib
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from emojax.pretrained.__main__ import main
from emojax.pretrained.catalogue import architectures
from emojax.pretrained.convert import abstract_shapes, export_weights
from emojax.pretrained.native import sha256
from tests.pretrained.files import torch_zip
from tests.pretrained.test_convert import random_weights


@pytest.fixture
def published(tmp_path):
    state = export_weights(random_weights("densenet_tiny"))
    torch_zip(tmp_path / "published.pth", state)
    return tmp_path / "published.pth", state


def test_list_tells_sources_licences_and_input_coding_of_every_architecture(capsys):
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for name, arch in architectures().items():
        assert f"{name}  (" in text
        assert all(file.where in text and file.licence in text for file in arch.published)
    assert "sha256 a639ec97" in text and "BGR 0..255, mean (103.939, 116.779, 123.68)" in text


def test_import_reports_every_tensor_and_export_gives_the_file_back(tmp_path, published, capsys):
    source, state = published
    ours, back = str(tmp_path / "ours.safetensors"), str(tmp_path / "back.safetensors")
    assert main(["import", "--arch", "densenet_tiny", "--num-classes", "5", str(source), "--out", ours]) == 0
    text = capsys.readouterr().out
    weights = [name for name in state if not name.endswith("num_batches_tracked")]
    assert all(f"{name} -> " in text for name in weights)
    assert sha256(source) in text and "init_from=" in text
    assert main(["export", ours, "--out", back]) == 0
    restored = load_file(back)
    assert restored.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(restored[name], value)


def test_import_takes_a_container_and_a_prefix_and_names_what_was_not_made(tmp_path, published, capsys):
    _, state = published
    student = {f"encoder.{k}": v for k, v in state.items()} | {"decoder.weight": np.ones(3, np.float32)}
    file, ours = str(tmp_path / "two.pth"), str(tmp_path / "ours.safetensors")
    args = argparse.Namespace(out=pathlib.PosixPath("/out"))
    torch_zip(tmp_path / "two.pth", {"student": student, "teacher": {"a": np.ones(2)}, "args": args})
    command = ["import", "--arch", "densenet_tiny", "--num-classes", "5", file, "--out", ours]
    assert main(command) == 2
    assert "choose with --key: student (" in capsys.readouterr().err
    assert main([*command, "--key", "student"]) == 2
    assert "beside others: pass --prefix 'encoder.'" in capsys.readouterr().err
    assert main([*command, "--key", "student", "--prefix", "encoder."]) == 0
    text = capsys.readouterr().out
    assert "not tensors, not made: argparse.Namespace, pathlib.PosixPath" in text
    assert "decoder.weight: left out" in text


def test_importing_densenet121_takes_less_than_five_seconds(tmp_path):
    torch_zip(tmp_path / "published.pth", export_weights(random_weights("densenet121", 1000)))
    abstract_shapes.cache_clear()
    out = tmp_path / "ours.safetensors"
    start = time.process_time()
    assert main(["import", "--arch", "densenet121", str(tmp_path / "published.pth"), "--out", str(out)]) == 0
    assert time.process_time() - start < 5
    assert out.stat().st_size > 4 * 7_978_856


def test_user_errors_are_one_line_and_status_2(tmp_path, published, capsys):
    source, _ = published
    assert main(["import", "--arch", "densenet_tiny", str(source), "--out", str(tmp_path / "x")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "--num-classes 5" in error
    assert not (tmp_path / "x").exists()
    assert main(["list", "resnet5"]) == 2
    assert "resnet50" in capsys.readouterr().err
    assert main(["import", str(source)]) == 2
    assert "required: --arch" in capsys.readouterr().err
