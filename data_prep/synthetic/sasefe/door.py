"""The options of `python -m data_prep.synthetic sasefe`."""

from __future__ import annotations

import argparse

from data_prep.synthetic.expressions import options
from data_prep.synthetic.sasefe import generate
from emojax import cli

HELP = "videos of six emotions, felt and posed (deceptive)"
DESCRIPTION = (
    "Generates videos of felt and posed expressions in the raw layout of SASE-FE, "
    "with the landmarks of every frame."
)
EPILOG = """examples:
  python -m data_prep.synthetic sasefe --out data/raw_sasefe
      20 people x 12 videos of 40 frames; heads turn by up to 45 degrees
then:
  python -m data_prep.sasefe --raw data/raw_sasefe --landmarks data/raw_sasefe/landmarks \\
      --out data/synthetic_sasefe --size 64 --encoding raw
"""


def add_options(parser: cli.Parser) -> None:
    options.add_options(parser, generate.DEFAULT)


def draw(args: argparse.Namespace) -> str:
    """Draws, and says what and how to prepare it."""
    count = generate.draw(args.out, options.settings_of(args, generate.DEFAULT), args.workers)
    return (
        f"{count} videos of {args.subjects} people.\nPrepare them: python -m data_prep.sasefe --raw {args.out} "
        f"--landmarks {args.out}/landmarks --out DIR --size 64"
    )
