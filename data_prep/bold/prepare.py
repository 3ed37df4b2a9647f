"""Prepares BoLD: `python -m data_prep.bold --raw DIR --out DIR` (context_emotion spec 1.4, 1.6, 1.8)."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

import emojax
from data_prep.bold.clips import STREAMS, count_frames, encode_pictures, read_frames, stream_pictures
from data_prep.bold.raw import Instance, Raw, find_bold, read_joints, signature, track
from data_prep.claim import Part
from data_prep.door import INTERRUPTED, add_output_options, print_part
from data_prep.pipeline import Record, ShardResult, plan_splits, sum_skipped, write_shards
from data_prep.split import read_columns, skipped_counts, write_split
from data_prep.summary import print_summary
from emojax import cli
from emojax.data.columns import columns_name, open_columns
from emojax.data.dataset import Dataset, save_dataset, write_tfds_metadata
from emojax.data.recipe import Feature
from emojax.errors import DataError, Skip
from emojax.graphs.statistics import body_statistics
from emojax.labels import BOLD_LABELS, BOLD_POSITIVE_FROM
from emojax.vision.laban import laban_descriptor, laban_features
from emojax.vision.skeleton_boxes import body_box

NAME = "bold"
MODALITIES = ("rgb", "skeleton")
_INSTANCES_PER_SHARD = 32  # about 4,800 frames with three pictures each: 250 MB
_OF_SEQUENCE = ("clip", "person", "categories", "vad")


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records.

    Attributes:
        size: side of the pictures in pixels.
        encoding: `jpeg` or `raw`.
        modalities: of `MODALITIES`; without `rgb` the records hold no picture, and clips are only counted.
    """

    size: int = 224
    encoding: str = "jpeg"
    modalities: tuple[str, ...] = MODALITIES


@dataclasses.dataclass(frozen=True)
class BoldSource:
    """Converts annotated people to records, one a frame; see `data_prep.pipeline.Source`. Items are instances."""

    raw: Raw
    options: Options

    def __getstate__(self) -> dict:
        # The annotations stay behind: a worker gets its own with the items.
        return {"raw": dataclasses.replace(self.raw, instances={}), "options": self.options}

    def __setstate__(self, state: dict) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def read(self, items: Sequence[Instance]) -> Iterator[tuple[str, Instance]]:
        for instance in items:
            yield f"{instance.where} ({instance.clip})", instance

    def signature(self, item: Instance) -> bytes:
        return signature(self.raw, item.clip)

    def convert(self, item: Instance) -> list[Record]:
        """The records of all frames; raises Skip. What is cheap to find out comes before the clip is decoded."""
        shared = {"categories": item.confidences(), "vad": item.values()}
        person, last = item.person(), item.last_frame()
        table = read_joints(self.raw.joint_file(item.clip))
        path = self.raw.video(item.clip)
        num_frames = count_frames(path)
        if last >= num_frames:
            detail = f"the annotation goes to frame {last}, {path} has {num_frames}"
            raise Skip("fewer_frames_than_annotated", detail)
        joints = track(table, person, num_frames)
        shared |= {"clip": item.clip, "person": person}
        laban, pictures = laban_features(joints), self._pictures(path, joints)
        return [
            Record(
                {**features, "source_id": f"{item.clip} person {person} frame {i}".encode()},
                {**shared, "frame": i, "joints": joints[i], "laban": laban[i], "body_visible": visible},
            )
            for i, (features, visible) in enumerate(pictures)
        ]

    def _pictures(self, path: pathlib.Path, joints: np.ndarray) -> Iterator[tuple[dict[str, bytes], bool]]:
        """Of each frame the encoded pictures, and whether the body was found in it."""
        if "rgb" not in self.options.modalities:
            for of_frame in joints:
                yield {}, bool((of_frame[:, 2] > 0).any())
            return
        for frame, of_frame in zip(read_frames(path), joints):
            pictures = stream_pictures(frame, of_frame, self.options.size)
            height, width = frame.shape[:2]
            visible = body_box(of_frame, width, height) is not None
            yield encode_pictures(pictures, self.options.encoding), visible


def record_features(options: Options) -> dict[str, Feature]:
    """The features of `dataset.json`."""
    shape = (options.size, options.size, 3)
    pictures = STREAMS if "rgb" in options.modalities else ()
    return {
        **{name: Feature("image", shape, options.encoding) for name in pictures},
        "source_id": Feature("bytes"),
    }


