"""The options of `python -m data_prep.synthetic affectnet`."""

from __future__ import annotations

import argparse

from data_prep.synthetic.affectnet import generate
from data_prep.synthetic.options import add_number
from emojax import cli

HELP = "faces with an expression, valence and arousal"
DESCRIPTION = "Generates faces in the raw layout of AffectNet."
EPILOG = """examples:
  python -m data_prep.synthetic affectnet --out data/synthetic_affectnet
      6,000 training and 800 validation pictures of synthetic people, in the 2017 layout of AffectNet
  python -m data_prep.synthetic affectnet --out data/tiny --train 400 --val 80 --faults
      a small set with deliberately bad rows and files, to see how the preparation reports them
then:
  python -m data_prep.affectnet --raw data/synthetic_affectnet --out data/affectnet_synthetic_64 --size 64
"""


def add_options(parser: cli.Parser) -> None:
    default = generate.Settings()
    add_number(parser, "--train", default.train, "training pictures, imbalanced [6000]")
    add_number(parser, "--val", default.validation, "validation pictures, balanced [800]")
    add_number(parser, "--size", default.size, "sides in pixels, roughly [150]")
    parser.add_argument("--layout", type=int, choices=(2017, 2021), default=default.layout, help="[2017]")
    parser.add_argument("--faults", action="store_true", help="add bad rows and files")


def draw(args: argparse.Namespace) -> str:
    """Draws, and says what and how to prepare it."""
    settings = generate.Settings(args.train, args.val, args.size, args.seed, args.layout, args.faults)
    counts = generate.generate(args.out, settings, args.workers)
    return (
        f"{counts['train']} training and {counts['validation']} validation pictures.\n"
        f"Prepare them: python -m data_prep.affectnet --raw {args.out} --out DIR --size 64"
    )
