"""Finds the faces of films: `python -m data_prep.affwild.detect --raw DIR` writes boxes/NAME.csv of each film.

Films that have such a file are passed over, so boxes of another detector may be put there instead (affwild_gan spec
1.2, step 9).
"""

from __future__ import annotations

import argparse
import os
import pathlib
import time
from collections.abc import Sequence

from data_prep.affwild.films import Film, frames_at_30, probe
from data_prep.affwild.raw import FILMS
from data_prep.door import add_workers
from data_prep.locate import holdings
from data_prep.parallel import advance, parallel_map
from emojax import cli
from emojax.errors import DataError, Skip
from emojax.files import write_csv
from emojax.vision.detectors import make_detector

_COLUMNS = ("frame", "x1", "y1", "x2", "y2", "score")


def find_boxes(film: pathlib.Path, out: pathlib.Path, detector: str) -> tuple[int, int]:
    """Writes the faces of a film to a CSV, whole or not at all; returns its frames at 30 a second, and those with one.

    Raises:
        Skip: the film is missing or cannot be decoded.
    """
    detect, frames = make_detector(detector), frames_at_30(*probe(film))
    rows, with_face, reader = [], 0, Film(os.fspath(film))
    for number in range(1, frames + 1):
        try:
            picture = reader.frame(number)
        except Skip:
            break  # the film is shorter than its file says
        faces = detect(picture)
        with_face += bool(faces)
        for face in faces:
            x, y, width, height = face.box
            rows.append([number, *(f"{v:.1f}" for v in (x, y, x + width, y + height)), f"{face.score:.3f}"])
        advance()
    out.parent.mkdir(parents=True, exist_ok=True)
    write_csv(out, _COLUMNS, rows)
    return frames, with_face


def _work(task: tuple[str, str, str]) -> tuple[int, int] | Skip:
    film, out, detector = task
    try:
        return find_boxes(pathlib.Path(film), pathlib.Path(out), detector)
    except Skip as skip:
        return skip


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m data_prep.affwild.detect", __doc__)
    add = parser.add_argument
    add("--raw", type=cli.path, required=True, metavar="DIR", help="folder with videos/")
    add(
        "--detector",
        default="auto",
        metavar="NAME",
        help="auto (blazeface where installed, else haar), blazeface, haar, or package.module:function [auto]",
    )
    add_workers(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted="the same command continues after the finished films")


def _run(args: argparse.Namespace) -> None:
    videos = args.raw / "videos"
    films = sorted(p for p in videos.iterdir() if p.suffix.lower() in FILMS) if videos.is_dir() else []
    if not films:
        raise DataError(f"{args.raw} has no folder videos/ with films; it holds {holdings(args.raw)}.")
    make_detector(args.detector)  # an unknown name is reported before the work begins
    boxes = {film: args.raw / "boxes" / f"{film.stem}.csv" for film in films}
    todo = [film for film in films if not boxes[film].exists()]
    print(f"{len(films) - len(todo)} films have boxes, {len(todo)} have none yet.")
    start, tasks = time.perf_counter(), [(os.fspath(f), os.fspath(boxes[f]), args.detector) for f in todo]
    total = sum(_frames(film) for film in todo)
    done = dict(parallel_map(_work, tasks, workers=args.workers, total=total, title="finding faces"))
    for i, film in enumerate(todo):
        if isinstance(done[i], Skip):
            print(f"  {film.name}: {done[i].reason}: {done[i].detail}")
        else:
            frames, found = done[i]
            print(f"  {film.name}: a face in {found:,} of {frames:,} frames")
    if total:
        print(f"{total / (time.perf_counter() - start):.0f} frames/s with {args.workers} processes")


def _frames(film: pathlib.Path) -> int:
    try:
        return frames_at_30(*probe(film))
    except Skip:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
