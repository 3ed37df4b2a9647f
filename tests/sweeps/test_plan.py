"""Which runs fill a table, and when one counts as finished."""

from __future__ import annotations

import json
import pickle

import pytest

from emojax import systems
from emojax.engine.workdir import result_paths, write_recipe
from emojax.errors import ConfigError
from emojax.sweeps.missing import commands
from emojax.sweeps.plan import Options, plan
from emojax.sweeps.tables import find_table
from tests.sweeps.runs import write_data, write_result


def tasks(tmp_path, name="5.1", **options):
    return plan(find_table(name), Options(out=tmp_path / "out", data=tmp_path / "data", **options))


def one(tmp_path, **options):
    (task,) = tasks(tmp_path, rows=("base7",), **options)
    return task


def test_a_run_a_row_and_seed(tmp_path):
    runs = tasks(tmp_path, rows=("base7", "mtl_ccc_classic"), seeds=3, demo=True, max_steps=7)
    assert [(t.row.name, t.config.seed) for t in runs] == [
        (row, seed) for row in ("base7", "mtl_ccc_classic") for seed in range(3)
    ]
    assert len({t.workdir for t in runs}) == 6
    config = runs[0].config
    assert config.name == "base7@demo" and config.run.stop_after_steps == 7
    assert config.data_dir == str(tmp_path / "data" / "synthetic_affectnet")


def test_a_task_can_be_sent_to_another_process(tmp_path):
    task = one(tmp_path)
    again = pickle.loads(pickle.dumps(task))
    assert again.config.to_dict() == task.config.to_dict() and again.row == task.row


def test_an_svm_row_shares_the_training_and_has_results_of_its_own(tmp_path):
    (svm,) = tasks(tmp_path, "5.4", rows=("svm_eight_island",))
    (network,) = tasks(tmp_path, "5.3", rows=("eight_island_classic",))
    assert svm.workdir == network.workdir == network.results != svm.results
    assert svm.network.to_dict() == network.config.to_dict()
    assert svm.config.svm.kernel == "linear" and svm.network.svm.kernel == "none"


def test_fields_are_changed_in_every_row(tmp_path):
    overrides = ("batch_size=64", "optimizer.learning_rate=1", "model.gcn.transpose=true", "monitor=macro_f1")
    for task in tasks(tmp_path, "3.1", overrides=overrides):
        for config in (task.config, task.network):
            assert (config.batch_size, config.optimizer.learning_rate) == (64, 1.0)
            assert config.model.gcn.transpose is True and config.monitor == "macro_f1"


def test_weights_go_by_the_backbone_and_not_into_rows_from_scratch(tmp_path):
    found = {
        t.row.name: t.config.init_from
        for t in tasks(tmp_path, "3.1", overrides=("init_from=weights/{backbone}.safetensors",))
    }
    assert found["base8_r50"] == found["base8_r50_w"] == ""
    assert found["base8_r50_w_pt"] == "weights/resnet50.safetensors"
    assert found["base7"] == "weights/densenet121.safetensors"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("batchsize=3", r"no field config\.batchsize.*config\.batch_size"),
        ("batch_size=many", r"config\.batch_size cannot be 'many': it takes whole numbers like 35"),
        ("batch_size=1.5", r"config\.batch_size cannot be '1\.5'"),
    ],
)
def test_a_wrong_field_or_value_is_one_clear_line(tmp_path, override, message):
    with pytest.raises(ConfigError, match=message):
        tasks(tmp_path, overrides=(override,))


def test_a_folder_with_runs_of_another_config_is_refused_before_anything_starts(tmp_path):
    task = one(tmp_path)
    task.workdir.mkdir(parents=True)
    write_recipe(task.workdir, task.network, systems.stand_in(task.network))
    one(tmp_path, max_steps=5)  # changes no result
    with pytest.raises(ConfigError, match=r"batch_size \(35 there, 64 now\).*another --out"):
        tasks(tmp_path, overrides=("batch_size=64",))


