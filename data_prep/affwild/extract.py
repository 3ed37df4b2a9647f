"""One stage of the database alone (affwild_gan spec 1.2, 1.4): `python -m data_prep.affwild.extract films --raw DIR`.

  films     every film at 30 frames a second, OUT/NAME.avi (step 3)
  frames    every frame as a picture, OUT/NAME/000001.png (step 8)
  labels    valence and arousal of every frame of each person, with a face or without, OUT/NAME.txt (step 10)

What is there is kept: the same command continues. Other stages: data_prep/affwild/README.md.
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from data_prep.affwild.films import Film, frames_at_30, probe
from data_prep.affwild.frames import all_values
from data_prep.affwild.joystick import FRAMES_PER_SECOND, MATCHINGS
from data_prep.affwild.raw import find_films
from data_prep.affwild.tracks import Track
from emojax import cli
from emojax.errors import DataError, Skip
from emojax.files import replacing, write_text


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted="the same command continues after the finished films")


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m data_prep.affwild.extract", __doc__)
    add = parser.add_argument
    add("stage", choices=tuple(_STAGES), help="what to write")
    add("--raw", type=cli.path, required=True, metavar="DIR", help="folder with videos/ and annotations/")
    add("--out", type=cli.path, required=True, metavar="DIR", help="folder to write to")
    add("--matching", choices=MATCHINGS, default="interpolate", help="value of a frame [interpolate]")
    return parser


def _run(args: argparse.Namespace) -> None:
    tracks, (of_films, write) = find_films(args.raw), _STAGES[args.stage]
    # Of two people in a film the frames are the same, the labels are not.
    chosen = {pathlib.Path(t.video).stem: t for t in tracks} if of_films else {t.name: t for t in tracks}
    args.out.mkdir(parents=True, exist_ok=True)
    for name, track in sorted(chosen.items()):
        try:
            count = write(args.out, name, track, args.matching)
        except Skip as skip:
            print(f"  {name}: {skip.reason}: {skip.detail}")
        else:
            print(f"  {name}: {count:,} frames")


def _pictures(track: Track) -> Iterator[np.ndarray]:
    """Frames 1, 2, ... of a film at 30 a second."""
    count, film = frames_at_30(*probe(track.video)), Film(track.video)
    for number in range(1, count + 1):
        yield film.frame(number)


def write_film(out: pathlib.Path, name: str, track: Track, matching: str) -> int:
    """Writes OUT/NAME.avi at 30 frames a second, motion JPEG; returns its frames. Raises Skip."""
    path = out / f"{name}.avi"
    if path.exists():
        return probe(path)[1]
    part, writer, count = out / f".{name}.part.avi", None, 0
    try:
        for picture in _pictures(track):
            if writer is None:
                size = picture.shape[1], picture.shape[0]
                writer = cv2.VideoWriter(
                    os.fspath(part), cv2.VideoWriter.fourcc(*"MJPG"), FRAMES_PER_SECOND, size
                )
                if not writer.isOpened():
                    raise DataError(f"{part} cannot be written: is the folder writable?")
            writer.write(picture)
            count += 1
    finally:
        if writer is not None:
            writer.release()
    part.replace(path)
    return count


def write_frames(out: pathlib.Path, name: str, track: Track, matching: str) -> int:
    """Writes OUT/NAME/000001.png and so on; returns how many. Raises Skip."""
    folder, count = out / name, 0
    folder.mkdir(exist_ok=True)
    for count, picture in enumerate(_pictures(track), 1):
        path = folder / f"{count:06d}.png"
        if not path.exists():
            with replacing(path) as part:
                part.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return count


def write_labels(out: pathlib.Path, name: str, track: Track, matching: str) -> int:
    """Writes OUT/NAME.txt, rows FRAME,VALENCE,AROUSAL; returns how many. Raises Skip."""
    values = all_values(track, matching)
    rows = [f"{i},{valence:.6f},{arousal:.6f}\n" for i, (valence, arousal) in values.items()]
    write_text(out / f"{name}.txt", "".join(["frame,valence,arousal\n", *rows]))
    return len(rows)


# Stage -> whether it is of films or of people, what writes it.
_STAGES = {"films": (True, write_film), "frames": (True, write_frames), "labels": (False, write_labels)}


if __name__ == "__main__":
    raise SystemExit(main())
