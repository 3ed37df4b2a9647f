"""The command that combines runs: a toy ensemble of a real family, from its saved outputs alone."""

from __future__ import annotations

import csv
import dataclasses
import json
import re

import numpy as np
import pytest

from emojax import combine, systems
from emojax.cli import load_config_file
from emojax.engine.outputs import Outputs, make_meta, read_outputs, write_outputs
from emojax.metrics.bold import emotion_recognition_score

NAMES = ("bold_rgb_b@demo", "bold_stgcn_spatial@demo", "bold_lma_stats_conv1d@demo")
COUNT = 60


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of three BoLD systems with the outputs of evaluations: each knows other categories."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    truth = {"categories": (rng.random((COUNT, 26)) < 0.4).astype(np.float32), "vad": rng.random((COUNT, 3))}
    truth["vad"] = truth["vad"].astype(np.float32)
    for seed, name in enumerate(NAMES):
        config = load_config_file(f"configs/bold.py:{name}")
        recipe = systems.stand_in(config)
        rng = np.random.default_rng(seed)
        noise = np.where(np.arange(26) % 3 == seed, 0.5, 4.0)
        arrays = {
            **truth,
            "index": np.arange(COUNT),
            "logits": (4 * truth["categories"] - 2 + rng.normal(0, 1, (COUNT, 26)) * noise).astype(
                np.float32
            ),
            "dimensions": np.clip(truth["vad"] + rng.normal(0, 0.2, (COUNT, 3)), 0, 1).astype(np.float32),
        }
        ids = {
            "source_id": np.array([f"clip{i} person 0" for i in range(COUNT)]),
            "clip": np.array([f"clip{i // 2}" for i in range(COUNT)]),
        }
        for split in ("validation", "test"):
            meta = make_meta(
                system=name, step=seed, split=split, dataset="bold", content_hash="c", labels=recipe.labels,
                config=json.loads(config.to_json_best_effort()), recipe=recipe, protocol="toy",
            )  # fmt: skip
            write_outputs(folder / name / f"outputs_{split}.npz", Outputs(arrays, ids, meta))
    return folder


def write_config(folder, **changes):
    members = changes.pop("members", dict(zip(NAMES, (0.4, 0.4, 0.2))))
    file = folder / "toy_ensembles.py"
    file.write_text(
        "from configs import base\n\n\ndef get_config(variant='toy_final'):\n"
        f"    return base.ensemble(variant, {members!r}, **{changes!r})\n"
    )
    return f"{file}:toy_final"


def test_the_ensemble_of_a_config_is_the_weighted_mean_and_beats_its_best_member(runs, tmp_path, capsys):
    out = tmp_path / "out"
    assert combine.main(["--config", write_config(tmp_path), "--runs", str(runs), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert "bold validation, weighted_mean of" in told.out, told.err
    members = [read_outputs(runs / name / "outputs_validation.npz") for name in NAMES]
    weights = np.array([0.4, 0.4, 0.2])
    shares = sum(w / (1 + np.exp(-m.arrays["logits"].astype(np.float64))) for w, m in zip(weights, members))
    values = sum(w * m.arrays["dimensions"] for w, m in zip(weights, members))
    written = read_outputs(out / "outputs_validation.npz")
    np.testing.assert_allclose(1 / (1 + np.exp(-written.arrays["logits"])), shares, atol=1e-6)
    np.testing.assert_allclose(written.arrays["dimensions"], values, atol=1e-6)
    assert written.meta["system"] == "toy_final" and written.meta["members"] == dict(zip(NAMES, weights))
    results = json.loads((out / "metrics.json").read_text())
    names = {"classes": written.labels.classes, "dimensions": written.labels.dimensions}
    truth = written.arrays["categories"], written.arrays["vad"]

    def score(logits, dimensions):
        return emotion_recognition_score(logits, truth[0], dimensions, truth[1], **names)["ers"]

    assert results["metrics"]["ers"] == pytest.approx(score(shares, values), abs=1e-6)
    best = max(score(member.arrays["logits"], member.arrays["dimensions"]) for member in members)
    assert results["metrics"]["ers"] > best + 0.02
    with open(out / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == COUNT and rows[7]["source_id"] == "clip7 person 0"
    assert float(rows[7]["score_peace"]) == pytest.approx(shares[7, 0], abs=1e-5)


def test_the_order_of_the_runs_does_not_matter_and_ensembles_combine_again(runs, tmp_path):
    folders = [str(runs / name) for name in NAMES]
    for out, order in (("a", [0, 1, 2]), ("b", [2, 0, 1])):
        weights = ",".join(str((0.4, 0.4, 0.2)[i]) for i in order)
        command = [
            "--runs",
            *(folders[i] for i in order),
            "--weights",
            weights,
            "--name",
            "e",
            "--out",
            str(tmp_path / out),
        ]
        for split in ("validation", "test"):  # thresholds of the label sets come from the validation split
            assert combine.main([*command, "--split", split]) == 0
    assert (tmp_path / "a" / "outputs_test.npz").read_bytes() == (
        tmp_path / "b" / "outputs_test.npz"
    ).read_bytes()
    assert (tmp_path / "a" / "metrics_test.json").exists() and (
        tmp_path / "a" / "predictions_test.csv"
    ).exists()
    again = ["--runs", str(tmp_path / "a"), folders[1], "--split", "test", "--method", "maximum"]
    assert combine.main([*again, "--out", str(tmp_path / "c")]) == 0


def test_intervals_are_over_clips_or_what_is_asked_for(runs, tmp_path, capsys):
    command = [
        "--runs",
        *(str(runs / name) for name in NAMES[:2]),
        "--out",
        str(tmp_path),
        "--bootstrap",
        "20",
    ]
    assert combine.main(command) == 0
    results = json.loads((tmp_path / "metrics.json").read_text())
    low, high = results["intervals"]["ers"]
    assert low < results["metrics"]["ers"] < high
    assert (results["grouped_by"], results["groups"], results["draws"]) == ("clip", 30, 20)
    assert f"[{low:.4f}, {high:.4f}]" in capsys.readouterr().out
    assert combine.main([*command, "--groups", "subject"]) == 2
    assert "no 'subject' of the examples. They hold: source_id, clip." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "0.5,0.6"], "sum to 1.1, not to 1"),
        (["--weights", "a,b"], "--weights are numbers"),
        (
            ["--split", "train"],
            "has no outputs of the split 'train'.*python -m emojax.evaluate --workdir .*--split train",
        ),
        (["--space", "odds"], "probabilities, logits, not 'odds'"),
        (["--pool"], "are not the outputs of a fold: train with --fold K/N"),
        (["--pool", "--method", "mean"], "--pool joins folds"),
        (["--config", "configs/bold.py:bold_rgb_b"], "--runs is one folder"),
    ],
)
def test_a_mistake_is_one_line(runs, tmp_path, capsys, arguments, message):
    command = [
        "--runs",
        *(str(runs / name) for name in NAMES[:2]),
        "--out",
        str(tmp_path / "out"),
        *arguments,
    ]
    assert combine.main(command) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and not (tmp_path / "out").exists()
    assert re.search(message, told), told


