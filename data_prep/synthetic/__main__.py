"""Door: `python -m data_prep.synthetic DATASET --out DIR`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from data_prep.door import add_workers
from data_prep.synthetic.affectnet import generate as affectnet
from data_prep.synthetic.affwild2 import generate as affwild2
from data_prep.synthetic.emotic import generate as emotic
from emojax import cli

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


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m data_prep.synthetic", _DESCRIPTION)
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
    )
    default = affectnet.Settings()
    _add_common(parser)
    _add_number(parser, "--train", default.train, "training pictures, imbalanced [6000]")
    _add_number(parser, "--val", default.validation, "validation pictures, balanced [800]")
    _add_number(parser, "--size", default.size, "sides in pixels, roughly [150]")
    parser.add_argument("--layout", type=int, choices=(2017, 2021), default=default.layout, help="[2017]")
    parser.add_argument("--faults", action="store_true", help="add bad rows and files")
    parser.set_defaults(draw=_draw_affectnet)


def _add_affwild2(datasets) -> None:
    parser = datasets.add_parser(
        "affwild2",
        help="clips of faces whose expression, valence and arousal change",
        description="Draws clips of faces in the raw layout of Aff-Wild2.",
        epilog=_AFFWILD2_EPILOG,
    )
    default = affwild2.Settings()
    _add_common(parser)
    _add_number(parser, "--train", default.train, "training clips [240]")
    _add_number(parser, "--val", default.validation, "validation clips [60]")
    _add_number(parser, "--frames", default.frames, "frames of a clip [24]")
    _add_number(parser, "--size", default.size, "side of a face in pixels [112]")
    parser.add_argument("--faults", action="store_true", help="add bad rows, files and videos")
    parser.set_defaults(draw=_draw_affwild2)


def _add_emotic(datasets) -> None:
    parser = datasets.add_parser(
        "emotic",
        help="people in places, with 26 categories, valence, arousal and dominance",
        description="Draws people in places in the raw layout of EMOTIC, with all side inputs.",
        epilog=_EMOTIC_EPILOG,
    )
    default = emotic.Settings()
    _add_common(parser)
    _add_number(parser, "--train", default.train, "training pictures [2000]")
    _add_number(parser, "--val", default.validation, "validation pictures [300]")
    _add_number(parser, "--test", default.test, "test pictures [500]")
    parser.add_argument("--faults", action="store_true", help="add bad annotations and files")
    parser.set_defaults(draw=_draw_emotic)


def _add_common(parser: cli.Parser) -> None:
    parser.add_argument("--out", type=cli.path, required=True, metavar="DIR", help="folder to write to")
    _add_number(parser, "--seed", 0, "a seed always draws the same bytes [0]", low=0)
    add_workers(parser)


def _add_number(parser: cli.Parser, name: str, default: int, text: str, *, low: int = 1) -> None:
    parser.add_argument(name, type=cli.whole_number(low), default=default, metavar="N", help=text)


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


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv)


def _run(args: argparse.Namespace) -> None:
    start = time.perf_counter()
    summary = args.draw(args)
    print(f"{args.out} ({time.perf_counter() - start:.1f} s): {summary}")


if __name__ == "__main__":
    sys.exit(main())
