"""What preparing SASE-FE and OULU-CASIA has in common (image_sequences spec 1.4-1.8, 1.11): a record is one frame."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

import emojax
from data_prep.claim import Part
from data_prep.face_dataset import encode_face
from data_prep.pipeline import Record, ShardResult, plan_splits, sum_skipped, write_shards
from data_prep.sequences.detector import DlibLandmarks
from data_prep.sequences.landmarks import LandmarkFiles, Landmarks
from data_prep.sequences.splits import split_of
from data_prep.sequences.video import USUAL_FRAMES, Kept, Raw, Video, kept_frames, signature
from data_prep.split import read_columns, skipped_counts, write_split
from emojax.data.columns import columns_name, open_columns
from emojax.data.dataset import Dataset, save_dataset
from emojax.data.recipe import Feature
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.errors import DataError, Skip
from emojax.graphs.statistics import sequence_statistics
from emojax.labels import Labels
from emojax.vision.face_model_file import named_face
from emojax.vision.face_views import MODALITIES, USUAL, ViewOptions, face_pictures

_OF_SEQUENCE = ("video", "subject", "num_frames")


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records.

    Attributes:
        size: side of the pictures in pixels.
        encoding: `jpeg` or `raw`.
        modalities: of `MODALITIES`.
        kept: which frames of a video.
        views: how pictures and geometry are made.
        seed: of the drawing of subjects.
    """

    size: int = 224
    encoding: str = "jpeg"
    modalities: tuple[str, ...] = MODALITIES
    kept: Kept = USUAL_FRAMES
    views: ViewOptions = USUAL
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Plan:
    """A data set to prepare.

    Attributes:
        name: of its card.
        title: for the progress bar.
        raw: its videos.
        labels: class names.
        splits: split -> subjects.
        parameters: JSON values that decide the content besides `Options`.
        videos_per_shard: at most.
    """

    name: str
    title: str
    raw: Raw
    labels: Labels
    splits: Mapping[str, Sequence[str]]
    parameters: Mapping
    videos_per_shard: int


@dataclasses.dataclass(frozen=True)
class FrameSource:
    """Converts videos to records, one a frame; see `data_prep.pipeline.Source`. Items are videos."""

    landmarks: Landmarks
    options: Options

    def read(self, items: Sequence[Video]) -> Iterator[tuple[str, Video]]:
        for video in items:
            yield video.where, video

    def signature(self, item: Video) -> bytes:
        return signature(item.path) + b" " + self.landmarks.signature(item) + b"\n"

    def convert(self, item: Video) -> Iterator[Record | Skip]:
        """The records of the frames in the window; a frame that cannot be used is a `Skip`. Raises Skip for a video."""
        if item.fault:
            raise Skip(*item.fault)
        landmarks_of = self.landmarks.of_video(item)
        count, frames = kept_frames(item.path, self.options.kept)
        shared = {"video": item.id, "subject": item.subject, "label": item.label, "num_frames": count}
        for number, frame in frames:
            if isinstance(frame, Skip):
                yield frame
                continue
            try:
                yield self._record(item, number, frame, landmarks_of(number, frame), shared)
            except Skip as skip:
                yield Skip(skip.reason, f"frame {number}: {skip.detail}")

    def _record(
        self, video: Video, number: int, frame: np.ndarray, landmarks: np.ndarray | None, shared: Mapping
    ) -> Record:
        if landmarks is None:
            raise Skip("no_face", "no landmarks are given or found")
        views = self.options.views
        geometry = views.geometry(landmarks)
        pictures = face_pictures(frame, landmarks, self.options.size, self.options.modalities, views)
        colours = {f"{name}_colour": _colour(picture) for name, picture in pictures.items()}
        features = {name: encode_face(picture, self.options.encoding) for name, picture in pictures.items()}
        return Record(
            {**features, "source_id": f"{video.id} frame {number}".encode()},
            {
                **shared,
                **colours,
                "frame": number,
                "landmarks": landmarks.astype(np.float32),
                "geometry": geometry,
                "source_id": f"{video.id} frame {number}",
            },
        )


def _colour(picture: np.ndarray) -> np.ndarray:
    """Mean and mean square ``[2, 3]`` float32 of R, G, B in [0, 1], of a BGR picture."""
    values = picture[..., ::-1].reshape(-1, 3) / 255
    return np.stack([values.mean(axis=0), np.square(values).mean(axis=0)]).astype(np.float32)


def record_features(options: Options) -> dict[str, Feature]:
    """The features of `dataset.json`."""
    image = Feature("image", (options.size, options.size, 3), options.encoding)
    return {**dict.fromkeys(options.modalities, image), "source_id": Feature("bytes")}


