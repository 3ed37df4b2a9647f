"""Builds the database of the thesis from films: `python -m data_prep.affwild.database --raw DIR --out DIR`.

The faces are cut out of the films and written with one label a face, in the layout of the thesis (affwild_gan spec
1.3), which `data_prep.affwild` reads. `--probe` only lists the films: frames a second and frames (steps 2 and 8).
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
from collections.abc import Sequence

import cv2

from data_prep.affwild.films import frames_at_30, probe
from data_prep.affwild.frames import read_frames
from data_prep.affwild.joystick import MATCHINGS
from data_prep.affwild.raw import find_films, find_raw
from data_prep.affwild.stages import count_tracks, stage_table
from data_prep.affwild.tracks import Track
from data_prep.door import add_workers
from data_prep.parallel import advance, parallel_map
from emojax import cli
from emojax.errors import DataError, Skip
from emojax.files import write_text

# Split -> first part of the names of its folders; the thesis has no validation split beside its testing set.
PREFIXES = {"train": "", "extra": "extra_", "validation": "test_", "test": "held_out_"}


def write_track(out: pathlib.Path, track: Track, matching: str) -> dict[str, int]:
    """Writes the faces and labels of one person in one film; returns the frames by what became of them.

    The file of labels comes last, so a track that has one is whole: a second run passes over it.
    """
    prefix = PREFIXES[track.split]
    faces, labels = out / f"{prefix}frames" / track.name, out / f"{prefix}labels" / f"{track.name}.txt"
    if labels.is_file():
        advance(track.num_frames)
        return {"written before": len(labels.read_text().splitlines())}
    faces.mkdir(parents=True, exist_ok=True)
    counts: collections.Counter = collections.Counter()
    rows = []
    for frame in read_frames(track, 0, track.num_frames, matching):
        try:
            if frame.problem is not None:
                raise frame.problem
            values, face = frame.valence_arousal(), frame.picture()
        except Skip as skip:
            counts[skip.reason] += 1
        else:
            if not cv2.imwrite(os.fspath(faces / f"{frame.number:06d}.png"), face):
                raise DataError(f"Cannot write {faces}/{frame.number:06d}.png.")
            rows.append(f"{values[0]:.6f},{values[1]:.6f}\n")
            counts["faces"] += 1
        advance()
    if rows:
        labels.parent.mkdir(parents=True, exist_ok=True)
        write_text(labels, "".join(rows))
    return dict(counts)


def _work(task: tuple[str, Track, str]) -> dict[str, int]:
    out, track, matching = task
    return write_track(pathlib.Path(out), track, matching)


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m data_prep.affwild.database", __doc__)
    add = parser.add_argument
    add(
        "--raw",
        type=cli.path,
        required=True,
        metavar="DIR",
        help="folder with videos/, boxes/ and annotations/",
    )
    add("--out", type=cli.path, metavar="DIR", help="folder of the database; finished films are kept")
    add("--probe", action="store_true", help="list the films and stop")
    add("--matching", choices=MATCHINGS, default="interpolate", help="value of a frame [interpolate]")
    add_workers(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted="the same command continues after the finished films")


def _run(args: argparse.Namespace) -> None:
    if args.probe:
        return _probe(find_films(args.raw))
    if args.out is None:
        raise DataError("Where to? Give --out, the folder of the database.")
    tracks = find_raw(args.raw).tracks
    tasks = [(os.fspath(args.out), track, args.matching) for track in tracks]
    total = sum(track.num_frames for track in tracks)
    done = dict(parallel_map(_work, tasks, workers=args.workers, total=total, title="cutting faces"))
    cut = {}
    print(f"{'video':<24}{'split':<12}{'frames':>8}{'faces':>8}  left out")
    for i, track in enumerate(tracks):
        counts = dict(done[i])
        faces = counts.pop("faces", 0) + counts.pop("written before", 0)
        cut[track.name] = faces
        left_out = ", ".join(f"{reason} {n:,}" for reason, n in sorted(counts.items()))
        print(f"{track.name:<24}{track.split:<12}{track.num_frames:>8,}{faces:>8,}  {left_out}")
    print("\n".join(["", *stage_table(count_tracks(tracks, cut)), ""]))
    print(f"Prepare it: python -m data_prep.affwild --raw {args.out} --out DIR")


def _probe(tracks: Sequence[Track]) -> None:
    print(f"{'film':<32}{'frames/s':>9}{'frames':>9}{'at 30':>9}")
    for path in sorted({track.video for track in tracks}):
        try:
            rate, count = probe(path)
        except Skip as skip:
            print(f"{pathlib.Path(path).name:<32}{skip.reason}: {skip.detail}")
        else:
            print(f"{pathlib.Path(path).name:<32}{rate:>9.2f}{count:>9,}{frames_at_30(rate, count):>9,}")


if __name__ == "__main__":
    raise SystemExit(main())
