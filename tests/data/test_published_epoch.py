"""An epoch of AffectNet has the batches of spec emotion_gcn, appendix A."""

import dataclasses

import numpy as np
import pytest

from emojax import systems
from emojax.data import loader
from emojax.data.columns import Columns
from emojax.data.dataset import Dataset, Split, without_records
from emojax.data.inputs import Inputs
from tests.configs.emotion_gcn_list import load

VALIDATION = 7 * 500


class RecordNumbers:
    """Stands in for the decoder: a batch is the numbers of its records."""

    def __init__(self, source, features, labels):
        pass

    def __call__(self, records):
        return {"number": np.asarray(records)}


@pytest.mark.parametrize(("split", "steps", "last"), [("train", 8112, 16), ("validation", 100, 35)])
def test_an_epoch_has_the_published_number_of_batches(split, steps, last, monkeypatch):
    monkeypatch.setattr(loader, "BatchDecoder", RecordNumbers)
    monkeypatch.setattr(Dataset, "columns", lambda self, split: Columns({}, self.split(split).num_records))
    monkeypatch.setattr(Dataset, "source", lambda self, split: range(self.split(split).num_records))
    config = load("emotion_gcn")
    size = config.batch_size if split == "train" else config.eval_batch_size
    order = loader.Order(size, train=split == "train")
    train = systems.stand_in(config).statistics["num_samples"]
    sizes = {"train": train, "validation": VALIDATION}
    splits = {name: Split(number, (), (), {}) for name, number in sizes.items()}
    dataset = dataclasses.replace(without_records(systems.stand_in(config)), splits=splits)
    batches = loader.Batches(dataset, split, Inputs(("image",)), order, start=steps - 2, threads=0)
    assert batches.steps_per_epoch == steps
    assert [int(batch["mask"].sum()) for batch in batches] == [35, last]
