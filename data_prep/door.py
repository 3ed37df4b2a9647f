"""What the commands that prepare a data set have in common: options of the output, and the table at the end."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data_prep.claim import Part
from data_prep.parallel import available_cores
from data_prep.pipeline import ShardResult, sum_skipped
from data_prep.summary import print_summary
from emojax import cli
from emojax.data.dataset import Dataset
from emojax.wording import counted

INTERRUPTED = "the same command continues after the finished shards"


def add_output_options(parser: cli.Parser, *, default_size: int) -> None:
    """Adds --out, --size, --encoding, --shards, --part and --workers."""
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
    add(
        "--part",
        type=_part,
        metavar="I/N",
        help="make part I of N alone, while other machines that share DIR make the others; the same command without "
        "--part then joins them",
    )
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


def _part(text: str) -> Part:
    """`3/8`: part 3 of 8."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part I/N with I from 1 to N, e.g. 3/8")
    return Part(int(index), int(count))


def print_part(part: Part, out: pathlib.Path, results: Sequence[ShardResult]) -> None:
    """What one part has made, and what to type next."""
    records = sum(result.num_records for result in results)
    print(f"\nPart {part} of {out}: {counted(len(results), 'shard')}, {counted(records, 'record')}")
    print_skipped(sum_skipped(results))
    if not results:
        print(f"There are fewer shards than {part.count} parts: this one has none. More shards: --shards N")
    print("When all parts are done, join them: the same command without --part.")


def print_skipped(skipped: Mapping[str, Mapping[str, tuple[int, str]]]) -> None:
    """Rows left out of each split by reason, with an example each."""
    for split, reasons in skipped.items():
        for reason, (count, example) in reasons.items():
            print(f"    {split}: skipped {reason:<28} {count:>9,}   e.g. {example}")


def work_of(args: argparse.Namespace) -> dict[str, Any]:
    """How a command shares its work out, as every `prepare` takes it."""
    return {"num_shards": args.shards, "workers": args.workers, "part": args.part}


def print_table(dataset: Dataset, results: Sequence[ShardResult]) -> None:
    """Records, skipped rows and classes of each split."""
    print_summary(dataset, sum_skipped(results))


def print_made(
    args: argparse.Namespace,
    made: tuple[Dataset | None, Sequence[ShardResult]],
    *more: Callable[[Dataset], None],
    table: Callable[[Dataset, Sequence[ShardResult]], None] = print_table,
    then: str = "",
) -> None:
    """What a command has made, the whole or a part of it, and what to type next.

    Args:
        args: options of the output.
        made: what `prepare` has returned; no data set for a part.
        more: print what the table does not say.
        table: prints the data set.
        then: a last line.
    """
    dataset, results = made
    if dataset is None:
        return print_part(args.part, args.out, results)
    table(dataset, results)
    for tell in more:
        tell(dataset)
    print(f"\nCheck it: python -m data_prep.check {args.out}")
    if then:
        print(then)
