"""The log of a run: statistics of its curves."""

from __future__ import annotations

import math

from emojax.engine.runlog import curve_statistics


def test_statistics_of_curves_are_those_of_the_rows_of_each_kind():
    log = [
        {"kind": "train", "step": 1, "epoch": 0.1, "loss": 1.0},
        {"kind": "train", "step": 2, "epoch": 0.2, "loss": 4.0, "other": math.nan},
        {"kind": "eval", "step": 2, "epoch": 0.2, "loss": 3.0, "per_class": {"happy": 1.0}},
        {"kind": "note", "step": 2, "loss": 100.0},
    ]
    found = curve_statistics(log)
    assert found == {
        "train": {"loss": {"minimum": 1, "mean": 2.5, "maximum": 4, "std": 1.5}},
        "eval": {"loss": {"minimum": 3, "mean": 3, "maximum": 3, "std": 0}},
    }
    assert curve_statistics([]) == {"train": {}, "eval": {}}
