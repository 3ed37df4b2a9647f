"""Small synthetic data sets in their raw layouts, with faults, drawn once a session."""

from __future__ import annotations

import pathlib

import pytest

from data_prep.affectnet.prepare import Options, prepare
from data_prep.affwild2 import prepare as affwild2
from data_prep.bold import prepare as bold
from data_prep.emotic import prepare as emotic
from data_prep.emotic.side import SideInputs
from data_prep.synthetic.affectnet.generate import Settings, generate
from data_prep.synthetic.affwild import generate as synthetic_affwild
from data_prep.synthetic.affwild2 import generate as synthetic_affwild2
from data_prep.synthetic.bold import generate as synthetic_bold
from data_prep.synthetic.emotic import generate as synthetic_emotic
from data_prep.synthetic.expressions import generate as expressions
from data_prep.synthetic.oulu_casia import generate as oulu_casia
from data_prep.synthetic.sasefe import generate as sasefe

from .affwild2_tree import SIZE

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


@pytest.fixture(scope="session")
def raw_emotic(tmp_path_factory) -> pathlib.Path:
    """24 + 8 + 8 pictures, faults in the training split."""
    out = tmp_path_factory.mktemp("raw_emotic")
    settings = synthetic_emotic.Settings(train=24, validation=8, test=8, seed=5, faults=True)
    synthetic_emotic.generate(out, settings, workers=1)
    return out


@pytest.fixture(scope="session")
def emotic_sides(raw_emotic) -> SideInputs:
    folders = {name: str(raw_emotic / folder) for name, folder in emotic.SIDE_FOLDERS.items()}
    return SideInputs(**folders)


@pytest.fixture(scope="session")
def prepared_emotic(raw_emotic, emotic_sides, tmp_path_factory) -> pathlib.Path:
    """The synthetic EMOTIC prepared into 3 + 1 + 1 shards of packed pixels. Read only."""
    out = tmp_path_factory.mktemp("prepared_emotic")
    emotic.prepare(raw_emotic, out, emotic.Options(size=64, encoding="raw"), emotic_sides, num_shards=3)
    return out


@pytest.fixture(scope="session")
def raw_affwild2(tmp_path_factory) -> pathlib.Path:
    """8 + 8 clips of 16 frames and a few with one kind of label, faults in the training split."""
    out = tmp_path_factory.mktemp("raw_affwild2")
    settings = synthetic_affwild2.Settings(8, 8, frames=16, size=32, seed=7, faults=True)
    synthetic_affwild2.generate(out, settings, workers=1)
    return out


@pytest.fixture(scope="session")
def prepared_affwild2(raw_affwild2, tmp_path_factory) -> pathlib.Path:
    """The synthetic Aff-Wild2 prepared into 4 + 3 shards. Read only."""
    out = tmp_path_factory.mktemp("prepared_affwild2")
    folders = raw_affwild2 / "cropped_aligned", raw_affwild2 / "annotations"
    affwild2.prepare(*folders, out, affwild2.Options(size=SIZE), num_shards=4)
    return out


@pytest.fixture(scope="session")
def raw_affwild(tmp_path_factory) -> pathlib.Path:
    out = tmp_path_factory.mktemp("raw_affwild")
    synthetic_affwild.generate(out, synthetic_affwild.Settings(3, 2, 2, frames=24, size=48), workers=1)
    return out


@pytest.fixture(scope="session")
def raw_sasefe(tmp_path_factory) -> pathlib.Path:
    out = tmp_path_factory.mktemp("raw_sasefe")
    sasefe.draw(out, expressions.Settings(subjects=5, frames=8, size=(80, 64), faults=True), workers=1)
    return out


@pytest.fixture(scope="session")
def raw_oulu(tmp_path_factory) -> pathlib.Path:
    out = tmp_path_factory.mktemp("raw_oulu")
    oulu_casia.draw(out, expressions.Settings(subjects=5, frames=6, size=(80, 64), faults=True), workers=1)
    return out


@pytest.fixture(scope="session")
def raw_bold(tmp_path_factory) -> pathlib.Path:
    """4 + 2 + 2 clips of 6 to 10 frames, faults in the training split."""
    out = tmp_path_factory.mktemp("raw_bold")
    settings = synthetic_bold.Settings(4, 2, 2, shortest=6, longest=10, size=(96, 72), faults=True)
    synthetic_bold.generate(out, settings, workers=1)
    return out


@pytest.fixture(scope="session")
def prepared_bold(raw_bold, tmp_path_factory) -> pathlib.Path:
    """The synthetic BoLD prepared into packed pixels and joints. Read only."""
    out = tmp_path_factory.mktemp("prepared_bold")
    bold.prepare(raw_bold, out, bold.Options(size=32, encoding="raw"))
    return out
