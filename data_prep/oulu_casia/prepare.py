"""Prepares OULU-CASIA: `python -m data_prep.oulu_casia --raw DIR --out DIR` (image_sequences spec 1)."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from data_prep.oulu_casia.raw import ILLUMINATIONS, MODALITIES, find_oulu, group_of
from data_prep.sequences import door
from data_prep.sequences.prepare import Options, Plan
from data_prep.sequences.splits import split_subjects
from emojax import cli
from emojax.labels import OULU_LABELS

NAME = "oulu_casia"
# Subjects of train, validation and test. The thesis selects and reports on the same 15 (spec G3).
PRESETS = {"55_10_15": (55, 10, 15), "65_15": (65, 15, 0)}
_VIDEOS_PER_SHARD = 256  # about 1,300 frames

_EPILOG = """examples:
  python -m data_prep.oulu_casia --raw ~/OULU-CASIA --landmarks ~/oulu_landmarks --out data/oulu_casia
      visible light, strong illumination; frames from 50 to 80 % of every video, 224 x 224 pixels, JPEG
  python -m data_prep.oulu_casia --raw RAW --landmarks RAW/landmarks --out data/synthetic_oulu_casia --size 64 \\
      --encoding raw
      the synthetic faces of `python -m data_prep.synthetic oulu_casia --out RAW`, small

Videos of OULU-CASIA end at the apex, which the window of the thesis leaves out: --window 0.5 1 keeps it.
The same command continues an interrupted run. Afterwards: python -m data_prep.check DIR
"""


def plan(
    raw: pathlib.Path,
    options: Options,
    split: str = "55_10_15",
    modality: str = "VL",
    illumination: str = "Strong",
) -> Plan:
    """What is to be prepared; DataError where `raw` is no OULU-CASIA."""
    found = find_oulu(raw, modality, illumination)
    splits = split_subjects(found.subjects, PRESETS[split], seed=options.seed, group_of=group_of)
    parameters = {"split": split, "modality": modality, "illumination": illumination}
    return Plan(NAME, "OULU-CASIA", found, OULU_LABELS, splits, parameters, _VIDEOS_PER_SHARD)


def _parser() -> cli.Parser:
    parser = door.make_parser(NAME, "the frames of OULU-CASIA", _EPILOG, PRESETS)
    add = parser.add_argument
    add("--modality", choices=MODALITIES, default="VL", help="visible light or near infrared [VL]")
    add("--illumination", choices=ILLUMINATIONS, default="Strong", help="[Strong]")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    def plan_of(args, options: Options) -> Plan:
        return plan(args.raw, options, args.split, args.modality, args.illumination)

    return door.main(argv, _parser(), plan_of)
