"""A small synthetic AffectNet in both raw layouts, with faults, drawn once a session."""

from __future__ import annotations

import pathlib

import pytest

from data_prep.affectnet import Options, prepare
from data_prep.synthetic.affectnet import Settings, generate

OPTIONS = Options(size=48)


@pytest.fixture(scope="session")
def raw_2017(tmp_path_factory) -> pathlib.Path:
    return _draw(tmp_path_factory, 2017)


@pytest.fixture(scope="session")
def raw_2021(tmp_path_factory) -> pathlib.Path:
    return _draw(tmp_path_factory, 2021)


def _draw(tmp_path_factory, layout: int) -> pathlib.Path:
    out = tmp_path_factory.mktemp(f"raw{layout}")
    generate(out, Settings(train=64, validation=24, size=64, seed=3, layout=layout, faults=True), workers=1)
    return out


@pytest.fixture(scope="session")
def prepared(raw_2017, tmp_path_factory) -> pathlib.Path:
    """The 2017 set prepared into 4 + 1 shards. Read only: copy it to damage it."""
    out = tmp_path_factory.mktemp("prepared")
    prepare(raw_2017, out, OPTIONS, num_shards=4)
    return out
