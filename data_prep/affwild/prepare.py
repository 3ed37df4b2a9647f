"""Prepares faces in films: `python -m data_prep.affwild --raw DIR --out DIR` (affwild_gan spec 1, affwild_cnn_rnn 1).

One record a frame that has a face, valence and arousal, and with `--labels both` a category; the frames of one person
in one film stand one after another.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from data_prep.affwild.frames import Frame, read_frames, resized
from data_prep.affwild.joystick import MATCHINGS
from data_prep.affwild.raw import Raw, find_raw
from data_prep.affwild.shown import frames_to_show
from data_prep.affwild.stages import count_tracks, stage_table
from data_prep.affwild.tracks import Track, video_of
from data_prep.claim import Part
from data_prep.door import INTERRUPTED, add_output_options, print_made, work_of
from data_prep.face_dataset import describe, encode_face
from data_prep.frame_index import FrameIndex
from data_prep.pipeline import Record, ShardResult, plan_splits, write_shards
from emojax import cli
from emojax.data.dataset import Dataset, Feature, save_dataset
from emojax.data.film_counts import read_film_counts, write_film_counts
from emojax.data.found_faces import write_found_faces
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.errors import ConfigError, DataError, Skip
from emojax.labels import AFFWILD_LABELS

NAME = "affwild"
LABELS = ("va", "both")
TRAIN_SETS = ("big", "small")
_FRAMES_PER_SHARD = 8192


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records.

    Attributes:
        size: side of the pictures in pixels (72: affwild_cnn_rnn 1.5; 96 and 64: affwild_gan 1.6, G1).
        encoding: `jpeg` or `raw`.
        labels: what a frame must have: `va`, or `both` valence, arousal and a category.
        train: films that are trained on: `big` all, `small` those of the set `extra` (affwild_gan spec 1.5).
        matching: how joystick annotations become values of frames, see `joystick.frame_values`.
    """

    size: int = 96
    encoding: str = "jpeg"
    labels: str = "va"
    train: str = "big"
    matching: str = "interpolate"


@dataclasses.dataclass(frozen=True)
class AffWildSource:
    """Converts frames to records; see `data_prep.pipeline.Source`. Items are (track, first, past the last)."""

    options: Options

    def read(self, items: Sequence[tuple[Track, int, int]]) -> Iterator[tuple[str, Frame]]:
        for track, start, stop in items:
            for frame in read_frames(track, start, stop, self.options.matching):
                yield f"{track.name} frame {frame.number}", frame

    def signature(self, item: Frame) -> bytes:
        path = item.track.video or (item.face if isinstance(item.face, str) else "")
        try:
            return b"%d\n" % os.stat(path).st_size
        except OSError:
            return b"-\n"

    def convert(self, item: Frame) -> Record:
        """Raises Skip; the cheap reasons come before the picture is read."""
        if item.problem is not None:
            raise item.problem
        valence, arousal = item.valence_arousal()
        labels: dict[str, float | int] = {"valence": valence, "arousal": arousal}
        if self.options.labels == "both":
            if item.category is None:
                raise Skip("no_category", "no annotator chose one of the seven categories")
            labels["label"] = item.category
        face = item.picture()
        shared = {**labels, "frame": item.number}
        names = {"video_id": item.track.name, "subject": item.track.person, "source_id": item.source}
        encoded = encode_face(resized(face, self.options.size), self.options.encoding)
        features = {"image": encoded, **shared}
        features |= {name: text.encode("utf-8", "surrogateescape") for name, text in names.items()}
        height, width = face.shape[:2]
        size = {"crop_height": height, "crop_width": width}
        return Record(features, {**shared, **names, "video": video_of(item.track.name), **size})


def record_features(options: Options) -> dict[str, Feature]:
    """The features of `dataset.json` (affwild_gan spec 1.7). `frame` counts from 1, at 30 frames a second."""
    numbers = {"valence": Feature("float"), "arousal": Feature("float"), "frame": Feature("int")}
    if options.labels == "both":
        numbers["label"] = Feature("int")
    texts = {name: Feature("bytes") for name in ("video_id", "subject", "source_id")}
    return {"image": Feature("image", (options.size, options.size, 3), options.encoding), **numbers, **texts}


def splits_of(raw: Raw, train: str) -> dict[str, list[Track]]:
    """Split of the prepared data -> its tracks.

    Raises:
        DataError: a split that training needs has none.
    """
    sets = {"big": ("train", "extra"), "small": ("extra",)}[train]
    wanted = {"train": sets, "validation": ("validation",), "test": ("test",)}
    splits = {split: [t for t in raw.tracks if t.split in names] for split, names in wanted.items()}
    for split in ("train", "validation"):
        if not splits[split]:
            there = ", ".join(dict.fromkeys(track.split for track in raw.tracks))
            raise DataError(
                f"The {split} split has no video: they belong to {there}. "
                + (
                    "The small set is that of `extra`; without it, leave --train small out."
                    if train == "small"
                    else "Say in splits.csv which do."
                )
            )
    return {split: tracks for split, tracks in splits.items() if tracks}


