"""The options of `python -m data_prep.synthetic bold`."""

from __future__ import annotations

import argparse

from data_prep.synthetic.bold import generate
from data_prep.synthetic.options import add_number
from emojax import cli

HELP = "clips of moving people, with 26 categories, valence, arousal and dominance"
DESCRIPTION = "Generates clips of moving people in the raw layout of BoLD, with the joints of everybody."
EPILOG = """examples:
  python -m data_prep.synthetic bold --out data/raw_bold
      240 training, 60 validation and 60 test clips of 20 to 60 frames with one to four people
  python -m data_prep.synthetic bold --out data/tiny --train 6 --val 3 --test 3 --faults
      a small set with deliberately bad annotations and files, to see how the preparation reports them
then:
  python -m data_prep.bold --raw data/raw_bold --out data/synthetic_bold --size 64
"""


def add_options(parser: cli.Parser) -> None:
    default = generate.Settings()
    add_number(parser, "--train", default.train, "training clips [240]")
    add_number(parser, "--val", default.validation, "validation clips [60]")
    add_number(parser, "--test", default.test, "test clips [60]")
    add_number(parser, "--shortest", default.shortest, "frames of the shortest clip [20]", low=2)
    add_number(parser, "--longest", default.longest, "frames of the longest clip [60]", low=2)
    parser.add_argument("--faults", action="store_true", help="add bad annotations and files")


def draw(args: argparse.Namespace) -> str:
    """Draws, and says what and how to prepare it."""
    frames = {"shortest": args.shortest, "longest": args.longest}
    settings = generate.Settings(
        args.train, args.val, args.test, **frames, seed=args.seed, faults=args.faults
    )
    counts = generate.generate(args.out, settings, args.workers)
    return (
        f"{counts['train']} training, {counts['val']} validation and {counts['test']} test clips.\n"
        f"Prepare them: python -m data_prep.bold --raw {args.out} --out DIR --size 64"
    )
