"""What the tests of faults share."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.runs import run
from tests.systems.tiny import use_tiny_backbone
from tests.toy import make_dataset


@pytest.fixture(scope="package", autouse=True)
def tiny_network():
    """Systems of these tests have a network of two convolutions: what is tested is around it."""
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_backbone(patch)
        yield


@pytest.fixture(scope="package")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="package")
def finished(tiny_network, dataset, tmp_path_factory):
    """Work directory of a run of 15 steps with the checkpoints of its best and its last step."""
    workdir = tmp_path_factory.mktemp("finished")
    run(dataset, workdir)
    return workdir


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(finished, tmp_path / "run")