def prepare(
    plan: Plan,
    landmarks: pathlib.Path | None,
    out: pathlib.Path,
    options: Options,
    *,
    num_shards: int | None = None,
    workers: int = 1,
    part: Part | None = None,
) -> tuple[Dataset | None, list[ShardResult]]:
    """Writes shards, columns and `dataset.json`; finished shards of an earlier run are kept.

    Args:
        plan: what is prepared.
        landmarks: folder of landmark files, see `LandmarkFiles`; None finds them, see `DlibLandmarks`.
        out: folder to write to.
        options: see `Options`.
        num_shards: of the training split, by default from its size.
        workers: processes.
        part: see `write_shards`; `dataset.json` is written by the run without a part, and None returned in its place.

    Raises:
        ConfigError: landmarks are to be found, and the library is not installed.
        DataError: there is no such folder of landmarks or no such model of a face, `out` belongs to another run or
            cannot be written, or a split is empty.
    """
    named_face(options.views.face_model)  # before anything starts
    source = FrameSource(_landmarks(landmarks), options)
    where = split_of(plan.splits)
    items = {
        split: [v for v in plan.raw.videos if where.get(v.subject, "train") == split] for split in plan.splits
    }
    shards = plan_splits(
        plan.name,
        {split: len(videos) for split, videos in items.items()},
        lambda split, part: tuple(items[split][part.start : part.stop]),
        num_shards=num_shards,
        items_per_shard=plan.videos_per_shard,
    )
    parameters = {
        "dataset": plan.name,
        **dataclasses.asdict(options),
        **plan.parameters,
        "shards": len(shards),
    }
    parameters["modalities"] = list(options.modalities)
    parameters["kept"] = {**parameters["kept"], "window": list(options.kept.window)}
    parameters["landmarks"] = source.landmarks.name
    parameters["subjects"] = {split: list(members) for split, members in plan.splits.items()}
    results = write_shards(
        out,
        source,
        shards,
        parameters=parameters,
        inputs=plan.raw.digest,
        workers=workers,
        part=part,
        title=f"preparing {plan.title}",
    )
    if part is not None:
        return None, results
    dataset = describe(out, plan, options, parameters, results)
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    return dataset, results


def _landmarks(folder: pathlib.Path | None) -> Landmarks:
    if folder is None:
        return DlibLandmarks()
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}: --landmarks names the folder of the landmark files SUBJECT/VIDEO.csv, "
            "which OpenFace's FeatureExtraction writes; see data_prep/sequences/README.md."
        )
    return LandmarkFiles(os.fspath(folder))


def describe(
    out: pathlib.Path, plan: Plan, options: Options, parameters: Mapping, results: Sequence[ShardResult]
) -> Dataset:
    """Writes the columns; returns the content of `dataset.json`.

    Raises:
        DataError: a split is empty, with the reasons.
    """
    skipped, columns = sum_skipped(results), {}
    for split in dict.fromkeys(result.split for result in results):
        columns[split] = read_columns(out, results, split)
        if not columns[split]:
            reasons = "; ".join(f"{r} {n:,} (e.g. {where})" for r, (n, where) in skipped[split].items())
            raise DataError(f"No frame of the {split} split could be prepared: {reasons}.")
    numbers = {name: _numbers(columns, name) for name in ("video", "subject")}
    splits = {}
    for split, values in columns.items():
        starts = np.flatnonzero(np.append(True, values["video"][1:] != values["video"][:-1]))
        splits[split] = write_split(
            out,
            split,
            results,
            values,
            dict(zip(plan.labels.classes, np.bincount(values["label"], minlength=len(plan.labels.classes)))),
            sequence_by=("video",),
            of_sequence=_OF_SEQUENCE,
            sequence_values={
                f"{name}_number": np.array([known[v] for v in values[name][starts]], np.int32)
                for name, known in numbers.items()
            },
        )
    train = open_columns(
        out / columns_name("train"), splits["train"].columns_hash, splits["train"].num_records
    )
    statistics = sequence_statistics(train, plan.labels)
    made_by = "emojax.graphs.statistics:sequence_statistics"
    build = {**parameters, "version": emojax.__version__, "statistics": made_by}
    features = record_features(options)
    return Dataset(
        str(out), plan.name, plan.labels, features, splits, statistics, build, skipped_counts(results)
    )


def _numbers(columns: Mapping[str, Mapping[str, np.ndarray]], name: str) -> dict[str, int]:
    """Value of a column of text -> its number among the values of all splits."""
    values = sorted({value for split in columns.values() for value in split[name].tolist()})
    return {value: number for number, value in enumerate(values)}