def test_finished_means_the_same_config_as_many_steps_and_the_same_data(tmp_path):
    task = one(tmp_path)
    assert not task.is_finished()
    write_result(task, steps=728)
    assert task.is_finished()  # the data may be gone
    write_data(tmp_path / "data" / "affectnet")
    assert task.is_finished()
    write_data(tmp_path / "data" / "affectnet", content_hash="other")
    assert not task.is_finished()


def test_a_longer_training_is_not_finished_by_a_shorter_one(tmp_path):
    short = one(tmp_path, max_steps=50)
    write_result(short, steps=50)
    assert short.is_finished() and one(tmp_path, max_steps=40).is_finished()
    assert not one(tmp_path, max_steps=51).is_finished() and not one(tmp_path).is_finished()


def test_a_result_of_another_config_or_cut_off_does_not_count(tmp_path):
    task = one(tmp_path)
    write_result(task)
    assert not one(tmp_path, overrides=("batch_size=64",)).is_finished()
    file, *_ = result_paths(task.results, task.split)
    file.write_text(file.read_text()[:100])
    assert not task.is_finished()


def test_missing_data_is_told_with_the_commands_that_make_it(tmp_path):
    def told(name, row, **options):
        return commands(tasks(tmp_path, name, rows=(row,), **options), demo=options.get("demo", False))

    data = tmp_path / "data"
    draw, prepare = told("3.1", "base8_r50", demo=True)
    assert draw == f"python -m data_prep.synthetic affectnet --out {data}/raw_affectnet"
    assert prepare == (
        f"python -m data_prep.affectnet --raw {data}/raw_affectnet --size 64 --align none --classes 8 "
        f"--ages {data}/raw_affectnet/ages.csv --out {data}/synthetic_affectnet8_unaligned --encoding raw"
    )
    assert told("5.1", "base7") == [
        f"python -m data_prep.affectnet --raw /path/to/AffectNet --size 227 --out {data}/affectnet"
    ]
    (aff_wild2,) = told("6.1", "aw2_single")
    assert aff_wild2.startswith("python -m data_prep.affwild2 --videos ") and "--size 112" in aff_wild2
    assert told("emotic/4.4", "emotic_b_r18", demo=True)[0].startswith("python -m data_prep.synthetic emotic")


def test_rows_of_one_data_folder_ask_for_it_in_one_command_that_serves_them_all(tmp_path):
    every = tasks(tmp_path, "5.2", rows=())
    (line,) = commands(every, demo=False)
    assert "--ages AGES.csv" in line and f"--out {tmp_path / 'data' / 'affectnet'}" in line
    (line,) = commands([task for task in every if task.config.sampler != "age"], demo=False)
    assert "--ages" not in line


def test_the_commands_for_missing_data_are_commands_that_there_are(tmp_path):
    from data_prep.affectnet.prepare import _parser as affectnet
    from data_prep.emotic.prepare import _parser as emotic
    from data_prep.synthetic.__main__ import _parser as synthetic

    parsers = {"affectnet": affectnet(), "emotic": emotic(), "synthetic": synthetic()}
    for name, row in (("3.1", "base8_r50"), ("5.2", "eight_agesampler"), ("emotic/4.4", "emotic_b_r18")):
        for demo in (False, True):
            for line in commands(tasks(tmp_path, name, rows=(row,), demo=demo), demo=demo):
                module, *arguments = line.removeprefix("python -m data_prep.").split()
                parsers[module].parse_args(arguments)


def test_json_of_the_config_is_compared_not_its_objects(tmp_path):
    (task,) = tasks(tmp_path, "emotic/4.16", rows=("emotic_bcfpsa_r50",))  # has tuples
    write_result(task)
    assert task.is_finished()
    assert json.loads(result_paths(task.results, "test")[0].read_text())["split"]["name"] == "test"


def test_the_trunk_of_a_row_of_films_stands_in_for_its_backbone(tmp_path):
    changes = ("init_from=weights/{backbone}.safetensors",)
    runs = tasks(tmp_path, "affwild_lstm/5.4", overrides=changes)
    assert [task.config.init_from for task in runs] == [f"weights/vgg{n}.safetensors" for n in (16, 19)]