def test_members_of_a_config_are_found_by_name_or_named_as_missing(runs, tmp_path, capsys):
    command = ["--runs", str(runs), "--out", str(tmp_path / "out")]
    spec = write_config(tmp_path, members={NAMES[0]: 0.5, "bold_rgb_bc@demo": 0.5})
    assert combine.main(["--config", spec, *command]) == 2
    assert (
        "There are no outputs of bold_rgb_bc@demo on the split 'validation' below" in capsys.readouterr().err
    )
    spec = write_config(tmp_path, members={NAMES[0]: 0.5, NAMES[1]: 0.4})
    assert combine.main(["--config", spec, *command]) == 2
    assert "sum to 0.9, not to 1" in capsys.readouterr().err
    (tmp_path / "twice" / "a").mkdir(parents=True)
    for folder in ("a", "b"):
        write_outputs(tmp_path / "twice" / folder / "outputs_validation.npz", read(runs, NAMES[0]))
    spec = write_config(tmp_path, members={NAMES[0]: 0.5, NAMES[1]: 0.5})
    assert (
        combine.main(["--config", spec, "--runs", str(tmp_path / "twice"), "--out", str(tmp_path / "out")])
        == 2
    )
    assert f"There are 2 runs of {NAMES[0]} below" in capsys.readouterr().err
    assert combine.main(["--config", "configs/bold.py:bold_rgb_b", *command]) == 2
    assert "is no ensemble but a system" in capsys.readouterr().err


def read(runs, name):
    return read_outputs(runs / name / "outputs_validation.npz")


def test_the_folds_of_a_system_are_pooled_by_the_command(runs, tmp_path, capsys):
    whole = read(runs, NAMES[0])
    for k in (1, 2, 3):
        rows = np.flatnonzero(np.arange(COUNT) // 2 % 3 == k - 1)
        part = whole.rows(rows)
        fold = {"k": k, "of": 3, "by": "clip", "pool": ["train", "validation"], "content_hash": "p"}
        arrays, ids = {**part.arrays, "index": np.arange(len(rows))}, {**part.ids, "pool_record": rows}
        part = dataclasses.replace(part, arrays=arrays, ids=ids, meta={**part.meta, "fold": fold})
        write_outputs(tmp_path / f"fold{k}" / "outputs_validation.npz", part)
    folders = [str(tmp_path / f"fold{k}") for k in (3, 1, 2)]
    assert combine.main(["--runs", *folders, "--pool", "--out", str(tmp_path / "pooled")]) == 0, (
        capsys.readouterr().err
    )
    results = json.loads((tmp_path / "pooled" / "metrics.json").read_text())
    expected = systems.build(whole.config, whole.recipe).measure.metrics(whole.arrays)
    assert results["metrics"] == json.loads(json.dumps(expected)) and "3 folds pooled" in results["protocol"]
    assert combine.main(["--runs", *folders[:2], "--pool", "--out", str(tmp_path / "out")]) == 2
    assert "fold 2 of 3 is missing" in capsys.readouterr().err
