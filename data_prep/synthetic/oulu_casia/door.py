"""The options of `python -m data_prep.synthetic oulu_casia`."""

from __future__ import annotations

import argparse

from data_prep.synthetic.expressions import options
from data_prep.synthetic.oulu_casia import generate
from emojax import cli

HELP = "videos from neutral to the apex of six emotions"
DESCRIPTION = (
    "Generates frames of videos from neutral to the apex in the raw layout of OULU-CASIA, "
    "with the landmarks of every frame."
)
EPILOG = """examples:
  python -m data_prep.synthetic oulu_casia --out data/raw_oulu_casia
      20 people x 6 videos of 17 frames; heads turn by up to 45 degrees
then:
  python -m data_prep.oulu_casia --raw data/raw_oulu_casia --landmarks data/raw_oulu_casia/landmarks \\
      --out data/synthetic_oulu_casia --size 64 --encoding raw
"""


def add_options(parser: cli.Parser) -> None:
    options.add_options(parser, generate.DEFAULT)


def draw(args: argparse.Namespace) -> str:
    """Draws, and says what and how to prepare it."""
    count = generate.draw(args.out, options.settings_of(args, generate.DEFAULT), args.workers)
    return (
        f"{count} videos of {args.subjects} people.\nPrepare them: python -m data_prep.oulu_casia --raw {args.out} "
        f"--landmarks {args.out}/landmarks --out DIR --size 64"
    )
