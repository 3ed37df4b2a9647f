"""The options of `python -m data_prep.synthetic emotic`."""

from __future__ import annotations

import argparse

from data_prep.synthetic.emotic import generate
from data_prep.synthetic.options import add_number
from emojax import cli

HELP = "people in places, with 26 categories, valence, arousal and dominance"
DESCRIPTION = "Generates people in places in the raw layout of EMOTIC, with all side inputs."
EPILOG = """examples:
  python -m data_prep.synthetic emotic --out data/synthetic_emotic
      2,000 training, 300 validation and 500 test pictures with one to four people, and all side inputs
  python -m data_prep.synthetic emotic --out data/tiny --train 60 --val 20 --test 20 --faults
      a small set with deliberately bad annotations and files, to see how the preparation reports them
then:
  python -m data_prep.emotic --raw data/synthetic_emotic --out data/emotic_synthetic_64 --size 64
"""


def add_options(parser: cli.Parser) -> None:
    default = generate.Settings()
    add_number(parser, "--train", default.train, "training pictures [2000]")
    add_number(parser, "--val", default.validation, "validation pictures [300]")
    add_number(parser, "--test", default.test, "test pictures [500]")
    parser.add_argument("--faults", action="store_true", help="add bad annotations and files")


def draw(args: argparse.Namespace) -> str:
    """Draws, and says what and how to prepare it."""
    settings = generate.Settings(args.train, args.val, args.test, args.seed, args.faults)
    counts = generate.generate(args.out, settings, args.workers)
    return (
        f"{counts['train']} training, {counts['val']} validation and {counts['test']} test pictures.\n"
        f"Prepare them: python -m data_prep.emotic --raw {args.out} --out DIR --size 64"
    )
