"""Door: `python -m data_prep.synthetic affectnet --out DIR`."""

from __future__ import annotations

import argparse
import pathlib
import sys
import time

from data_prep.parallel import available_cores
from data_prep.synthetic.affectnet import generate
from emojax.errors import EmojaxError

_EPILOG = """examples:
  python -m data_prep.synthetic affectnet --out data/synthetic_affectnet
      6,000 training and 800 validation pictures of drawn people, in the 2017 layout of AffectNet
  python -m data_prep.synthetic affectnet --out data/tiny --train 400 --val 80 --faults
      a small set with deliberately bad rows and files, to see how the preparation reports them
then:
  python -m data_prep.affectnet --raw data/synthetic_affectnet --out data/affectnet_synthetic_64 --size 64
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_prep.synthetic",
        description="Draws people by parameters and writes them in the raw layout of a licensed data set, so "
        "that the real preparation and training code runs without it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", choices=("affectnet",), help="which data set to imitate")
    parser.add_argument(
        "--out", type=pathlib.Path, required=True, help="folder to write to (made when missing)"
    )
    parser.add_argument(
        "--train", type=int, default=6000, help="training pictures, imbalanced like AffectNet [6000]"
    )
    parser.add_argument(
        "--val", type=int, default=800, help="validation pictures, balanced, other people [800]"
    )
    parser.add_argument("--size", type=int, default=150, help="side of a picture in pixels, roughly [150]")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same pictures [0]")
    parser.add_argument(
        "--layout", type=int, choices=(2017, 2021), default=2017, help="AffectNet's layout [2017]"
    )
    parser.add_argument("--faults", action="store_true", help="add bad rows and files")
    parser.add_argument("--workers", type=int, default=available_cores(), help="processes [one a core]")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    start = time.perf_counter()
    try:
        counts = generate(
            args.out,
            train=args.train,
            validation=args.val,
            size=args.size,
            seed=args.seed,
            layout=args.layout,
            faults=args.faults,
            workers=args.workers,
        )
    except EmojaxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    seconds = time.perf_counter() - start
    print(
        f"{args.out}: {counts['train']} training and {counts['validation']} validation pictures "
        f"({seconds:.1f} s).\n"
        f"Prepare them: python -m data_prep.affectnet --raw {args.out} --out DIR --size 64"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
