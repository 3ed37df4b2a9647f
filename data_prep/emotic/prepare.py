"""Prepares EMOTIC: `python -m data_prep.emotic --raw DIR --out DIR` (context_emotion spec 1.8)."""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from data_prep.claim import Part
from data_prep.door import INTERRUPTED, add_output_options, print_made, work_of
from data_prep.emotic.raw import SPLITS, Person, read_emotic
from data_prep.emotic.records import VAD_SCALES, EmoticSource, Options, record_features
from data_prep.emotic.side import SideInputs
from data_prep.emotic.statistics import describe, print_summary
from data_prep.pipeline import (
    Shard,
    ShardResult,
    default_num_shards,
    file_digest,
    split_evenly,
    write_shards,
)
from emojax import cli
from emojax.data.dataset import Dataset, save_dataset, shard_name
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.errors import DataError
from emojax.vision.faces import DETECTORS

NAME = "emotic"
SIDE_FOLDERS = {"faces": "openface", "poses": "openpose", "depth": "depth", "scenes": "scenes"}
_RAW_ITEMS_PER_SHARD = 512  # packed pixels: about 230 MB a shard at 224 px


def prepare(
    raw: pathlib.Path,
    out: pathlib.Path,
    options: Options,
    sides: SideInputs,
    *,
    num_shards: int | None = None,
    workers: int = 1,
    part: Part | None = None,
) -> tuple[Dataset | None, list[ShardResult]]:
    """Writes the shards and `dataset.json` of EMOTIC; finished shards of an earlier run are kept.

    Args:
        raw: folder of EMOTIC.
        out: folder to write to.
        options: see `Options`.
        sides: side inputs.
        num_shards: of the training split, by default from its size; the other splits get their share.
        workers: processes.
        part: see `write_shards`; `dataset.json` is written by the run without a part, and None returned in its place.

    Raises:
        DataError: `raw` is no EMOTIC, a folder of side inputs does not exist, `out` belongs to another run or
            cannot be written, or a split has no usable person.
    """
    _require_folders(sides)
    found, people = read_emotic(raw)
    shards = plan_shards(people, options, num_shards)
    parameters = {
        "dataset": NAME,
        **dataclasses.asdict(options),
        "context_encoding": options.context_encoding,
        **_side_parameters(sides),
        "shards": len(shards),
    }
    results = write_shards(
        out,
        EmoticSource(os.fspath(found.images), sides, options),
        shards,
        parameters=parameters,
        inputs=file_digest(found.annotations),
        workers=workers,
        part=part,
        title="preparing EMOTIC",
    )
    if part is not None:
        return None, results
    dataset = describe(out, NAME, record_features(options), parameters, people, results)
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    return dataset, results


def plan_shards(people: dict[str, list[Person]], options: Options, num_shards: int | None) -> list[Shard]:
    """Cuts the people of every split into shards, in file order."""
    per_shard = {"items_per_shard": _RAW_ITEMS_PER_SHARD} if options.encoding == "raw" else {}
    shards = []
    for split, items in people.items():
        wanted = default_num_shards(len(items), **per_shard)
        if num_shards is not None:
            wanted = max(1, round(num_shards * len(items) / len(people["train"])))
        ranges = split_evenly(len(items), wanted)
        for i, part in enumerate(ranges):
            chosen = tuple(items[part.start : part.stop])
            shards.append(Shard(split, shard_name(NAME, split, i, len(ranges)), chosen, len(chosen)))
    return shards


def _require_folders(sides: SideInputs) -> None:
    for name in SIDE_FOLDERS:
        folder = getattr(sides, name)
        if folder is not None and not os.path.isdir(folder):
            raise DataError(f"There is no folder {folder} (--{name}). Leave the option out to do without.")


def _side_parameters(sides: SideInputs) -> dict[str, Any]:
    """What of the side inputs decides the content: which there are, not where they are."""
    given = {name: getattr(sides, name) is not None for name in SIDE_FOLDERS}
    return {**given, "face_detector": "none" if given["faces"] else sides.face_detector}


_EPILOG = f"""side inputs:
  Faces, poses, depth maps and scene scores come from other tools. Their files are named after the images, in
  folders like the images' own (data_prep/emotic/side.py lists them). Folders RAW/openface, RAW/openpose,
  RAW/depth and RAW/scenes are taken without being named. A person without one of them gets zeros and a flag;
  the report counts them.

examples:
  python -m data_prep.emotic --raw ~/EMOTIC --out data/emotic_224 --poses ~/EMOTIC_openpose
      224 x 224 pixels, faces found by OpenCV, poses by OpenPose, JPEG
  python -m data_prep.emotic.crops --raw ~/EMOTIC --out ~/EMOTIC_crops
      the body crops, to run OpenPose on
  python -m data_prep.emotic --raw data/synthetic_emotic --out data/emotic_synthetic_64 --size 64
      the synthetic people of `python -m data_prep.synthetic emotic`, small

The splits are called {", ".join(SPLITS)}. The same command continues an interrupted run.
Afterwards: python -m data_prep.check DIR
"""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.emotic",
        "Turns EMOTIC (Annotations.mat and images) into TFRecord shards, one record a person.",
        epilog=_EPILOG,
    )
    default = Options()
    add, folder = parser.add_argument, {"type": cli.path, "metavar": "DIR"}
    add("--raw", **folder, required=True, help="folder of the unpacked EMOTIC")
    add_output_options(parser, default_size=default.size)
    add("--vad_scale", choices=VAD_SCALES, default=default.vad_scale, help="x / 10, or (x - 1) / 9 [tenth]")
    add("--faces", **folder, help="OpenFace CSV files; instead of --face_detector")
    add("--poses", **folder, help="OpenPose JSON files (BODY_25, with hands)")
    add("--depth", **folder, help="grey depth PNG files")
    add("--scenes", **folder, help="scene and attribute score .npy files")
    add("--face_detector", choices=DETECTORS, default="haar", help="OpenCV's cascade, or none [haar]")
    return parser


def _side_inputs(args: argparse.Namespace) -> SideInputs:
    folders = {}
    for name, usual in SIDE_FOLDERS.items():
        given, usual_folder = getattr(args, name), args.raw / usual
        folder = given or (usual_folder if usual_folder.is_dir() else None)
        folders[name] = os.fspath(folder) if folder else None
    return SideInputs(**folders, face_detector=args.face_detector)


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted=INTERRUPTED)


def _run(args: argparse.Namespace) -> None:
    options = Options(args.size, args.encoding, args.vad_scale)
    made = prepare(args.raw, args.out, options, _side_inputs(args), **work_of(args))
    print_made(args, made, table=print_summary)
