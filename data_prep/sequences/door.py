"""The commands that prepare SASE-FE and OULU-CASIA: what both have."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence

from data_prep.door import INTERRUPTED, add_output_options, print_made, work_of
from data_prep.sequences.prepare import Options, Plan, prepare
from data_prep.sequences.video import USUAL_FRAMES, Kept
from emojax import cli
from emojax.data.dataset import Dataset
from emojax.errors import ConfigError
from emojax.vision.face_views import ALIGNMENTS, MODALITIES, USUAL, ViewOptions
from emojax.vision.geometry68 import CENTRES, SCALES
from emojax.wording import counted


def make_parser(name: str, what: str, epilog: str, presets: Iterable[str]) -> cli.Parser:
    """The options that both data sets have.

    Args:
        name: of the package of `data_prep`.
        what: is turned into records, for the help.
        epilog: examples.
        presets: names of the divisions of subjects, the usual one first.
    """
    parser = cli.Parser(
        f"python -m data_prep.{name}",
        f"Turns {what} into TFRecord shards, one record a frame, with columns of landmarks, geometry, subject "
        "and class.",
        epilog=epilog,
    )
    names = tuple(presets)
    _add_options(parser)
    parser.add_argument(
        "--split",
        choices=names,
        default=names[0],
        help=f"subjects of train, validation and test [{names[0]}]",
    )
    return parser


def main(
    argv: Sequence[str] | None,
    parser: cli.Parser,
    plan_of: Callable[[argparse.Namespace, Options], Plan],
) -> int:
    """Runs the command of one data set; returns its exit status.

    Args:
        argv: of the command line.
        parser: from `make_parser`, perhaps with options of this data set alone.
        plan_of: from the command line to what is prepared.
    """

    def work(args: argparse.Namespace) -> None:
        options = options_of(args)
        _run(args, plan_of(args, options), options)

    return cli.run(parser, work, argv, interrupted=INTERRUPTED)


def _add_options(parser: cli.Parser) -> None:
    """Adds what both data sets have."""
    add = parser.add_argument
    add("--raw", type=cli.path, required=True, metavar="DIR", help="folder of the data set as distributed")
    add(
        "--landmarks",
        type=cli.path,
        metavar="DIR",
        help="folder of landmark files SUBJECT/VIDEO.csv, as OpenFace writes them: columns frame (from 1), "
        "x_0 ... x_67, y_0 ... y_67 [RAW/landmarks where it is there, else dlib finds them: the extra `landmarks`]",
    )
    frames = parser.add_mutually_exclusive_group()
    frames.add_argument(
        "--window",
        type=_share,
        nargs=2,
        default=USUAL_FRAMES.window,
        metavar=("FROM", "TO"),
        help="part of each video that is kept [0.5 0.8]",
    )
    frames.add_argument(
        "--last",
        type=cli.whole_number(1),
        default=0,
        metavar="N",
        help="keep the last N frames of each video instead",
    )
    add("--stride", type=cli.whole_number(1), default=1, metavar="N", help="of these keep every N-th [1]")
    add(
        "--modalities",
        type=_modalities,
        default=MODALITIES,
        metavar="LIST",
        help=f"of {','.join(MODALITIES)}: the crop, its frontal view, that with soft symmetry [all]",
    )
    _add_view_options(parser)
    add(
        "--seed",
        type=cli.whole_number(0),
        default=0,
        metavar="N",
        help="seed of the random choice of subjects [0]",
    )
    add_output_options(parser, default_size=Options().size)


def _add_view_options(parser: cli.Parser) -> None:
    add, usual = parser.add_argument, USUAL
    add(
        "--align",
        choices=ALIGNMENTS,
        default=usual.align,
        help="of the crop: similarity levels the eyes and puts them at fixed places [none]",
    )
    add(
        "--margin",
        type=float,
        default=usual.margin,
        metavar="X",
        help="side of the crop in sides of the face's box [1.3]",
    )
    add(
        "--frontal_crop",
        type=_share,
        default=usual.frontal_crop,
        metavar="SHARE",
        help="side of the middle of the frontal view that is kept [1]",
    )
    add(
        "--face_model",
        type=cli.path,
        metavar="FILE",
        help="face in three dimensions that frontalises: .npz or .mat with threedee and refU [our own]",
    )
    add(
        "--geometry_centre",
        choices=CENTRES,
        default=usual.geometry_centre,
        help="origin of the geometry [centroid]",
    )
    add(
        "--geometry_scale",
        choices=SCALES,
        default=usual.geometry_scale,
        help="its unit: the distance of the eyes, or the RMS radius [eyes]",
    )
    add("--geometry_upright", action="store_true", help="take the head's roll out of the geometry")


def _modalities(text: str) -> tuple[str, ...]:
    chosen = cli.names(text)
    if not chosen or not set(chosen) <= set(MODALITIES):
        raise argparse.ArgumentTypeError(f"{text!r}: choose from {', '.join(MODALITIES)}")
    return tuple(name for name in MODALITIES if name in chosen)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return value


def options_of(args: argparse.Namespace) -> Options:
    """The options of a command line; ConfigError for a window without an inside."""
    low, high = args.window
    if not low < high:
        raise ConfigError(f"--window {low} {high}: the first share must be below the second.")
    if not 1 <= args.margin <= 10 or args.frontal_crop < 0.1:
        raise ConfigError(
            f"--margin {args.margin:g} --frontal_crop {args.frontal_crop:g}: the margin lies from 1 to 10, the crop "
            "from 0.1 to 1."
        )
    views = ViewOptions(
        args.margin,
        args.align,
        args.frontal_crop,
        os.path.abspath(args.face_model) if args.face_model else "",
        args.geometry_centre,
        args.geometry_scale,
        args.geometry_upright,
    )
    kept = Kept((low, high), args.last, args.stride)
    return Options(args.size, args.encoding, args.modalities, kept, views, args.seed)


def _run(args: argparse.Namespace, plan: Plan, options: Options) -> None:
    """Prepares, and prints the table."""
    beside = args.raw / "landmarks"
    landmarks = args.landmarks or (beside if beside.is_dir() else None)

    def subjects(dataset: Dataset) -> None:
        for split, members in plan.splits.items():
            print(f"{split}: {counted(len(members), 'subject')}")

    print_made(args, prepare(plan, landmarks, args.out, options, **work_of(args)), subjects)
