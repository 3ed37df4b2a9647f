"""What the doors of all face data sets have in common: options of the output, errors, the table at the end."""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Callable

from data_prep.parallel import available_cores
from data_prep.pipeline import ShardResult, sum_skipped
from data_prep.summary import print_summary
from emojax.data.dataset import Dataset
from emojax.errors import EmojaxError


def add_output_options(parser: argparse.ArgumentParser, *, default_size: int) -> None:
    """Adds --out, --size, --encoding, --shards and --workers."""
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for shards and dataset.json")
    parser.add_argument(
        "--size", type=int, default=default_size, help=f"side of the crop in pixels [{default_size}]"
    )
    parser.add_argument(
        "--encoding", choices=("jpeg", "raw"), default="jpeg", help="jpeg (quality 95) or packed uint8 [jpeg]"
    )
    parser.add_argument("--shards", type=int, help="training shards [by size]")
    parser.add_argument("--workers", type=int, default=available_cores(), help="processes [one a core]")


def parse(parser: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    """Parses the arguments and checks the ranges of the output options."""
    args = parser.parse_args(argv)
    if not 16 <= args.size <= 1024 or args.workers < 1 or (args.shards is not None and args.shards < 1):
        parser.error("--size must be 16..1024, --workers and --shards at least 1")
    return args


def run(prepare: Callable[[], tuple[Dataset, list[ShardResult]]], out: pathlib.Path) -> int:
    """Prepares, prints the table, and returns the exit status: 0, 2 after an error, 130 after Ctrl-C."""
    try:
        dataset, results = prepare()
    except (EmojaxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the same command continues after the finished shards", file=sys.stderr)
        return 130
    print_summary(dataset, sum_skipped(results))
    print(f"\nCheck it: python -m data_prep.check {out}")
    return 0
