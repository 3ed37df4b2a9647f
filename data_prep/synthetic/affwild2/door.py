"""The options of `python -m data_prep.synthetic affwild2`."""

from __future__ import annotations

import argparse

from data_prep.synthetic.affwild2 import generate
from data_prep.synthetic.options import add_number
from emojax import cli

HELP = "clips of faces whose expression, valence and arousal change"
DESCRIPTION = "Generates clips of faces in the raw layout of Aff-Wild2."
EPILOG = """examples:
  python -m data_prep.synthetic affwild2 --out data/raw_affwild2
      240 training and 60 validation clips of 24 frames, faces of 112 x 112 pixels
  python -m data_prep.synthetic affwild2 --out data/tiny --train 8 --val 8 --frames 16 --faults
      a small set with deliberately bad rows, files and videos, to see how the preparation reports them
then:
  python -m data_prep.affwild2 --videos data/raw_affwild2/cropped_aligned \\
      --annotations data/raw_affwild2/annotations --out data/synthetic_affwild2 --size 64
  python -m emojax.train --config configs/affwild2.py:aw2_emotion_gcn@demo --workdir runs/aw2
"""


def add_options(parser: cli.Parser) -> None:
    default = generate.Settings()
    add_number(parser, "--train", default.train, "training clips [240]")
    add_number(parser, "--val", default.validation, "validation clips [60]")
    add_number(parser, "--frames", default.frames, "frames of a clip [24]")
    add_number(parser, "--size", default.size, "side of a face in pixels [112]")
    parser.add_argument("--faults", action="store_true", help="add bad rows, files and videos")


def draw(args: argparse.Namespace) -> str:
    """Draws, and says what and how to prepare it."""
    settings = generate.Settings(args.train, args.val, args.frames, args.size, args.seed, args.faults)
    counts = generate.generate(args.out, settings, args.workers)
    return (
        f"{counts['train']} training and {counts['validation']} validation clips.\n"
        f"Prepare them: python -m data_prep.affwild2 --videos {args.out}/cropped_aligned "
        f"--annotations {args.out}/annotations --out DIR --size 64"
    )
