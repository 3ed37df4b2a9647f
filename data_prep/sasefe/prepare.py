"""Prepares SASE-FE: `python -m data_prep.sasefe --raw DIR --out DIR` (image_sequences spec 1)."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from data_prep.sasefe.raw import find_sasefe
from data_prep.sequences import door
from data_prep.sequences.prepare import Options, Plan
from data_prep.sequences.splits import split_subjects
from emojax import cli
from emojax.labels import SASE_LABELS

NAME = "sasefe"
# Subjects of train, validation and test: 80/10/10 %, and what the thesis's text says (spec G1).
PRESETS = {"40_5_5": (40, 5, 5), "40_8_2": (40, 8, 2)}
_VIDEOS_PER_SHARD = 32  # about 3,500 frames

_EPILOG = """examples:
  python -m data_prep.sasefe --raw ~/FakeTrue_DB --landmarks ~/sase_landmarks --out data/sasefe
      frames of the window from 50 to 80 % of every video, 224 x 224 pixels, JPEG
  python -m data_prep.sasefe --raw RAW --landmarks RAW/landmarks --out data/synthetic_sasefe --size 64 --encoding raw
      the synthetic faces of `python -m data_prep.synthetic sasefe --out RAW`, small

The same command continues an interrupted run. Afterwards: python -m data_prep.check DIR
"""


def plan(raw: pathlib.Path, options: Options, split: str = "40_5_5") -> Plan:
    """What is to be prepared; DataError where `raw` is no SASE-FE."""
    found = find_sasefe(raw)
    splits = split_subjects(found.subjects, PRESETS[split], seed=options.seed)
    return Plan(NAME, "SASE-FE", found, SASE_LABELS, splits, {"split": split}, _VIDEOS_PER_SHARD)


def _parser() -> cli.Parser:
    return door.make_parser(NAME, "the videos of SASE-FE", _EPILOG, PRESETS)


def main(argv: Sequence[str] | None = None) -> int:
    return door.main(argv, _parser(), lambda args, options: plan(args.raw, options, args.split))
