"""An epoch of AffectNet has the batches of spec emotion_gcn, appendix A."""

import dataclasses

import numpy as np
import pytest

from emojax import systems
from emojax.data import loader
from emojax.data.dataset import Dataset, Split, without_records
from tests.configs.emotion_gcn_list import load

VALIDATION = 7 * 500


class RecordNumbers:
    """Stands in for the decoder: a batch is the numbers of its records."""

    def __init__(self, source, features, rows):
        pass

    def __call__(self, records):
        return {"index": np.asarray(records)}


@pytest.mark.parametrize(("split", "steps", "last"), [("train", 8112, 16), ("validation", 100, 35)])
def test_an_epoch_has_the_published_number_of_batches(split, steps, last, monkeypatch):
    monkeypatch.setattr(loader, "BatchDecoder", RecordNumbers)
    monkeypatch.setattr(Dataset, "source", lambda self, split: range(self.split(split).num_records))
    config = load("emotion_gcn")
    size = config.batch_size if split == "train" else config.eval_batch_size
    options = {"batch_size": size, "shuffle": split == "train", "num_epochs": 1, "threads": 0}
    train = systems.stand_in(config).statistics["num_samples"]
    sizes = {"train": train, "validation": VALIDATION}
    splits = {name: Split(number, (), (), {}) for name, number in sizes.items()}
    dataset = dataclasses.replace(without_records(systems.stand_in(config)), splits=splits)
    batches = loader.Batches(dataset, split, [], start_step=steps - 2, **options)
    assert batches.steps_per_epoch == steps
    assert [len(batch["index"]) for batch in batches] == [35, last]
