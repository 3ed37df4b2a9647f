"""Prepares AffectNet: `python -m data_prep.affectnet --raw DIR --out DIR` (spec emotion_gcn 1.2-1.10)."""

from __future__ import annotations

import argparse
import hashlib
import pathlib
from collections.abc import Sequence

from data_prep.affectnet.face import SPLITS
from data_prep.affectnet.layout_2017 import Layout2017
from data_prep.affectnet.layout_2021 import Layout2021
from data_prep.affectnet.raw import find_layout
from data_prep.affectnet.records import AffectNetSource, Options, read_ages, record_features
from data_prep.claim import Part
from data_prep.door import INTERRUPTED, add_output_options, print_made, work_of
from data_prep.face_dataset import describe
from data_prep.pipeline import Shard, ShardResult, file_digest, plan_splits, write_shards
from emojax import cli
from emojax.data.dataset import Dataset, save_dataset
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.errors import ConfigError, DataError
from emojax.labels import affectnet_labels
from emojax.vision.align import ALIGNMENTS, CROP_ANCHORS

NAME = "affectnet"
_ITEMS_PER_SHARD = 4096
_RAW_ITEMS_PER_SHARD = 1024  # packed pixels: about 150 MB a shard at 227 px


def prepare(
    raw: pathlib.Path,
    out: pathlib.Path,
    options: Options,
    *,
    ages: pathlib.Path | None = None,
    num_shards: int | None = None,
    workers: int = 1,
    part: Part | None = None,
) -> tuple[Dataset | None, list[ShardResult]]:
    """Writes the shards and `dataset.json` of AffectNet; finished shards of an earlier run are kept.

    Args:
        raw: folder of AffectNet in the layout of 2017 or 2021.
        out: folder to write to.
        options: see `Options`.
        ages: CSV file of image path and age.
        num_shards: of the training split, by default from its size; the validation split gets its share.
        workers: processes.
        part: see `write_shards`; `dataset.json` is written by the run without a part, and None returned in its place.

    Raises:
        DataError: `raw` is no AffectNet, `out` belongs to another run or cannot be written, a class is empty.
    """
    layout = find_layout(raw)
    rows, digest = layout.plan()
    if options.needs_landmarks:
        layout.require_landmarks()
    for split in SPLITS:
        if not len(rows[split]):
            raise DataError(f"The {split} split of {raw} has no rows at all: the download is incomplete.")
    _require_every_class(raw, layout, options)
    shards = _plan_shards(layout, rows, options, num_shards)
    parameters = {
        "dataset": NAME,
        **options.parameters(),
        "layout": layout.name,
        "shards": len(shards),
    }
    if ages is not None:
        read_ages(str(ages))  # a bad table must stop the run here, not in every worker
        digest = hashlib.sha256((digest + file_digest(ages)).encode()).hexdigest()
    source = AffectNetSource(layout, options, str(ages) if ages else None)
    results = write_shards(
        out,
        source,
        shards,
        parameters=parameters,
        inputs=digest,
        workers=workers,
        part=part,
        title="preparing AffectNet",
    )
    if part is not None:
        return None, results
    dataset = describe(
        out, NAME, affectnet_labels(options.classes), record_features(options), parameters, results
    )
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    return dataset, results


def _require_every_class(raw: pathlib.Path, layout: Layout2017 | Layout2021, options: Options) -> None:
    """Raises DataError where a list has no row of a class: before any picture is read."""
    names = affectnet_labels(options.classes).classes
    for split, codes in (layout.codes or {}).items():
        empty = [f"{name} (code {code})" for code, name in enumerate(names) if not codes[code]]
        if empty:
            found = ", ".join(f"{code}: {count:,}" for code, count in sorted(codes.items()))
            raise DataError(
                f"The list of the {split} split in {raw} has no row of {', '.join(empty)}, but class weights and the "
                f"label graph need every class. Rows by expression code: {found}. Complete the list."
            )


def _plan_shards(
    layout: Layout2017 | Layout2021, rows: dict[str, Sequence], options: Options, num_shards: int | None
) -> list[Shard]:
    return plan_splits(
        NAME,
        {split: len(rows[split]) for split in SPLITS},
        lambda split, part: layout.shard_items(split, rows[split][part.start : part.stop]),
        num_shards=num_shards,
        items_per_shard=_RAW_ITEMS_PER_SHARD if options.encoding == "raw" else _ITEMS_PER_SHARD,
    )


_EPILOG = """examples:
  python -m data_prep.affectnet --raw ~/AffectNet --out data/affectnet_227
      the thesis recipe: 7 classes, faces levelled by their eyes, 227 x 227 pixels, JPEG
  python -m data_prep.affectnet --raw ~/AffectNet --out data/affectnet_227_packed --encoding raw
      the same as packed pixels: 44 GB instead of 8, but no JPEG decoding while training
  python -m data_prep.affectnet --raw ~/AffectNet --out data/affectnet_8 --classes 8 --align none
      with contempt, plain crops (the first rows of thesis table 3.1)

The same command continues an interrupted run. Afterwards: python -m data_prep.check DIR
"""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.affectnet",
        "Turns AffectNet (layout of 2017 or 2021, recognised by itself) into TFRecord shards.",
        epilog=_EPILOG,
    )
    default = Options()
    parser.add_argument(
        "--raw", type=cli.path, required=True, metavar="DIR", help="folder of the unpacked AffectNet"
    )
    parser.add_argument(
        "--align",
        choices=ALIGNMENTS,
        default=default.align,
        help="none: crop the face box; rotate_crop: level the eyes, then crop (default); similarity: eyes at "
        "fixed places",
    )
    parser.add_argument(
        "--crop_anchor",
        choices=CROP_ANCHORS,
        default=default.crop_anchor,
        help="point of the face box that rotate_crop keeps: topleft as the public code (default), or center",
    )
    parser.add_argument(
        "--align_integer",
        action="store_true",
        help="cut the eye centres down to whole pixels before levelling, as the public code does",
    )
    parser.add_argument(
        "--classes", type=int, choices=(7, 8), default=default.classes, help="8 adds contempt [7]"
    )
    parser.add_argument(
        "--masks", action="store_true", help="store the 56 x 56 eye and mouth mask with every face"
    )
    parser.add_argument(
        "--ages", type=cli.path, metavar="CSV", help="image path and age, from an age estimator"
    )
    add_output_options(parser, default_size=default.size)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted=INTERRUPTED)


def _run(args: argparse.Namespace) -> None:
    if args.align_integer and args.align != "rotate_crop":
        raise ConfigError(
            "--align_integer goes with --align rotate_crop, which is what the public code does."
        )
    options = Options(
        args.align,
        args.crop_anchor,
        args.size,
        args.classes,
        args.encoding,
        args.masks,
        args.align_integer,
    )
    print_made(args, prepare(args.raw, args.out, options, ages=args.ages, **work_of(args)))
