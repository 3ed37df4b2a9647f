"""Small prepared data sets for the tests of the data package."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from emojax.data.columns import write_columns
from emojax.data.dataset import Dataset, Feature, Split, save_dataset, shard_name
from emojax.data.example import encode_example
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter
from emojax.labels import affectnet_labels

FACE_FEATURES = {
    "image": Feature("image", (8, 8, 3), "raw"),
    "label": Feature("int"),
    "valence": Feature("float"),
    "arousal": Feature("float"),
    "landmarks": Feature("float", (136,)),
    "age": Feature("float"),
    "source_id": Feature("bytes"),
}


def picture(number: int, shape: tuple[int, ...] = (8, 8, 3)) -> np.ndarray:
    """A smooth picture that tells its number: uint8 RGB, or grey."""
    size = shape[:2]
    coarse = np.random.default_rng(number).integers(0, 256, (2, 2, *shape[2:])).astype(np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR)


def encode_picture(image: np.ndarray, encoding: str) -> bytes:
    if encoding == "raw":
        return image.tobytes()
    bgr = image[..., ::-1] if image.ndim == 3 else image
    return cv2.imencode({"jpeg": ".jpg", "png": ".png"}[encoding], bgr)[1].tobytes()


def face_record(number: int, features=FACE_FEATURES) -> dict:
    """The values of record `number`, as `encode_example` takes them."""
    image = features["image"]
    values = {
        "image": encode_picture(picture(number, image.shape), image.encoding),
        "label": number % 7,
        "valence": number / 1000,
        "arousal": -number / 1000,
        "landmarks": np.arange(136, dtype=np.float32) + number,
        "age": -1.0,
        "source_id": b"folder/%d.jpg" % number,
    }
    return {name: values[name] for name in features}


def columns_of(records, features) -> dict[str, np.ndarray]:
    """The columns of records: every number, vector and text, but no picture; and the record's number."""
    dtypes = {"int": np.int64, "float": np.float32, "bytes": str}
    columns = {"number": np.arange(len(records), dtype=np.int32)}
    for name, feature in features.items():
        if feature.kind != "image" and all(name in record for record in records):
            values = [record[name] for record in records]
            values = [value.decode() for value in values] if feature.kind == "bytes" else values
            columns[name] = np.array(values, dtypes[feature.kind]).reshape(len(records), *feature.shape)
    return columns


def write_shard(path, records) -> None:
    with TFRecordWriter(path) as writer:
        for record in records:
            writer.write(encode_example(record))


def make_dataset(folder, counts=(5, 0, 6), features=FACE_FEATURES, records=None, split="train") -> Dataset:
    """Writes a data set of one split with `counts` records a shard, numbered through."""
    shards = tuple(shard_name("faces", split, i, len(counts)) for i in range(len(counts)))
    if records is None:
        records = [face_record(number, features) for number in range(sum(counts))]
    start = 0
    for shard, count in zip(shards, counts):
        write_shard(folder / shard, records[start : start + count])
        start += count
    columns_hash = write_columns(folder, split, columns_of(records, features))
    content_hash = TFRecordSource([folder / shard for shard in shards]).content_hash()
    dataset = Dataset(
        path=str(folder),
        name="faces",
        labels=affectnet_labels(7),
        features=features,
        splits={split: Split(sum(counts), shards, tuple(counts), {"neutral": 2}, content_hash, columns_hash)},
        statistics={"spearman": [[1.0, 0.5], [0.5, 1.0]]},
        build={"version": "1"},
        skipped={split: {"no face": 3}},
    )
    save_dataset(dataset)
    return dataset


def described_again(dataset: Dataset) -> Dataset:
    """The data set after its shards were written anew: only the content hash is another."""
    splits = {
        name: dataclasses.replace(
            split, content_hash=TFRecordSource([f"{dataset.path}/{s}" for s in split.shards]).content_hash()
        )
        for name, split in dataset.splits.items()
    }
    return dataclasses.replace(dataset, splits=splits)


def with_features(dataset: Dataset, **features: Feature) -> Dataset:
    """The data set, described otherwise than its records are."""
    return dataclasses.replace(dataset, features={**dataset.features, **features})
