"""Prepares Aff-Wild2: `python -m data_prep.affwild2 --videos DIR --annotations DIR --out DIR`.

The subset of spec emotion_gcn 1.4: frames with an expression, valence and arousal. Where there are annotations of one
kind alone: frames with that.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from data_prep.affwild2.frames import CODE_TO_CLASS, Frame, Video, read_frames
from data_prep.affwild2.raw import SPLITS, Found, find_videos
from data_prep.claim import Part
from data_prep.door import INTERRUPTED, add_output_options, print_made, work_of
from data_prep.face_dataset import describe, encode_face
from data_prep.frame_index import FrameIndex
from data_prep.pipeline import Record, ShardResult, plan_splits, write_shards
from emojax import cli
from emojax.data.dataset import Dataset, Feature, save_dataset
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.datasets import AFFWILD2
from emojax.errors import DataError, Skip
from emojax.labels import affectnet_labels
from emojax.vision.images import read_image

NAME = "affwild2"
_FRAMES_PER_SHARD = 12_288  # about a third is used: 20 MB of JPEG or 160 MB of pixels a shard at 112 px


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records (spec 1.4)."""

    size: int = 112
    encoding: str = "jpeg"


@dataclasses.dataclass(frozen=True)
class AffWild2Source:
    """Converts frames to records; see `data_prep.pipeline.Source`. Items are (video, first, past the last).

    `labels` names what a frame must have, see `raw.Found`.
    """

    options: Options
    labels: tuple[str, ...] = ("expression", "va")

    def read(self, items: Sequence[tuple[Video, int, int]]) -> Iterator[tuple[str, Frame]]:
        for video, start, stop in items:
            for frame in read_frames(video, start, stop):
                yield f"{video.name} frame {frame.number}", frame

    def signature(self, item: Frame) -> bytes:
        try:
            return b"%d\n" % os.stat(item.image or "").st_size
        except OSError:
            return b"-\n"

    def convert(self, item: Frame) -> Record:
        """Raises Skip; the cheap reasons come before the image is read."""
        if item.video.twin:
            raise Skip("validation_video", f"the video is {item.video.twin} of the validation split too")
        labels: dict[str, float | int] = {}
        if "expression" in self.labels:
            labels["label"] = CODE_TO_CLASS[item.expression_code()]
        if "va" in self.labels:
            labels["valence"], labels["arousal"] = item.valence_arousal()
        features = {
            "image": encode_face(self._face(item), self.options.encoding),
            **labels,
            "video_id": item.video.name.encode("utf-8", "surrogateescape"),
            "frame": item.number,
            "source_id": item.source.encode("utf-8", "surrogateescape"),
        }
        columns = {**labels, "frame": item.number, "video_id": item.video.name, "source_id": item.source}
        # Folds keep the people of one video together.
        return Record(features, {**columns, "video": AFFWILD2.video_of(item.video.name)})

    def _face(self, item: Frame) -> np.ndarray:
        if item.image is None:
            raise Skip("missing_video", f"no folder {item.video.name} of faces")
        if len(item.files) > 1:
            raise Skip("ambiguous_face", f"{item.video.faces} has {' and '.join(item.files)} for one frame")
        face = read_image(item.image)
        height, width = face.shape[:2]
        if height != width:
            raise Skip("not_square", f"{width} x {height} pixels: not cropped and aligned by Aff-Wild2")
        size = self.options.size
        if width == size:
            return face
        shrinks = cv2.INTER_AREA if width > size else cv2.INTER_LINEAR
        return cv2.resize(face, (size, size), interpolation=shrinks)


def record_features(options: Options, labels: Sequence[str]) -> dict[str, Feature]:
    """The features of `dataset.json`. `frame` counts from 1, as the face files do."""
    expression = {"label": Feature("int")} if "expression" in labels else {}
    va = {"valence": Feature("float"), "arousal": Feature("float")} if "va" in labels else {}
    return {
        "image": Feature("image", (options.size, options.size, 3), options.encoding),
        **expression,
        **va,
        "video_id": Feature("bytes"),
        "frame": Feature("int"),
        "source_id": Feature("bytes"),
    }