def prepare(
    raw: pathlib.Path,
    out: pathlib.Path,
    options: Options,
    *,
    num_shards: int | None = None,
    workers: int = 1,
    part: Part | None = None,
) -> tuple[Dataset | None, list[ShardResult]]:
    """Writes the shards, columns and `dataset.json`; finished shards of an earlier run are kept.

    Args:
        raw: folder of the database, see `raw.find_raw`.
        out: folder to write to.
        options: see `Options`.
        num_shards: of the training split, by default from its size.
        workers: processes.
        part: see `write_shards`; `dataset.json` is written by the run without a part, and None returned in its place.

    Raises:
        DataError: `raw` is no such database, `out` belongs to another run or cannot be written, a split is empty.
    """
    found = find_raw(raw)
    splits = splits_of(found, options.train)
    frames = {split: FrameIndex(tracks) for split, tracks in splits.items()}
    shards = plan_splits(
        NAME,
        {split: index.total for split, index in frames.items()},
        lambda split, part: frames[split].cut(part),
        num_shards=num_shards,
        items_per_shard=_FRAMES_PER_SHARD,
    )
    parameters = {"dataset": NAME, **dataclasses.asdict(options), "shards": len(shards)}
    results = write_shards(
        out,
        AffWildSource(options),
        shards,
        parameters=parameters,
        inputs=found.digest,
        workers=workers,
        part=part,
        title="preparing Aff-Wild",
    )
    if part is not None:
        return None, results
    features = record_features(options)
    dataset = describe(
        out,
        NAME,
        AFFWILD_LABELS,
        features,
        parameters,
        results,
        sequence_by=("video_id",),
        every_class=False,
    )
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    tracks = [track for of_split in splits.values() for track in of_split]
    write_film_counts(out, count_tracks(tracks, _faces_by_track(dataset)))
    if faces := frames_to_show(tracks, options.matching):
        write_found_faces(out, faces)
    return dataset, results


def _faces_by_track(dataset: Dataset) -> dict[str, int]:
    """Track -> its records."""
    names = np.concatenate([dataset.columns(split)["video_id"] for split in dataset.splits])
    return dict(zip(*(found.tolist() for found in np.unique(names, return_counts=True))))


_EPILOG = """examples:
  python -m data_prep.affwild --raw ~/affwild --out data/affwild
      films, or cropped faces in one of three layouts (data_prep/affwild/README.md); 96 x 96 pixels, JPEG
  python -m data_prep.affwild --raw ~/affwild --train small --out data/affwild_small
      trained on the small set alone
  python -m data_prep.affwild --raw ~/affwild --labels both --size 72 --out data/affwild_both
      frames that have a category, too
  python -m data_prep.affwild --raw RAW --size 32 --encoding raw --out data/synthetic_affwild
      the synthetic films of `python -m data_prep.synthetic affwild --out RAW`, small

The same command continues an interrupted run. Afterwards: python -m data_prep.check DIR
"""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.affwild",
        "Turns the faces of films with valence and arousal by frame into TFRecord shards, one record a frame.",
        epilog=_EPILOG,
    )
    add, default = parser.add_argument, Options()
    add("--raw", type=cli.path, metavar="DIR", help="folder of the films, or of the cropped faces")
    add(
        "--videos",
        type=cli.path,
        metavar="DIR",
        help="instead of --raw, with --annotations: its folder of films or faces",
    )
    add("--annotations", type=cli.path, metavar="DIR", help="see --videos")
    add(
        "--labels",
        choices=LABELS,
        default=default.labels,
        help="what a frame must have: va, or both va and a category",
    )
    add(
        "--train",
        choices=TRAIN_SETS,
        default=default.train,
        help="films to train on: big, all; small, those of `extra`",
    )
    add(
        "--matching",
        choices=MATCHINGS,
        default=default.matching,
        help="value of a frame between two of the joystick's [interpolate]",
    )
    add_output_options(parser, default_size=default.size)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted=INTERRUPTED)


def _raw_folder(args: argparse.Namespace) -> pathlib.Path:
    """The folder of the database; raises ConfigError where the options name none, or two."""
    if args.raw and not (args.videos or args.annotations):
        return args.raw
    if args.raw or not (args.videos and args.annotations):
        raise ConfigError("Where is the database? Give --raw, or both --videos and --annotations.")
    for option, folder in (("videos", args.videos), ("annotations", args.annotations)):
        if not folder.is_dir():
            raise ConfigError(f"There is no folder {folder} (--{option}).")
    if args.videos.absolute().parent != args.annotations.absolute().parent:
        raise ConfigError(
            f"{args.videos} and {args.annotations} are not in one folder, in which boxes/ and splits.csv are looked "
            "for, too. Put them, or links to them, into one."
        )
    return args.videos.absolute().parent


def _run(args: argparse.Namespace) -> None:
    options = Options(args.size, args.encoding, args.labels, args.train, args.matching)

    def stages(dataset: Dataset) -> None:
        print("\n".join(["", *stage_table(read_film_counts(args.out))]))

    print_made(args, prepare(_raw_folder(args), args.out, options, **work_of(args)), stages)
