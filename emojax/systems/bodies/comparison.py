"""Several BoLD runs side by side: what each says of the same people (thesis 000, figure 5.5)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np

from emojax import systems
from emojax.data.decode import read_features
from emojax.engine.inference import Predictor
from emojax.engine.restored import Restored
from emojax.errors import DataError
from emojax.report import cards
from emojax.report.page import Picture, Section
from emojax.systems.bodies.measure import present
from emojax.systems.bodies.report import card_rows, card_text, middle_pictures


def compare(
    folder: pathlib.Path, runs: Mapping[str, Restored], data_dir: pathlib.Path | None, split: str
) -> list[Section]:
    """Cards of some people with the answers of every run.

    Args:
        folder: of the PNG.
        runs: name -> checkpoint.
        data_dir: prepared data that all of them can read; None: the first run's.
        split: that is predicted.

    Raises:
        DataError: the split has no labels, or the data lack what a run reads.
    """
    dataset = systems.load_data(next(iter(runs.values())).config, data_dir)
    answers, pictures = {}, None
    for name, restored in runs.items():
        system = systems.build(restored.config, restored.recipe)
        system.require_data(dataset.recipe)
        predictor = Predictor(system, dataset)
        variables, reads = predictor.place(restored.variables), system.measure.reads

        def predict(of: str, predictor=predictor, variables=variables, reads=reads, name=name) -> dict:
            return predictor.predict(variables, of, reads=reads, title=name)

        outputs = system.measure.complete(predict(split), predict)
        if np.isnan(outputs["vad"]).all():
            raise DataError(f"The {split} split has no labels to compare with. Give --split validation.")
        rows = card_rows(len(outputs["vad"]))
        answers[name] = card_text(system, outputs, rows)
        if pictures is None:
            pictures = middle_pictures(
                system, outputs, rows, lambda records, names: read_features(dataset, split, names, records)
            )
    path = cards.cards_figure(
        folder / "people.png", pictures, present(outputs)[rows], outputs["vad"][rows], answers, system.labels
    )
    caption = (
        f"People of the {split} split, drawn at random, the same for all runs. Right categories are green, wrong ones "
        "red, at the thresholds where precision equals recall on validation."
    )
    return [Section("What each run says", pictures=[Picture(path, caption, wide=True)])]
