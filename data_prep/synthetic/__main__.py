"""The command `python -m data_prep.synthetic DATASET --out DIR`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence

from data_prep.door import add_workers
from data_prep.synthetic.options import add_number
from emojax import cli
from emojax.datasets import CARDS

_DESCRIPTION = """Generates people from parameters and writes them in the raw layout of a licensed data set, so that the
real preparation and training code runs without it.

  python -m data_prep.synthetic affectnet --out data/raw_affectnet
  python -m data_prep.synthetic affectnet --help
"""


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv)


def _parser() -> cli.Parser:
    """One subcommand a card with synthetic data: the package of its name here has a module `door`."""
    parser = cli.Parser("python -m data_prep.synthetic", _DESCRIPTION)
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    for card in CARDS.values():
        if card.synthetic:
            door = importlib.import_module(f"data_prep.synthetic.{card.name}.door")
            _add(
                datasets.add_parser(
                    card.name, help=door.HELP, description=door.DESCRIPTION, epilog=door.EPILOG
                ),
                door,
            )
    return parser


def _add(parser: cli.Parser, door) -> None:
    parser.add_argument("--out", type=cli.path, required=True, metavar="DIR", help="folder to write to")
    add_number(parser, "--seed", 0, "the same seed always gives the same bytes [0]", low=0)
    add_workers(parser)
    door.add_options(parser)
    parser.set_defaults(draw=door.draw)


def _run(args: argparse.Namespace) -> None:
    start = time.perf_counter()
    summary = args.draw(args)
    print(f"{args.out} ({time.perf_counter() - start:.1f} s): {summary}")


if __name__ == "__main__":
    sys.exit(main())
