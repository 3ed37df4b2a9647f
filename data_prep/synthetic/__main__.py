"""Door: `python -m data_prep.synthetic DATASET --out DIR`."""

from __future__ import annotations

import argparse
import pathlib
import sys
import time

from data_prep.parallel import available_cores
from data_prep.synthetic.affectnet import generate as affectnet
from data_prep.synthetic.affwild2 import generate as affwild2
from data_prep.synthetic.emotic import generate as emotic
from emojax.errors import EmojaxError

_DESCRIPTION = (
    "Draws people by parameters and writes them in the raw layout of a licensed data set, so that the real "
    "preparation and training code runs without it."
)

_AFFECTNET_EPILOG = """examples:
  python -m data_prep.synthetic affectnet --out data/synthetic_affectnet
      6,000 training and 800 validation pictures of drawn people, in the 2017 layout of AffectNet
  python -m data_prep.synthetic affectnet --out data/tiny --train 400 --val 80 --faults
      a small set with deliberately bad rows and files, to see how the preparation reports them
then:
  python -m data_prep.affectnet --raw data/synthetic_affectnet --out data/affectnet_synthetic_64 --size 64
"""

_AFFWILD2_EPILOG = """examples:
  python -m data_prep.synthetic affwild2 --out data/raw_affwild2
      240 training and 60 validation clips of 24 frames, faces of 112 x 112 pixels
  python -m data_prep.synthetic affwild2 --out data/tiny --train 8 --val 8 --frames 16 --faults
      a small set with deliberately bad rows, files and videos, to see how the preparation reports them
then:
  python -m data_prep.affwild2 --videos data/raw_affwild2/cropped_aligned \\
      --annotations data/raw_affwild2/annotations --out data/synthetic_affwild2 --size 64
  python -m emojax.train --config configs/affwild2.py:aw2_emotion_gcn@demo --workdir runs/aw2
"""

_EMOTIC_EPILOG = """examples:
  python -m data_prep.synthetic emotic --out data/synthetic_emotic
      2,000 training, 300 validation and 500 test pictures with one to four people, and all side inputs
  python -m data_prep.synthetic emotic --out data/tiny --train 60 --val 20 --test 20 --faults
      a small set with deliberately bad annotations and files, to see how the preparation reports them
then:
  python -m data_prep.emotic --raw data/synthetic_emotic --out data/emotic_synthetic_64 --size 64
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data_prep.synthetic", description=_DESCRIPTION)
    datasets = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    _add_affectnet(datasets)
    _add_affwild2(datasets)
    _add_emotic(datasets)
    return parser


def _add_affectnet(datasets) -> None:
    parser = datasets.add_parser(
        "affectnet",
        help="faces with an expression, valence and arousal",
        description="Draws faces in the raw layout of AffectNet.",
        epilog=_AFFECTNET_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = affectnet.Settings()
    number = {"type": int, "metavar": "N"}
    _add_common(parser)
    parser.add_argument(
        "--train", **number, default=default.train, help="training pictures, imbalanced [6000]"
    )
    parser.add_argument(
        "--val", **number, default=default.validation, help="validation pictures, balanced [800]"
    )
    parser.add_argument("--size", **number, default=default.size, help="sides in pixels, roughly [150]")
    parser.add_argument("--layout", type=int, choices=(2017, 2021), default=default.layout, help="[2017]")
    parser.add_argument("--faults", action="store_true", help="add bad rows and files")
    parser.set_defaults(draw=_draw_affectnet)


def _add_affwild2(datasets) -> None:
    parser = datasets.add_parser(
        "affwild2",
        help="clips of faces whose expression, valence and arousal change",
        description="Draws clips of faces in the raw layout of Aff-Wild2.",
        epilog=_AFFWILD2_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = affwild2.Settings()
    number = {"type": int, "metavar": "N"}
    _add_common(parser)
    parser.add_argument("--train", **number, default=default.train, help="training clips [240]")
    parser.add_argument("--val", **number, default=default.validation, help="validation clips [60]")
    parser.add_argument("--frames", **number, default=default.frames, help="frames of a clip [24]")
    parser.add_argument("--size", **number, default=default.size, help="side of a face in pixels [112]")
    parser.add_argument("--faults", action="store_true", help="add bad rows, files and videos")
    parser.set_defaults(draw=_draw_affwild2)


def _add_emotic(datasets) -> None:
    parser = datasets.add_parser(
        "emotic",
        help="people in places, with 26 categories, valence, arousal and dominance",
        description="Draws people in places in the raw layout of EMOTIC, with all side inputs.",
        epilog=_EMOTIC_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = emotic.Settings()
    number = {"type": int, "metavar": "N"}
    _add_common(parser)
    parser.add_argument("--train", **number, default=default.train, help="training pictures [2000]")
    parser.add_argument("--val", **number, default=default.validation, help="validation pictures [300]")
    parser.add_argument("--test", **number, default=default.test, help="test pictures [500]")
    parser.add_argument("--faults", action="store_true", help="add bad annotations and files")
    parser.set_defaults(draw=_draw_emotic)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write to")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="a seed always draws the same bytes [0]"
    )
    parser.add_argument(
        "--workers", type=int, default=available_cores(), metavar="N", help="processes [one a core]"
    )


def _draw_affectnet(args: argparse.Namespace) -> str:
    settings = affectnet.Settings(args.train, args.val, args.size, args.seed, args.layout, args.faults)
    counts = affectnet.generate(args.out, settings, args.workers)
    return (
        f"{counts['train']} training and {counts['validation']} validation pictures.\n"
        f"Prepare them: python -m data_prep.affectnet --raw {args.out} --out DIR --size 64"
    )


def _draw_affwild2(args: argparse.Namespace) -> str:
    settings = affwild2.Settings(args.train, args.val, args.frames, args.size, args.seed, args.faults)
    counts = affwild2.generate(args.out, settings, args.workers)
    return (
        f"{counts['train']} training and {counts['validation']} validation clips.\n"
        f"Prepare them: python -m data_prep.affwild2 --videos {args.out}/cropped_aligned "
        f"--annotations {args.out}/annotations --out DIR --size 64"
    )


def _draw_emotic(args: argparse.Namespace) -> str:
    settings = emotic.Settings(args.train, args.val, args.test, args.seed, args.faults)
    counts = emotic.generate(args.out, settings, args.workers)
    return (
        f"{counts['train']} training, {counts['val']} validation and {counts['test']} test pictures.\n"
        f"Prepare them: python -m data_prep.emotic --raw {args.out} --out DIR --size 64"
    )


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    start = time.perf_counter()
    try:
        summary = args.draw(args)
    except EmojaxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the same command starts again", file=sys.stderr)
        return 130
    print(f"{args.out} ({time.perf_counter() - start:.1f} s): {summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
