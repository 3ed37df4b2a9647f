"""The script that compares systems over seeds: what it trains, and what it does not train twice."""

from __future__ import annotations

import importlib.util
import pathlib
import types

import pytest

from emojax.errors import ConfigError, TrainingError

ROOT = pathlib.Path(__file__).resolve().parents[1]
BASE = "configs/affectnet_baseline.py:base7@demo"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.chdir(ROOT)
    spec = importlib.util.spec_from_file_location("compare_seeds", ROOT / "scripts" / "compare_seeds.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def data_of(content_hash):
    split = types.SimpleNamespace(content_hash=content_hash)
    return lambda path: types.SimpleNamespace(split=lambda name: split, recipe=None)


def test_a_system_is_a_config_with_changed_fields(script):
    config = script.configured(
        f"{BASE} objective.expression=unweighted optimizer.learning_rate=0.5", "somewhere", 3, 2
    )
    assert (config.data_dir, config.seed, config.num_epochs) == ("somewhere", 3, 2)
    assert config.objective.expression == "unweighted" and config.optimizer.learning_rate == 0.5
    with pytest.raises(ConfigError, match=r"no field config\.objective\.expresion.*objective\.expression"):
        script.configured(f"{BASE} objective.expresion=focal", "somewhere", 0, 1)


def test_finished_runs_are_kept_and_the_table_has_their_mean_and_spread(
    script, monkeypatch, tmp_path, capsys
):
    trained = []

    def reached(config, dataset, workdir):
        trained.append((config.objective.expression, config.seed))
        return {"accuracy": config.seed / 10}

    monkeypatch.setattr(script, "reached", reached)
    monkeypatch.setattr(script, "load_dataset", data_of("first"))
    specs = [BASE, f"{BASE} objective.expression=focal"]
    options = types.SimpleNamespace(out=tmp_path, data_dir="somewhere", seeds=1, epochs=1, systems=specs)
    script.run_all(options)
    options.seeds = 3
    rows = script.run_all(options)
    assert sorted(trained) == [(loss, seed) for loss in ("focal", "weighted") for seed in range(3)]
    capsys.readouterr()
    script.print_table(rows, specs)
    assert capsys.readouterr().out.count("0.1000 +- 0.1000   [0.0, 0.1, 0.2]") == 2
    monkeypatch.setattr(script, "load_dataset", data_of("other"))
    assert len(script.run_all(options)) == 6 and len(trained) == 12  # results on other data are not these


def test_the_change_to_the_system_above_is_told_in_its_standard_errors(script, capsys):
    rows = [
        {"system": name, "map": value}
        for name, values in {"body": (0.1, 0.2, 0.3), "both": (0.5, 0.6, 0.7)}.items()
        for value in values
    ]
    script.print_table(rows, ["body", "both"])
    # Both spreads are 0.1, so the difference 0.4 has the standard error 0.1 * sqrt(2 / 3).
    assert "+0.4000 to the system above, +4.9 SE" in capsys.readouterr().out


def test_a_run_that_was_stopped_is_no_result(script, monkeypatch, tmp_path):
    stopped = types.SimpleNamespace(finished=False, step=300, state=None)
    monkeypatch.setattr(script, "train", lambda *args, **options: stopped)
    monkeypatch.setattr(script, "load_dataset", data_of("any"))
    monkeypatch.setattr(script.systems, "build", lambda config, dataset: None)
    options = types.SimpleNamespace(out=tmp_path, data_dir="x", seeds=1, epochs=1, systems=[BASE])
    with pytest.raises(TrainingError, match="stopped at step 300"):
        script.run_all(options)
    assert not (tmp_path / "results.jsonl").exists()
