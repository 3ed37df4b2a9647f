"""The command `python -m data_prep.bold`: its options, and what it prints at the end."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from data_prep.bold.people import FILLS, FRAMES, MODALITIES, Options
from data_prep.bold.prepare import prepare
from data_prep.bold.raw import PEOPLE
from data_prep.bold.sizes import print_sizes
from data_prep.door import INTERRUPTED, add_output_options, print_made, work_of
from emojax import cli
from emojax.data.dataset import Dataset
from emojax.errors import ConfigError
from emojax.vision.skeleton_boxes import PUBLISHED, Margins
from emojax.wording import counted


def print_people(dataset: Dataset) -> None:
    """Prints the people of each split beside those of the published data."""
    print()
    for split in dataset.splits:
        people = counted(len(dataset.columns(split).layout.starts), "person", "people")
        print(f"{split}: {people} in clips; BoLD as published has {PEOPLE[split]:,}")


def print_unseen(dataset: Dataset) -> None:
    """Prints how many frames of each split show no body, and how many people have joints that belong to no frame."""
    print()
    for split in dataset.splits:
        visible = dataset.columns(split)["body_visible"]
        print(
            f"{split}: {np.count_nonzero(~visible):,} of {len(visible):,} frames show no body (no joint, or a box "
            "thinner than 2 pixels); the body stream sees the whole frame there"
        )
        if people := dataset.build["joints_outside"][split]:
            print(
                f"{split}: people with joints outside of the frames of their clip, which are left out: {people:,}"
            )


_EPILOG = """examples:
  python -m data_prep.bold --raw ~/BOLD_public --out data/bold
      body, masked context and face of every tracked person in every frame, 224 x 224 pixels, JPEG; joints and Laban
      features as columns
  python -m data_prep.bold --raw ~/BOLD_public --out data/bold_skeleton --modalities skeleton
      joints and Laban features alone: megabytes instead of hundreds of gigabytes, enough for ST-GCN and LMA systems
  python -m data_prep.bold --raw ~/BOLD_public --out data/bold --modalities rgb,flow,skeleton --frames sampled
      TV-L1 optical flow, too; validation and test keep only the pictures that evaluation with 25 segments reads
  python -m data_prep.bold --raw RAW --out data/synthetic_bold --size 64 --encoding raw \\
      --modalities rgb,flow,skeleton --flow_side 96
      the synthetic clips of `python -m data_prep.synthetic bold --out RAW`, small

The same command continues an interrupted run. Afterwards: python -m data_prep.check DIR
"""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.bold",
        "Turns the clips of BoLD into TFRecord shards, one record a frame of a tracked person, and columns of joints, "
        "Laban features and labels.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--raw",
        type=cli.path,
        required=True,
        metavar="DIR",
        help="folder of videos/, joints/ and annotations/",
    )
    parser.add_argument(
        "--modalities",
        type=_modalities,
        default=Options().modalities,
        metavar="LIST",
        help="of rgb,flow,skeleton [rgb,skeleton]; flow takes hours on the whole of BoLD",
    )
    parser.add_argument(
        "--flow_side",
        type=int,
        default=0,
        metavar="PX",
        help="compute flow on frames whose shorter side has PX pixels: less work, coarser [0: their own size]",
    )
    parser.add_argument(
        "--flow_fill",
        choices=FILLS,
        default=Options().flow_fill,
        help="what hides the person in flow images of the context: their minimum, as published, or no motion [minimum]",
    )
    parser.add_argument(
        "--frames",
        choices=FRAMES,
        default="all",
        help="sampled: validation and test keep only the pictures that evaluation with 25 segments reads [all]",
    )
    _add_margins(parser)
    parser.add_argument(
        "--track_only",
        action="store_true",
        help="keep the frames from the first to the last in which the person is tracked, not the whole clip",
    )
    add_output_options(parser, default_size=Options().size)
    return parser


def _add_margins(parser: cli.Parser) -> None:
    """Adds the options of the boxes; the defaults are those of the published systems."""
    for name, what in (("body", "body"), ("mask", "part of the context that is hidden"), ("face", "face")):
        default = getattr(PUBLISHED, name)
        parser.add_argument(
            f"--{name}_margin",
            type=_margin,
            default=default,
            metavar="SHARE",
            help=f"share of the box's sides that is added on each side of the {what} [{default:g}]",
        )
    parser.add_argument(
        "--face_joints",
        choices=("neck", "no_neck"),
        default="neck",
        help="the box of the face holds nose, eyes, ears and neck, as in the public code, or no neck [neck]",
    )


def _margin(text: str) -> float:
    """A share of a box's side, from 0 to 10."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 10, e.g. 0.3")
    return value


def _modalities(text: str) -> tuple[str, ...]:
    chosen = cli.names(text)
    if not chosen or not set(chosen) <= set(MODALITIES):
        raise argparse.ArgumentTypeError(f"{text!r}: choose from {', '.join(MODALITIES)}")
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted=INTERRUPTED)


def _run(args: argparse.Namespace) -> None:
    if args.flow_side < 0 or 0 < args.flow_side < 16:
        raise ConfigError("--flow_side is 0 or at least 16 pixels.")
    if args.track_only and args.frames != "all":
        raise ConfigError("--track_only goes with --frames all.")
    margins = Margins(args.body_margin, args.mask_margin, args.face_margin, args.face_joints == "neck")
    options = Options(
        args.size,
        args.encoding,
        args.modalities,
        args.flow_side,
        args.flow_fill,
        args.frames,
        margins,
        args.track_only,
    )
    print_made(
        args, prepare(args.raw, args.out, options, **work_of(args)), print_people, print_unseen, print_sizes
    )
