"""The options that both data sets of drawn expressions have."""

from __future__ import annotations

import argparse

from data_prep.synthetic.expressions.generate import Settings
from data_prep.synthetic.options import add_number
from emojax import cli


def add_options(parser: cli.Parser, default: Settings) -> None:
    add_number(parser, "--subjects", default.subjects, f"people [{default.subjects}]", low=5)
    add_number(parser, "--frames", default.frames, f"frames of a clip [{default.frames}]", low=2)
    add_number(parser, "--turn", default.turn, f"largest turn of a head in degrees [{default.turn}]", low=0)
    parser.add_argument("--faults", action="store_true", help="add bad folders, videos and landmarks")


def settings_of(args: argparse.Namespace, default: Settings) -> Settings:
    return Settings(args.subjects, args.frames, default.size, args.turn, args.seed, args.faults)
