"""What the commands that prepare a data set have in common: options of the output, and the table at the end."""

from __future__ import annotations

from collections.abc import Sequence

from data_prep.parallel import available_cores
from data_prep.pipeline import ShardResult, sum_skipped
from data_prep.summary import print_summary
from emojax import cli
from emojax.data.dataset import Dataset

INTERRUPTED = "the same command continues after the finished shards"


def add_output_options(parser: cli.Parser, *, default_size: int) -> None:
    """Adds --out, --size, --encoding, --shards and --workers."""
    add = parser.add_argument
    add("--out", type=cli.path, required=True, metavar="DIR", help="folder for shards and dataset.json")
    add(
        "--size",
        type=cli.whole_number(16, 1024),
        default=default_size,
        metavar="N",
        help=f"side of the pictures in pixels [{default_size}]",
    )
    add(
        "--encoding", choices=("jpeg", "raw"), default="jpeg", help="jpeg (quality 95) or packed uint8 [jpeg]"
    )
    add("--shards", type=cli.whole_number(1), metavar="N", help="training shards [by size]")
    add_workers(parser)


def add_workers(parser: cli.Parser) -> None:
    """Adds --workers."""
    parser.add_argument(
        "--workers",
        type=cli.whole_number(1),
        default=available_cores(),
        metavar="N",
        help="processes [one a core]",
    )


def print_faces(dataset: Dataset, results: Sequence[ShardResult]) -> None:
    """The table of a face data set, and what to type next."""
    print_summary(dataset, sum_skipped(results))
    print(f"\nCheck it: python -m data_prep.check {dataset.path}")