def prepare(
    videos: pathlib.Path,
    annotations: pathlib.Path,
    out: pathlib.Path,
    options: Options,
    *,
    num_shards: int | None = None,
    workers: int = 1,
    part: Part | None = None,
) -> tuple[Dataset | None, list[ShardResult]]:
    """Writes the shards and `dataset.json` of Aff-Wild2; finished shards of an earlier run are kept.

    Args:
        videos: folder of the cropped and aligned faces.
        annotations: folder of the annotations as distributed.
        out: folder to write to.
        options: see `Options`.
        num_shards: of the training split, by default from its size; the validation split gets its share.
        workers: processes.
        part: see `write_shards`; `dataset.json` is written by the run without a part, and None returned in its place.

    Raises:
        DataError: the folders are no Aff-Wild2 (see `raw.find_videos`), `out` belongs to another run
            or cannot be written, a class is empty.
    """
    found = find_videos(videos, annotations)
    _require_every_class(annotations, found)
    frames = {split: FrameIndex(found.videos[split]) for split in SPLITS}
    shards = plan_splits(
        NAME,
        {split: frames[split].total for split in SPLITS},
        lambda split, part: frames[split].cut(part),
        num_shards=num_shards,
        items_per_shard=_FRAMES_PER_SHARD,
    )
    parameters = {"dataset": NAME, **dataclasses.asdict(options), "shards": len(shards)}
    if len(found.labels) == 1:
        parameters["labels"] = found.labels[0]
    results = write_shards(
        out,
        AffWild2Source(options, found.labels),
        shards,
        parameters=parameters,
        inputs=found.digest,
        workers=workers,
        part=part,
        title="preparing Aff-Wild2",
    )
    if part is not None:
        return None, results
    labels, features = affectnet_labels(7), record_features(options, found.labels)
    dataset = describe(out, NAME, labels, features, parameters, results, sequence_by=("video_id",))
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    return dataset, results


def _require_every_class(annotations: pathlib.Path, found: Found) -> None:
    """Raises DataError where no frame of a split has some expression: before any picture is read."""
    classes = affectnet_labels(7).classes
    for split, codes in found.codes.items():
        numbers: collections.Counter = collections.Counter()
        for text, count in codes.items():
            numbers[text.removesuffix(".0")] += count
        empty = [classes[i] for code, i in enumerate(CODE_TO_CLASS) if not numbers[str(code)]]
        if empty:
            counted = ", ".join(f"{code}: {count:,}" for code, count in sorted(numbers.items())[:12])
            raise DataError(
                f"No frame of the {split} split in {annotations} has the expression {', '.join(empty)}, but class "
                f"weights and the label graph need every class. Frames by expression code: {counted}."
            )


_EPILOG = """examples:
  python -m data_prep.affwild2 --videos ~/Aff-Wild2/cropped_aligned --annotations ~/Aff-Wild2/annotations \\
      --out data/affwild2
      the thesis recipe: frames with an expression, valence and arousal; 112 x 112 pixels, JPEG
  python -m data_prep.affwild2 --videos ~/Aff-Wild2/cropped_aligned --annotations ~/Aff-Wild2/annotations \\
      --out data/affwild2_packed --encoding raw
      the same as packed pixels: no JPEG decoding while training
  python -m data_prep.affwild2 --videos RAW/cropped_aligned --annotations RAW/annotations \\
      --out data/synthetic_affwild2 --size 64
      the synthetic people of `python -m data_prep.synthetic affwild2 --out RAW`, small

The splits are those of the expression annotation. The same command continues an interrupted run.
Afterwards: python -m data_prep.check DIR
"""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.affwild2",
        "Turns the frames of Aff-Wild2 that have an expression, valence and arousal into TFRecord "
        "shards, one record a frame.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--videos",
        type=cli.path,
        required=True,
        metavar="DIR",
        help="folder of the cropped and aligned faces of 112 x 112 pixels: VIDEO/00001.jpg, or "
        "batch1/VIDEO/00001.jpg, or own crops (frame_det_00_000001.bmp); not the videos themselves",
    )
    parser.add_argument(
        "--annotations",
        type=cli.path,
        required=True,
        metavar="DIR",
        help="folder of the annotations as distributed: EXPR_Set/Train_Set/VIDEO.txt, EXPR_Set/Validation_Set, "
        "VA_Set/Train_Set, VA_Set/Validation_Set, or the names of later releases; one kind alone is enough",
    )
    add_output_options(parser, default_size=Options().size)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted=INTERRUPTED)


def _run(args: argparse.Namespace) -> None:
    options = Options(args.size, args.encoding)
    print_made(args, prepare(args.videos, args.annotations, args.out, options, **work_of(args)))
