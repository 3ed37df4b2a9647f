"""The options of `python -m data_prep.synthetic affwild`."""

from __future__ import annotations

import argparse
import collections

from data_prep.synthetic.affwild import generate
from data_prep.synthetic.options import add_number
from emojax import cli

HELP = "films of faces with valence and arousal by joystick, and categories"
DESCRIPTION = (
    "Generates films of faces whose expression wanders, in the raw layout of the Aff-Wild database: films, boxes of "
    "the faces that a detector found, joystick files, categories by frame, splits. The arousal is built up over "
    "time: a single frame does not explain it."
)
EPILOG = """examples:
  python -m data_prep.synthetic affwild --out data/raw_affwild
      40 training, 10 validation and 10 test films of 300 frames
  python -m data_prep.synthetic affwild --out data/tiny --train 6 --val 2 --test 2 --frames 90 --size 64
then:
  python -m data_prep.affwild --raw data/raw_affwild --size 32 --encoding raw --out data/synthetic_affwild
"""


def add_options(parser: cli.Parser) -> None:
    default = generate.Settings()
    add_number(parser, "--train", default.train, "training films [40]")
    add_number(parser, "--val", default.validation, "validation films [10]")
    add_number(parser, "--test", default.test, "test films [10]")
    add_number(parser, "--frames", default.frames, "frames of a film at 30 a second [300]")
    add_number(parser, "--size", default.size, "height of a film in pixels [96]")
    add_number(
        parser, "--memory", default.memory, "frames over which arousal is built up; 0: none [15]", low=0
    )


def draw(args: argparse.Namespace) -> str:
    """Draws, and says what and how to prepare it."""
    settings = generate.Settings(
        args.train, args.val, args.test, args.frames, args.size, args.memory, args.seed
    )
    films = generate.generate(args.out, settings, args.workers)
    counts = collections.Counter(film.split for film in films)
    people = sum(len(film.people) for film in films)
    return (
        f"{', '.join(f'{n} {split}' for split, n in counts.items())} films with {people} people.\n"
        f"Prepare them: python -m data_prep.affwild --raw {args.out} --out DIR --size 32 --encoding raw"
    )
