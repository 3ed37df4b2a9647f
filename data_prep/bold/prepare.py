"""Prepares BoLD: `python -m data_prep.bold --raw DIR --out DIR` (context_emotion spec 1.4, 1.6, 1.8)."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

import emojax
from data_prep.bold.clips import MAX_FRAMES, STREAMS
from data_prep.bold.flow import require_tvl1
from data_prep.bold.people import ClipPeople, Options
from data_prep.bold.raw import Instance, Raw, find_bold, require_frames, rows_outside, signature, track
from data_prep.bold.sizes import stored_sizes
from data_prep.claim import Part
from data_prep.pipeline import Record, ShardResult, plan_splits, sum_skipped, write_shards
from data_prep.split import read_columns, skipped_counts, write_split
from emojax.data.columns import columns_name, open_columns
from emojax.data.dataset import Dataset, save_dataset
from emojax.data.recipe import Feature
from emojax.data.tfds_metadata import write_tfds_metadata
from emojax.errors import DataError
from emojax.graphs.statistics import body_statistics
from emojax.labels import BOLD_LABELS, BOLD_POSITIVE_FROM
from emojax.vision.laban import laban_descriptor, laban_features

NAME = "bold"
_INSTANCES_PER_SHARD = 32  # about 4,800 frames with three pictures each: 250 MB
_OF_SEQUENCE = ("clip", "person", "annotation", "categories", "vad")


@dataclasses.dataclass(frozen=True)
class BoldSource:
    """Converts annotated people to records, one a frame of a person; see `data_prep.pipeline.Source`."""

    raw: Raw
    options: Options

    def __getstate__(self) -> dict:
        # The annotations stay behind: a worker gets its own with the items.
        return {"raw": dataclasses.replace(self.raw, instances={}), "options": self.options}

    def __setstate__(self, state: dict) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def read(
        self, items: tuple[str, Sequence[Instance]]
    ) -> Iterator[tuple[str, tuple[Instance, ClipPeople]]]:
        split, all_of_them = items
        for _, group in itertools.groupby(all_of_them, key=lambda instance: instance.clip):
            instances = tuple(group)
            people = ClipPeople(self.raw, instances, self.options, split)
            for instance in instances:
                yield f"{instance.where} ({instance.clip})", (instance, people)

    def signature(self, item: tuple[Instance, ClipPeople]) -> bytes:
        return signature(self.raw, item[0].clip)

    def convert(self, item: tuple[Instance, ClipPeople]) -> list[Record]:
        """The records of all frames; raises Skip. What is cheap to find out comes before the clip is decoded."""
        instance, people = item
        shared = {"categories": instance.confidences(), "vad": instance.values()}
        person, last = instance.person(), instance.last_frame()
        track(people.table, person, MAX_FRAMES)
        num_frames = people.num_frames
        require_frames(instance.clip, last, people.table, num_frames)
        joints = track(people.table, person, num_frames)
        shared |= {"clip": instance.clip, "person": person, "annotation": instance.number}
        shared["_outside"] = rows_outside(people.table, person, num_frames)
        laban, part = laban_features(joints), _kept_frames(joints, people.options)
        pictures = list(_pictures(people, person, joints))[part]
        return [
            Record(
                {**features, "source_id": f"{instance.clip} person {person} frame {i}".encode()},
                {
                    **shared,
                    "frame": i - part.start,
                    "joints": joints[i],
                    "laban": laban[i],
                    "body_visible": visible,
                    **{f"_bytes_{name}": len(data) for name, data in features.items()},
                },
            )
            for i, (features, visible) in enumerate(pictures, part.start)
        ]


def _kept_frames(joints: np.ndarray, options: Options) -> slice:
    """Which frames ``[T, 18, 3]`` become records: all, or those from the first to the last with a joint."""
    if not options.track:
        return slice(0, len(joints))
    tracked = np.flatnonzero((joints[..., 2] > 0).any(axis=1))
    return slice(int(tracked[0]), int(tracked[-1]) + 1)


def _pictures(people: ClipPeople, person: int, joints: np.ndarray) -> Iterator[tuple[dict[str, bytes], bool]]:
    """Of each frame the encoded pictures, and whether the body was found in it."""
    if not people.options.pictures:
        return (({}, bool((of_frame[:, 2] > 0).any())) for of_frame in joints)
    found = people.found[person]
    return zip(found.pictures, found.visible)


def record_features(options: Options) -> dict[str, Feature]:
    """The features of `dataset.json`."""
    shape, planes = (options.size, options.size, 3), (2 * options.size, options.size)
    pictures = dict.fromkeys(STREAMS, shape) if "rgb" in options.modalities else {}
    if "flow" in options.modalities:
        pictures |= {f"flow_{name}": planes for name in STREAMS}
    return {
        **{name: Feature("image", shape, options.encoding) for name, shape in pictures.items()},
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
    if "flow" in options.modalities:
        require_tvl1()
    found = find_bold(raw)
    shards = plan_splits(
        NAME,
        {split: len(instances) for split, instances in found.instances.items()},
        lambda split, part: (split, tuple(found.instances[split][part.start : part.stop])),
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
        unit=" people",
    )
    if part is not None:
        return None, results
    annotated = {split: len(instances) for split, instances in found.instances.items()}
    dataset = describe(out, options, {**parameters, "annotated": annotated}, results)
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
    splits, statistics, sizes, outside, skipped = {}, {}, {}, {}, sum_skipped(results)
    for split in dict.fromkeys(result.split for result in results):
        columns = read_columns(out, results, split)
        if not columns:
            reasons = "; ".join(
                f"{reason} {n:,} (e.g. {where})" for reason, (n, where) in skipped[split].items()
            )
            raise DataError(f"No person of the {split} split could be prepared: {reasons}.")
        starts = np.flatnonzero(columns["frame"] == 0)
        sizes[split] = stored_sizes(columns)
        outside[split] = int(np.count_nonzero(columns["_outside"][starts]))
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
    build = {**parameters, "version": emojax.__version__, "statistics": made_by, "sizes": sizes}
    build["joints_outside"] = outside
    features = record_features(options)
    return Dataset(str(out), NAME, BOLD_LABELS, features, splits, statistics, build, skipped_counts(results))
