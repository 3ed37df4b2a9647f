"""A data set is one card and one package of `data_prep`: everything else reads the card."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import types

import pytest
from ml_collections import ConfigDict

from data_prep.check import command as check
from data_prep.face_dataset import describe
from data_prep.pipeline import Record, plan_splits, write_shards
from data_prep.summary import class_table
from data_prep.synthetic import __main__ as synthetic
from emojax import datasets, systems
from emojax.data.dataset import load_dataset, save_dataset
from emojax.data.recipe import Feature
from emojax.datasets import AFFECTNET, AFFWILD2, Card, Option, Published
from emojax.errors import ConfigError, DataError
from emojax.labels import Labels
from emojax.sweeps import missing, summary

CLASSES = ("calm", "glad", "odd")
TOY = Card(
    name="toy",
    title="Toy",
    classes=CLASSES,
    num_classes=(2, 3),
    raw="--pictures {raw}/pictures",
    options=(
        Option("--classes", "num_classes", usual=(3,)),
        Option("--ages", "sampler", usual=("none",), value="AGES.csv", synthetic="{raw}/ages.csv"),
    ),
    published=Published({"train": (4, 3, 2), "validation": (1, 1, 1)}),
    records=(12,),
    subjects=r"-[ab]$",
)


class ToySource:
    """All that the toy's package of `data_prep` needs, in small: numbers instead of pictures."""

    def read(self, items):
        return ((f"row {i}", i) for i in items)

    def signature(self, item):
        return str(item).encode()

    def convert(self, item):
        label = item % len(CLASSES)
        values = {"label": label, "valence": label / 4, "arousal": item / 20}
        video = f"v{item // 2}-{'ab'[item % 2]}"
        return Record({**values, "video_id": video.encode()}, {**values, "video_id": video})


def prepare(out, train=9, validation=3):
    """The toy's preparation; without other numbers, of the published size."""
    first = {"train": 0, "validation": train}
    counts = {"train": train, "validation": validation}

    def items(split, part):
        return [first[split] + i for i in part]

    shards = plan_splits(TOY.name, counts, items, num_shards=1, items_per_shard=100)
    results = write_shards(out, ToySource(), shards, parameters={}, inputs="", workers=1, title="toy")
    features = {**dict.fromkeys(("valence", "arousal"), Feature("float")), "label": Feature("int")}
    features["video_id"] = Feature("bytes")
    save_dataset(describe(out, TOY.name, Labels(CLASSES), features, {}, results))
    return load_dataset(out)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(datasets.CARDS, TOY.name, TOY)
    door = types.ModuleType("data_prep.synthetic.toy.door")
    door.HELP, door.DESCRIPTION, door.EPILOG = "toys", "Draws toys.", "example"
    door.add_options = lambda parser: parser.add_argument("--legs", type=int, default=4)
    door.draw = lambda args: f"{args.legs} legs"
    monkeypatch.setitem(sys.modules, door.__name__, door)
    return TOY


def config(**changes):
    fields = {
        "data_dir": "data/toy",
        "preparation": "toy",
        "num_classes": 2,
        "sampler": "age",
        "image_size": 8,
    }
    return ConfigDict({"family": "faces", **fields, **changes})


def task(**changes):
    return types.SimpleNamespace(
        config=config(**changes), members=(), row=types.SimpleNamespace(dataset="Toy")
    )


PREPARE = (
    "python -m data_prep.toy --pictures {raw}/pictures --size 8 --classes 2 --ages {ages} --out data/toy"
)


def test_a_run_without_data_is_told_the_commands_of_the_card(toy):
    with pytest.raises(DataError) as caught:
        systems.load_data(config(data_dir="data/toy"), moved=" Moved?")
    text = str(caught.value)
    assert PREPARE.format(raw="RAW_FOLDER", ages="AGES.csv") in text and "(no such folder). Moved?" in text
    assert "python -m data_prep.synthetic toy --out RAW_FOLDER" in text and "affectnet" not in text


