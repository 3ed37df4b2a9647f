"""What the report of a face run shows, and how several runs stand side by side."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from emojax import systems
from emojax.data.dataset import without_records
from emojax.engine.loop import train
from emojax.errors import ConfigError, DataError
from emojax.labels import Labels
from emojax.report import style
from emojax.systems.faces import comparison as faces_comparison
from emojax.systems.faces.comparison import (
    EvaluatedRun,
    compare,
    disagreeing,
    label_vectors,
    load_runs,
    run_names,
)
from emojax.systems.faces.report import feature_set
from tests.systems.tiny import FEATURES, TinyRun, describe, draw, tiny_config, use_tiny_backbone
from tests.toy import make_dataset


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch):
    use_tiny_backbone(monkeypatch)
    monkeypatch.setattr(style, "DPI", 50)  # the same figures, drawn faster


@pytest.fixture(scope="module")
def records():
    return draw([6] * 7)


def read_from(records):
    return lambda numbers, names: {name: records[name][numbers] for name in names}


def write_report(spec, records, folder, **changes) -> set[str]:
    """Names of the PNGs in the report of an untrained network; the page holds them all."""
    run = TinyRun(tiny_config(f"configs/{spec}", **changes), records)
    outputs = run.predict(records)
    results = {
        "system": run.system.config.name,
        "step": 0,
        "checkpoint": "best",
        "protocol": run.system.protocol,
        "split": {"records": len(records["label"]), "content_hash": "0" * 16},
        "metrics": run.system.measure.metrics(outputs),
        "date": "today",
        "device": "cpu",
    }
    run.system.report.write(folder, run.state.variables, outputs, results, [], read_from(records))
    names = {path.stem for path in folder.glob("*.png")}
    assert (folder / "index.html").read_text().count("data:image/png") == len(names)
    return names


EVERY_RUN = {"labels", "features"}
EXPRESSION = {"confusion", "per_class", "samples", "probabilities"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("affectnet_multitask.py:mtl_mask", EXPRESSION | {"masks", "ages"}),
        ("affectnet_multitask.py:mtl_half_bce", EXPRESSION | {"regions"}),
        ("affectnet_baseline.py:va_single", {"valence_arousal", "plane"}),
        (
            "affectnet_gcn.py:emotion_gcn",
            EXPRESSION | {"valence_arousal", "plane", "similarity", "label_graph"},
        ),
    ],
)
def test_a_report_has_the_figures_of_what_the_system_predicts(spec, expected, records, tmp_path):
    unknown = {**records, "age": np.full_like(records["age"], -1)}
    seen = records if "ages" in expected else unknown
    assert write_report(spec, seen, tmp_path) == EVERY_RUN | expected


def test_the_feature_map_has_the_centres_of_the_state_or_the_class_means(records):
    run = TinyRun(tiny_config("configs/affectnet_metric.py:subclass_m_k3"), records)
    one = feature_set(run.state.variables, run.predict(records))
    assert one.centres.shape == (21, FEATURES)
    state = np.asarray(run.state.model_state["centres"]["metric"])
    np.testing.assert_array_equal(one.centres[one.centre_labels == 4], state[4])
    outputs = {"embedding": np.float32([[0, 0], [2, 4], [1, 1]]), "label": np.array([5, 5, 2])}
    without = feature_set({}, outputs)
    np.testing.assert_array_equal(without.centres, [[1, 1], [1, 2]])
    np.testing.assert_array_equal(without.centre_labels, [2, 5])


def evaluated(spec, records, **changes) -> EvaluatedRun:
    config = tiny_config(f"configs/{spec}", **changes)
    run, dataset = TinyRun(config, records), without_records(describe(config, records))
    return EvaluatedRun(run.system, dataset, 0, run.state.variables, run.predict(records))


def test_runs_stand_side_by_side(records, tmp_path):
    runs = {
        "expressions": evaluated("affectnet_baseline.py:base7", records),
        "values": evaluated("affectnet_baseline.py:va_single", records),
        "both": evaluated("affectnet_multitask.py:mtl_ccc_classic", records),
    }
    sections = compare(tmp_path, runs, read_from(records))
    assert [s.heading for s in sections] == ["Numbers", "Expression", "Samples", "Label vectors", "Features"]
    assert {path.stem for path in tmp_path.glob("*.png")} == {
        *("confusion", "samples", "similarity", "features")
    }
    header, rows = sections[0].tables[0].header, sections[0].tables[0].rows
    assert [row[0] for row in rows] == list(runs)
    accuracy = runs["both"].system.measure.metrics(runs["both"].outputs)["accuracy"]
    assert rows[2][header.index("accuracy")] == accuracy
    vectors = label_vectors(runs)
    assert list(vectors) == ["expressions + values", "both"]
    kernels = [run.variables["params"]["head"] for run in (runs["expressions"], runs["values"])]
    np.testing.assert_array_equal(vectors["expressions + values"][:7], kernels[0]["expression"]["kernel"].T)
    np.testing.assert_array_equal(vectors["expressions + values"][7:], kernels[1]["va"]["kernel"].T)


def test_records_that_runs_disagree_on_come_first():
    one, two = np.array([0, 1, 2, 3, 4, 5]), np.array([0, 1, 9, 3, 9, 5])
    order = disagreeing([one, two])
    assert set(order[:2]) == {2, 4} and sorted(order) == list(range(6))


def test_runs_are_restored_and_predict_the_same_records(tmp_path):
    toy = make_dataset(tmp_path / "toy", train=21, validation=14)
    options = {"data_dir": toy.path, "batch_size": 21, "run__stop_after_steps": 1, "num_epochs": 2}
    for seed, name in enumerate("ab"):
        config = tiny_config("configs/affectnet_multitask.py:mtl_ccc_classic", seed=seed, **options)
        train(config, systems.build(config, toy.recipe), toy, tmp_path / name, progress=False)
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    runs = load_runs(folders, None, "latest", "validation")
    assert list(runs) == ["a", "b"]
    np.testing.assert_array_equal(runs["a"].outputs["label"], runs["b"].outputs["label"])
    assert runs["b"].outputs["valence_arousal"].shape == (14, 2)
    assert not np.array_equal(runs["a"].outputs["embedding"], runs["b"].outputs["embedding"])
    with pytest.raises(ConfigError, match="given twice"):
        load_runs([folders[0], f"{folders[0]}/"], None, "latest", "validation")


def test_runs_on_other_records_or_labels_are_refused(tmp_path):
    one = make_dataset(tmp_path / "one", train=21, validation=14)
    fewer = make_dataset(tmp_path / "fewer", train=21, validation=7)
    with pytest.raises(DataError, match=r"runs a and b do not have the same validation records.*--data_dir"):
        faces_comparison.require_same_records({"a": one, "b": fewer}, "validation")
    faces_comparison.require_same_records({"a": one, "b": fewer}, "train")
    turned = dataclasses.replace(one, labels=Labels(one.labels.classes[::-1], one.labels.dimensions))
    with pytest.raises(DataError, match="classes differ"):
        faces_comparison.require_same_records({"a": one, "b": turned}, "validation")


@pytest.mark.parametrize(
    ("workdirs", "names"),
    [
        (["runs/single", "elsewhere/gcn"], ["single", "gcn"]),
        (["out/base7@demo/seed0", "out/gcn@demo/seed0"], ["base7@demo", "gcn@demo"]),
        (["out/gcn/seed0", "out/gcn/seed1"], ["seed0", "seed1"]),
        (["out/base7/seed0", "out/gcn/seed0", "out/gcn/seed1"], ["base7/seed0", "gcn/seed0", "gcn/seed1"]),
        (["a/run", "b/a/run"], None),
    ],
)
def test_runs_are_named_by_what_tells_their_folders_apart(workdirs, names):
    found = run_names(workdirs)
    assert len(set(found)) == len(workdirs)
    assert names is None or found == names