def prepare(
    raw: pathlib.Path,
    out: pathlib.Path,
    options: Options,
    *,
    num_shards: int | None = None,
    workers: int = 1,
    part: Part | None = None,
) -> tuple[Dataset | None, list[ShardResult]]:
    """Writes the shards, columns and `dataset.json` of BoLD; finished shards of an earlier run are kept.

    Args:
        raw: folder of BoLD as distributed, or one with it inside.
        out: folder to write to.
        options: see `Options`.
        num_shards: of the training split, by default from its size.
        workers: processes.
        part: see `write_shards`; `dataset.json` is written by the run without a part, and None returned in its place.

    Raises:
        DataError: `raw` is no BoLD, `out` belongs to another run or cannot be written, a split is empty.
    """
    found = find_bold(raw)
    shards = plan_splits(
        NAME,
        {split: len(instances) for split, instances in found.instances.items()},
        lambda split, part: tuple(found.instances[split][part.start : part.stop]),
        num_shards=num_shards,
        items_per_shard=_INSTANCES_PER_SHARD,
    )
    parameters = {"dataset": NAME, **dataclasses.asdict(options), "shards": len(shards)}
    parameters["modalities"] = list(options.modalities)
    results = write_shards(
        out,
        BoldSource(found, options),
        shards,
        parameters=parameters,
        inputs=found.digest,
        workers=workers,
        part=part,
        title="preparing BoLD",
    )
    if part is not None:
        return None, results
    dataset = describe(out, options, parameters, results)
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    return dataset, results


def describe(
    out: pathlib.Path, options: Options, parameters: dict, results: Sequence[ShardResult]
) -> Dataset:
    """Writes the columns; returns the content of `dataset.json`.

    Raises:
        DataError: a split is empty, with the reasons.
    """
    splits, statistics, skipped = {}, {}, sum_skipped(results)
    for split in dict.fromkeys(result.split for result in results):
        columns = read_columns(out, results, split)
        if not columns:
            reasons = "; ".join(
                f"{reason} {n:,} (e.g. {where})" for reason, (n, where) in skipped[split].items()
            )
            raise DataError(f"No person of the {split} split could be prepared: {reasons}.")
        starts = np.flatnonzero(columns["frame"] == 0)
        values = {
            "source_id": np.array([f"{columns['clip'][i]} person {columns['person'][i]}" for i in starts]),
            "laban_descriptor": np.stack(
                [laban_descriptor(part) for part in np.split(columns["laban"], starts[1:])]
            ),
        }
        positive = (columns["categories"][starts] >= BOLD_POSITIVE_FROM).sum(axis=0)
        splits[split] = write_split(
            out,
            split,
            results,
            columns,
            dict(zip(BOLD_LABELS.classes, positive)),
            sequence_by=("clip", "person"),
            of_sequence=_OF_SEQUENCE,
            sequence_values=values,
        )
        if split == "train":
            file = out / columns_name(split)
            written = open_columns(file, splits[split].columns_hash, splits[split].num_records)
            statistics = body_statistics(written, BOLD_LABELS)
    made_by = "emojax.graphs.statistics:body_statistics"
    build = {**parameters, "version": emojax.__version__, "statistics": made_by}
    features = record_features(options)
    return Dataset(str(out), NAME, BOLD_LABELS, features, splits, statistics, build, skipped_counts(results))


_EPILOG = """examples:
  python -m data_prep.bold --raw ~/BOLD_public --out data/bold
      body, masked context and face of every tracked person in every frame, 224 x 224 pixels, JPEG; joints and Laban
      features as columns
  python -m data_prep.bold --raw ~/BOLD_public --out data/bold_skeleton --modalities skeleton
      joints and Laban features alone: megabytes instead of hundreds of gigabytes, enough for ST-GCN and LMA systems
  python -m data_prep.bold --raw RAW --out data/synthetic_bold --size 64 --encoding raw
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
        default=MODALITIES,
        metavar="LIST",
        help="of rgb,skeleton [rgb,skeleton]",
    )
    add_output_options(parser, default_size=Options().size)
    return parser


def _modalities(text: str) -> tuple[str, ...]:
    chosen = cli.names(text)
    if not chosen or not set(chosen) <= set(MODALITIES):
        raise argparse.ArgumentTypeError(f"{text!r}: choose from {', '.join(MODALITIES)}")
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted=INTERRUPTED)


def _run(args: argparse.Namespace) -> None:
    options = Options(args.size, args.encoding, args.modalities)
    dataset, results = prepare(
        args.raw, args.out, options, num_shards=args.shards, workers=args.workers, part=args.part
    )
    if dataset is None:
        return print_part(args.part, args.out, results)
    print_summary(dataset, sum_skipped(results))
    print(f"\nCheck it: python -m data_prep.check {args.out}")
