"""A seeded campaign: whatever is wrong with the files, a preparation and the check end in one line or count it.

`EMOJAX_FAULTS=1000 python -m pytest tests/data_prep/test_damage.py` tries a thousand cases of each kind.
"""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import time

import pytest

from data_prep.affectnet.prepare import Options, prepare
from data_prep.affwild import prepare as affwild
from data_prep.affwild2 import prepare as affwild2
from data_prep.bold import prepare as bold
from data_prep.check.command import check_dataset, main
from data_prep.emotic import prepare as emotic
from data_prep.emotic import records as emotic_records
from data_prep.emotic.side import SideInputs
from data_prep.oulu_casia import prepare as oulu_casia
from data_prep.sasefe import prepare as sasefe
from data_prep.sequences import prepare as sequences
from emojax.errors import EmojaxError
from tests.data_prep.damage import copy_linked, damage, seconds

_CASES = int(os.environ.get("EMOJAX_FAULTS", "5"))
_SECONDS = 20


def _affectnet(raw, out, generator):
    align = generator.choice(("none", "rotate_crop", "similarity"))
    return prepare(raw, out, Options(size=32, align=align, masks=generator.random() < 0.3))[0]


def _affwild2(raw, out, generator):
    return affwild2.prepare(raw / "cropped_aligned", raw / "annotations", out, affwild2.Options(size=24))[0]


def _emotic(raw, out, generator):
    sides = {name: str(raw / folder) for name, folder in emotic.SIDE_FOLDERS.items()}
    return emotic.prepare(raw, out, emotic_records.Options(size=32, encoding="raw"), SideInputs(**sides))[0]


def _bold(raw, out, generator):
    modalities = generator.choice((("rgb",), ("skeleton",), ("rgb", "skeleton")))
    return bold.prepare(raw, out, bold.Options(size=32, encoding="raw", modalities=modalities))[0]


def _affwild(raw, out, generator):
    labels = generator.choice(("va", "both"))
    return affwild.prepare(raw, out, affwild.Options(size=32, encoding="raw", labels=labels))[0]


def _sasefe(raw, out, generator):
    options = sequences.Options(size=32, encoding="raw")
    return sequences.prepare(sasefe.plan(raw, options), raw / "landmarks", out, options)[0]


def _oulu(raw, out, generator):
    options = sequences.Options(size=32, encoding="raw")
    return sequences.prepare(oulu_casia.plan(raw, options), raw / "landmarks", out, options)[0]


_KINDS = {
    "raw_2017": (_affectnet, ("training.csv", "validation.csv", "**/*.jpg")),
    "raw_2021": (_affectnet, ("**/*.npy", "**/*.npy", "**/*.jpg")),
    "raw_affwild2": (_affwild2, ("annotations/**/*.txt", "**/*.jpg")),
    "raw_emotic": (
        _emotic,
        (
            "**/*.mat",
            "openface/**/*.csv",
            "openpose/**/*.json",
            "scenes/**/*.npy",
            "depth/**/*.png",
            "emotic/**/*.*",
        ),
    ),
    "raw_affwild": (_affwild, ("**/*.txt", "**/*.txt", "**/*.csv", "categories/*.csv", "**/*.avi")),
    "raw_oulu": (_oulu, ("**/*.csv", "**/*.jpeg")),
    "raw_sasefe": (_sasefe, ("**/*.csv", "**/*.mp4")),
    "raw_bold": (_bold, ("annotations/*.csv", "annotations/*.csv", "joints/**/*.npy", "videos/**/*.mp4")),
}


def _damage_some(folder: pathlib.Path, patterns, generator: random.Random) -> list[str]:
    changed = []
    for _ in range(generator.choice((1, 1, 3))):
        files = sorted(path for path in folder.glob(generator.choice(patterns)) if path.is_file())
        if files:
            path = generator.choice(files)
            damage(path, generator)
            changed.append(str(path.relative_to(folder)))
    return changed


@pytest.mark.parametrize("kind", _KINDS)
def test_damaged_raw_data_is_refused_in_one_line_or_counted(request, tmp_path, kind):
    raw, (run, patterns) = request.getfixturevalue(kind), _KINDS[kind]
    for seed in range(_CASES):
        generator = random.Random(f"{kind} {seed}")
        folder = copy_linked(raw, tmp_path / str(seed))
        changed = _damage_some(folder, patterns, generator)
        start = time.monotonic()
        try:
            dataset = run(folder, tmp_path / f"out{seed}", generator)
        except EmojaxError as error:
            assert "\n" not in str(error), (seed, changed)
        else:
            problems = check_dataset(dataset, workers=1).problems
            assert [p for p in problems if "share" not in p and "equal pixels" not in p] == [], (
                seed,
                changed,
            )
        assert time.monotonic() - start < seconds(_SECONDS), (seed, changed)
        shutil.rmtree(folder)
        shutil.rmtree(tmp_path / f"out{seed}", ignore_errors=True)


@pytest.mark.parametrize("kind", ["prepared", "prepared_emotic", "prepared_affwild2", "prepared_bold"])
def test_a_damaged_prepared_folder_is_told_by_the_check(request, tmp_path, kind, capsys):
    patterns = ("dataset.json", "dataset.json", "*.tfrecord-*-of-?????", "*.index", "columns-*.npz")
    for seed in range(_CASES):
        folder = copy_linked(request.getfixturevalue(kind), tmp_path / str(seed))
        changed = _damage_some(folder, patterns, random.Random(f"{kind} {seed}"))
        status = main([str(folder), "--workers", "1"])
        told = capsys.readouterr()
        assert status in (0, 1, 2), (seed, changed)
        if any("tfrecord" in name and not name.endswith(".index") for name in changed):
            assert status != 0, (seed, changed)
        assert "Traceback" not in told.err
        shutil.rmtree(folder)
