"""Writes the body crops of EMOTIC, to run OpenPose on: `python -m data_prep.emotic.crops --raw DIR --out
DIR`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import sys
from collections.abc import Sequence

from data_prep.door import add_workers
from data_prep.emotic.raw import Person, image_path, read_emotic
from data_prep.emotic.records import box_in_image
from data_prep.parallel import advance, parallel_map
from emojax import cli
from emojax.errors import DataError, Skip
from emojax.vision.boxes import usable_box
from emojax.vision.images import encode_jpeg, read_image

_CHUNK = 256


@dataclasses.dataclass(frozen=True)
class _Chunk:
    images: str
    out: str
    people: tuple[Person, ...]


Skipped = dict[str, tuple[int, str]]


def write_crops(raw: pathlib.Path, out: pathlib.Path, workers: int) -> tuple[int, Skipped]:
    """Writes `<folder>/<image>_person<number>.jpg` of every usable body box.

    Returns:
        How many, and the people without one: reason -> (count, first example).

    Raises:
        DataError: `raw` is no EMOTIC, or `out` cannot be written.
    """
    found, by_split = read_emotic(raw)
    people = [person for split in by_split.values() for person in split]
    images = os.fspath(found.images)
    chunks = [
        _Chunk(images, os.fspath(out), tuple(people[i : i + _CHUNK])) for i in range(0, len(people), _CHUNK)
    ]
    written, skipped = 0, {}
    try:
        for _, (count, left_out) in parallel_map(
            _write, chunks, workers=workers, total=len(people), title="crops"
        ):
            written += count
            for reason, (number, example) in left_out.items():
                skipped[reason] = (
                    skipped.get(reason, (0, ""))[0] + number,
                    skipped.get(reason, (0, example))[1],
                )
    except OSError as error:
        raise DataError(f"Cannot write {error.filename or out}: {error.strerror or error}.") from error
    return written, skipped


def _write(chunk: _Chunk) -> tuple[int, Skipped]:
    """Writes the crops of some people (worker); returns as `write_crops`."""
    count = 0
    skipped: Skipped = {}
    for person in chunk.people:
        try:
            source = image_path(chunk.images, person)
            image = read_image(source)
            height, width = image.shape[:2]
            x1, y1, x2, y2 = usable_box(box_in_image(person, source, width, height), width, height)
        except Skip as skip:
            number, example = skipped.get(skip.reason, (0, f"{person.source}: {skip.detail}"))
            skipped[skip.reason] = (number + 1, example)
        else:
            path = pathlib.Path(chunk.out, f"{person.stem}_person{person.number}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_jpeg(image[y1:y2, x1:x2]))
            count += 1
        advance()
    return count, skipped


_EPILOG = """then, for each folder below DIR, e.g. mscoco/images:
  openpose --image_dir DIR/mscoco/images --write_json POSES/mscoco/images --hand --model_pose BODY_25
and prepare with --poses POSES
"""


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv)


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.emotic.crops",
        "Writes the crop of every body box of EMOTIC under the name the preparation looks for.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--raw", type=cli.path, required=True, metavar="DIR", help="folder of the unpacked EMOTIC")
    add("--out", type=cli.path, required=True, metavar="DIR", help="folder for the crops")
    add_workers(parser)
    return parser


def _run(args: argparse.Namespace) -> None:
    written, skipped = write_crops(args.raw, args.out, args.workers)
    left_out = sum(count for count, _ in skipped.values())
    print(f"{args.out}: {written:,} crops; {left_out:,} people have no usable box or image.")
    for reason, (count, example) in sorted(skipped.items()):
        print(f"    skipped {reason:<20} {count:>9,}   e.g. {example}")


if __name__ == "__main__":
    sys.exit(main())