def test_a_sweep_without_data_is_told_the_commands_of_the_card(toy):
    assert missing.commands([task()], demo=False) == [PREPARE.format(raw="/path/to/Toy", ages="AGES.csv")]
    draw, prepare = missing.commands([task(sampler="none")], demo=True)
    assert draw == "python -m data_prep.synthetic toy --out data/raw_toy"
    assert prepare == PREPARE.format(raw="data/raw_toy", ages="data/raw_toy/ages.csv") + " --encoding raw"


def test_a_table_knows_its_published_size(toy):
    def told(records):
        result = {"records": {"train": records}, "config": {"data_dir": "data/toy"}}
        return summary._other_data(types.SimpleNamespace(dataset="Toy"), result)

    assert told(12) == "" and "data/toy has 9 records, Toy has 12" in told(9)


def test_its_synthetic_package_is_a_subcommand(toy, tmp_path, capsys):
    assert synthetic.main(["toy", "--out", str(tmp_path), "--legs", "6"]) == 0
    assert "6 legs" in capsys.readouterr().out
    assert synthetic.main(["toy", "--out", str(tmp_path), "--leg", "6"]) == 2
    assert "did you mean --legs?" in capsys.readouterr().err


def test_its_prepared_data_is_counted_and_checked_against_the_card(toy, tmp_path, capsys):
    dataset = prepare(tmp_path / "data")
    table = class_table("toy", {name: split.class_counts for name, split in dataset.splits.items()})
    assert "NOT the published ones (train calm 3 instead of 4" in table[-1]
    assert check.main([str(tmp_path / "data"), "--workers", "1"]) == 1
    assert (
        "train and validation share 1 videos, e.g. v4" in capsys.readouterr().out
    )  # of item 8, v4-a, and 9, v4-b


def test_its_class_order_is_checked(toy, tmp_path, capsys):
    dataset = prepare(tmp_path / "data", train=8)
    assert check.main([str(tmp_path / "data"), "--workers", "1"]) == 0, capsys.readouterr().out
    assert "OK: 11 records" in capsys.readouterr().out
    save_dataset(dataclasses.replace(dataset, labels=Labels(CLASSES[::-1])))
    assert check.main([str(tmp_path / "data"), "--workers", "1"]) == 1
    assert "the order of toy is ['calm', 'glad', 'odd']" in capsys.readouterr().out


def test_an_unknown_data_set_names_those_there_are(toy):
    assert datasets.card("Toy") is datasets.card("toy") is TOY
    with pytest.raises(ConfigError, match="no data set 'tay'; there are affectnet, .*, toy"):
        datasets.card("tay")


@pytest.mark.parametrize("card", datasets.CARDS.values(), ids=lambda card: card.name)
def test_every_card_names_commands_and_counts_that_there_are(card):
    prepare = importlib.import_module(f"data_prep.{card.name}.prepare")
    assert card.name == prepare.NAME
    door = sys.modules[importlib.import_module(f"data_prep.{card.name}.__main__").main.__module__]
    for classes in card.num_classes:
        asked = config(num_classes=classes, align="none", image_size=64)
        for synthetic_data in (False, True):
            command = card.prepare_command("out", "raw", configs=[asked], size=64, synthetic=synthetic_data)
            door._parser().parse_args(command.split()[3:])
        assert len(card.class_order(classes)) == classes and not card.class_order(classes + 100)
    if card.synthetic:
        synthetic._parser().parse_args(card.draw_command("raw").split()[3:])
    for split, counts in card.known_counts(card.classes).items():
        assert len(counts) == len(card.classes), split


def test_the_published_sizes_are_those_of_the_published_counts():
    seven = AFFECTNET.known_counts(AFFECTNET.class_order(7))
    eight = AFFECTNET.known_counts(AFFECTNET.class_order(8))
    assert (
        tuple(sum(n for split in c.values() for n in split.values()) for c in (seven, eight))
        == AFFECTNET.records
    )
    third_party = AFFWILD2.known_counts(AFFWILD2.classes)
    assert (sum(n for split in third_party.values() for n in split.values()),) == AFFWILD2.records
