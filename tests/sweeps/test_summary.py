"""What a table says: means, spreads, differences, and what its numbers are worth."""

from __future__ import annotations

import csv
import io
import json
import statistics

import numpy as np
import pytest

from emojax.engine.workdir import result_paths
from emojax.labels import AFFWILD_CLASSES
from emojax.sweeps import ablation, summary
from emojax.sweeps.outcome import DONE, FAILED, MISSING, Outcome
from emojax.sweeps.plan import Options, plan
from emojax.sweeps.tables import find_table
from tests.sweeps.runs import write_result

AFFECTNET = 287_401


def page(tmp_path, name, end, **options):
    """Markdown and CSV of a table whose rows ended as `end(task)` says."""
    table, options = find_table(name), Options(out=tmp_path / "out", data=tmp_path / "data", **options)
    tasks = plan(table, options)
    lines = summary.summarise(tasks, [outcome for task in tasks if (outcome := end(task))])
    parts = [summary.Part(table, tasks, lines)]
    return summary.markdown(parts, options, "scripts/reproduce x"), summary.as_csv(parts)


def ends_with(*accuracies, **result):
    """Seed i ends with the i-th accuracy."""

    def end(task):
        write_result(task, accuracy=accuracies[task.config.seed], **result)
        return Outcome(task, DONE)

    return end


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_mean_spread_and_difference_over_the_seeds(tmp_path):
    seeds = (0.60, 0.62, 0.655)
    text, table = page(tmp_path, "5.1", ends_with(*seeds), rows=("mtl_ccc_classic",), seeds=3)
    percent = [100 * a for a in seeds]
    (row,) = rows_of(table)
    assert float(row["mean"]) == pytest.approx(statistics.fmean(percent), abs=1e-3)
    assert float(row["spread"]) == pytest.approx(np.std(percent, ddof=1), abs=1e-3)
    assert float(row["difference"]) == pytest.approx(statistics.fmean(percent) - 65.63, abs=1e-3)
    assert (row["published"], row["seeds"], row["values"]) == ("65.63", "3", "60 62 65.5")
    assert "| mtl_ccc_classic | 62.50 | 2.78 | 65.63 | \u22123.13 | 3 |" in text
    assert "sample standard deviation (divisor n - 1)" in text


def test_what_is_known_against_the_published_numbers_stands_above_them(tmp_path):
    text, _ = page(tmp_path, "sase/7.9", ends_with(0.25), rows=("oulu6_cnn_face",))
    assert text.index("90 of 449 frames right") < text.index("| oulu6_cnn_face |")


def test_one_seed_has_no_spread(tmp_path):
    text, table = page(tmp_path, "5.1", ends_with(0.66), rows=("base7",))
    assert "| base7 | 66.00 | \u2013 | 64.37 | +1.63 | 1 |" in text
    assert rows_of(table)[0]["spread"] == ""


def test_a_table_prints_its_own_number_and_metrics(tmp_path):
    def end(task):
        write_result(task, accuracy=0.5, ccc_valence=0.5, ccc_arousal=0.25)
        return Outcome(task, DONE)

    published = {n: page(tmp_path, n, end, rows=("mtl_ccc_classic",)) for n in ("5.1", "6.1", "6.3")}
    assert "| 65.63 |" in published["5.1"][0] and "| 65.69 |" in published["6.1"][0]
    assert [r["metric"] for r in rows_of(published["6.3"][1])] == ["CCC valence", "CCC arousal"]
    assert "| mtl_ccc_classic | 0.500 | \u2013 | 0.768 | \u22120.268 | 0.250 |" in published["6.3"][0]


def test_other_splits_of_the_same_rows_stand_below_a_table_and_recalls_take_one_column_each(tmp_path):
    table, options = find_table("affwild_lstm/5.4"), Options(tmp_path / "out", data=tmp_path / "data")
    parts = []
    for each, accuracy in zip((table, *table.beside), (0.5, 0.9, 0.4)):
        tasks = plan(each, options)
        found = {n: {"precision": 0.1, "recall": 0.25, "f1": 0.2} for n in AFFWILD_CLASSES}
        for task in tasks:
            write_result(task, accuracy=accuracy, per_class=found)
        parts.append(summary.Part(each, tasks, summary.summarise(tasks, [Outcome(t, DONE) for t in tasks])))
    text, rows = summary.markdown(parts, options, "x"), rows_of(summary.as_csv(parts))
    assert "## Aff-Wild, validation split" in text and "## Table 5.4-test: Aff-Wild, test split" in text
    assert "| comb_vgg19_fc1 | 25 (39) | 25 (0) | 25 (93) |" in text  # validation
    assert "| comb_vgg19_fc1 | 25 (13) | 25 (0) | 25 (86) |" in text  # test: table C.7
    found = {(r["split"], r["system"]): r["mean"] for r in rows if r["metric"] == "accuracy (%)"}
    assert found["train", "cat_vgg16_fc2"] == "90" and found["test", "cat_vgg16_fc2"] == "40"


