"""Runs the frozen scene network over EMOTIC once and keeps its scores:
`python -m data_prep.emotic.scenes --raw DIR --weights FILE --out DIR`."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import os
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from data_prep.emotic.raw import Person, image_path, read_emotic
from data_prep.emotic.records import box_in_image
from data_prep.parallel import available_cores
from emojax import cli, progress
from emojax.errors import DataError, Skip
from emojax.vision.boxes import context_box, resize, usable_box
from emojax.vision.images import read_image


def write_scores(
    raw: pathlib.Path, weights: str, out: pathlib.Path, *, size: int = 224, batch_size: int = 32
) -> tuple[int, collections.Counter]:
    """Writes `<folder>/<image>_person<number>.npy` of every usable person, float32 `[467]`.

    The scores are those that `config.model.scene_source = "network"` computes in every step: of the context image
    with the person hidden (context_emotion spec 10, G18). Files that are there are kept, so a stopped run goes on.

    Args:
        raw: folder of EMOTIC.
        weights: file of `python -m emojax.pretrained import --arch wide_resnet18_places`, with attributes.
        out: folder for the scores.
        size: side of the image that the network sees.
        batch_size: images a step.

    Returns:
        Number of files written, and of people without one by reason.

    Raises:
        DataError: `raw` is no EMOTIC, or `out` cannot be written.
        CheckpointError: the weights cannot be read or do not fit.
    """
    found, by_split = read_emotic(raw)
    root = os.fspath(found.images)
    from data_prep.emotic.scene_network import (
        load_network,
    )  # here and not above: --help does not wait for JAX

    score = load_network(weights, size)
    everybody = [person for split in by_split.values() for person in split]
    listed = collections.Counter(_file(out, person) for person in everybody)
    named = [person for person in everybody if listed[_file(out, person)] == 1]
    people = [person for person in named if not _file(out, person).exists()]
    written, skipped = 0, collections.Counter()
    if len(named) < len(everybody):  # two people of one name would get each other's scores
        skipped["listed_twice"] = len(everybody) - len(named)
    bar = progress.bar(total=len(named), initial=len(named) - len(people), desc="scene scores", unit="img")
    with bar, concurrent.futures.ThreadPoolExecutor(available_cores()) as pool:

        def see(person: Person) -> np.ndarray | str:
            try:
                return masked_context(image_path(root, person), person, size)
            except Skip as skip:
                return skip.reason

        pending: tuple[list[Person], np.ndarray] = ([], np.zeros((0, 0)))  # later: scores still on the device
        for start in range(0, len(people), batch_size):
            chunk = people[start : start + batch_size]
            seen = list(pool.map(see, chunk))  # while the device is still busy with the last images
            written += _save(out, *pending)
            good = [i for i, image in enumerate(seen) if not isinstance(image, str)]
            skipped.update(image for image in seen if isinstance(image, str))
            images = np.zeros((batch_size, size, size, 3), np.uint8)
            for row, i in enumerate(good):
                images[row] = seen[i]
            pending = ([chunk[i] for i in good], score(images))
            bar.update(len(chunk))
        written += _save(out, *pending)
    return written, skipped


def masked_context(path: str, person: Person, size: int) -> np.ndarray:
    """RGB image `[size, size, 3]` with the person black, as a record holds it; raises Skip."""
    image = read_image(path)
    height, width = image.shape[:2]
    box = usable_box(box_in_image(person, path, width, height), width, height)
    left, top, right, bottom = context_box(box, width, height, size).astype(int)
    small = resize(image, size)
    small[top:bottom, left:right] = 0
    return small[..., ::-1]


def _save(out: pathlib.Path, people: Sequence[Person], scores: np.ndarray) -> int:
    for person, row in zip(people, np.asarray(scores, np.float32)):
        path = _file(out, person)
        temporary = path.with_name(f"{path.name}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.save(file, row)
            temporary.replace(path)
        except OSError as error:
            raise DataError(f"Cannot write {path}: {error.strerror or error}.") from error
    return len(people)


def _file(out: pathlib.Path, person: Person) -> pathlib.Path:
    return pathlib.Path(out, f"{person.stem}_person{person.number}.npy")


_EPILOG = """the weights, from the two files that Places365 publishes:
  python -m emojax.pretrained import --arch wide_resnet18_places wideresnet18_places365.pth.tar \\
      --attributes W_sceneattribute_wideresnet18.npy --out scene.safetensors
then prepare with --scenes DIR; RAW/scenes is taken without being named.
"""


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted="the same command continues after the written scores")


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.emotic.scenes",
        "Scores the scene behind every person of EMOTIC by Places365's Wide-ResNet-18, once.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--raw", type=cli.path, required=True, metavar="DIR", help="folder of the unpacked EMOTIC")
    add(
        "--weights",
        type=cli.path,
        required=True,
        metavar="FILE",
        help="file of emojax.pretrained import, with attributes",
    )
    add("--out", type=cli.path, required=True, metavar="DIR", help="folder for the scores")
    add(
        "--size",
        type=cli.whole_number(32, 1024),
        default=224,
        metavar="N",
        help="side of the image in pixels [224]",
    )
    add("--batch", type=cli.whole_number(1), default=32, metavar="N", help="images a step [32]")
    return parser


def _run(args: argparse.Namespace) -> None:
    written, skipped = write_scores(
        args.raw, os.fspath(args.weights), args.out, size=args.size, batch_size=args.batch
    )
    reasons = "".join(f"; {reason} {count:,}" for reason, count in sorted(skipped.items()))
    print(f"{args.out}: {written:,} people scored{reasons or '; nobody left out'}.")


if __name__ == "__main__":
    sys.exit(main())