def test_nobody_can_take_a_small_run_on_drawn_data_for_a_reproduction(tmp_path):
    text, table = page(
        tmp_path,
        "5.1",
        ends_with(0.9, steps=20),
        rows=("base7",),
        demo=True,
        max_steps=20,
        overrides=("batch_size=8",),
    )
    assert "**This does not reproduce the published table:**" in text
    assert "tiny networks" in text and "has 6,501 records, AffectNet has 287,401 or 291,651" in text
    assert "stopped early: 20 of 728 steps" in text and "changed in every row: batch_size=8" in text
    (row,) = rows_of(table)
    assert (row["size"], row["steps"], row["of_steps"], row["records"]) == ("demo", "20", "728", "6501")


def test_the_real_thing_is_said_to_be_so(tmp_path):
    text, _ = page(tmp_path, "5.1", ends_with(0.64, records=AFFECTNET), rows=("base7",))
    assert "does not reproduce" not in text
    assert "Full size, whole schedule, data of the published size." in text


@pytest.mark.parametrize("videos, told", [(640, ""), (64, "has 64 sequences, SASE-FE has 643")])
def test_data_sets_of_videos_are_compared_by_their_videos_not_by_their_frames(tmp_path, videos, told):
    text, _ = page(tmp_path, "sase/7.2", ends_with(0.6, records=60_000, videos=videos))
    assert told in text and ("synthetic, partial" in text) == bool(told)


def test_results_of_an_earlier_version_say_that_their_videos_were_not_counted(tmp_path):
    end = ends_with(0.6, records=60_000, videos=640)

    def earlier(task):
        outcome = end(task)
        file = result_paths(task.results, task.split).metrics
        result = json.loads(file.read_text())
        del result["sequences"]
        file.write_text(json.dumps(result))
        return outcome

    text, _ = page(tmp_path, "sase/7.2", earlier)
    assert "data of unknown size" in text and "did not count its sequences" in text


def test_rows_that_failed_or_have_no_data_say_why(tmp_path):
    ends = {"base7": (FAILED, "out of | luck"), "mtl_ccc_classic": (MISSING, "no data in x")}

    def end(task):
        return Outcome(task, *ends[task.row.name]) if task.row.name in ends else None

    rows = (*ends, "mtl_eight_concat")
    text, table = page(tmp_path, "5.1", end, rows=rows)
    assert "**failed: out of \\| luck**" in text and "**not run: no data in x**" in text
    assert "**not run yet**" in text and f"without all their seeds: {', '.join(rows)}" in text
    assert [row["mean"] for row in rows_of(table)] == ["", "", ""]


def test_data_sets_stand_in_tables_of_their_own(tmp_path):
    text, _ = page(tmp_path, "6.1", lambda task: None)
    assert text.index("## AffectNet, validation split") < text.index("## Aff-Wild2, validation split")


def test_the_heat_maps_of_the_ablation_show_ours_beside_published(tmp_path, monkeypatch):
    table, options = find_table("6.2"), Options(out=tmp_path, data=tmp_path)
    tasks = plan(table, options)
    for number, task in enumerate(tasks[:-1]):
        write_result(task, accuracy=number / 100)
    lines = summary.summarise(tasks, [Outcome(task, DONE) for task in tasks[:-1]])
    drawn = {}

    def draw(path, panels, *, title, unit):
        drawn[path.name] = panels
        return path

    monkeypatch.setattr("emojax.report.matrices.ablation_heatmap", draw)
    paths = ablation.write_heatmaps(tmp_path, table, lines, reserved=True)
    assert [path.name for path in paths] == ["emotion_gcn_tau.png", "emotion_gcn_p.png"]
    assert list(drawn["emotion_gcn_p.png"]) == ["ours: no reproduction, see table.md", "published"]
    (ours, rows, columns), (published, *_) = drawn["emotion_gcn_tau.png"].values()
    assert rows == ["layers 1", "layers 2", "layers 3"] and columns == [
        "tau 0",
        "tau 0.05",
        "tau 0.1",
        "tau 0.15",
    ]
    np.testing.assert_allclose(ours, np.arange(12).reshape(3, 4))
    assert published[1, 2] == 66.46 and published[0, 3] == 54.94
    (ours, *_), (published, *_) = drawn["emotion_gcn_p.png"].values()
    assert np.isnan(ours[2, 6]) and np.isfinite(ours).sum() == 20
    assert published.shape == (3, 7) and published[0, 6] == 59.31


def test_other_tables_have_no_heat_maps(tmp_path):
    assert ablation.write_heatmaps(tmp_path, find_table("5.1"), [], reserved=True) == []
