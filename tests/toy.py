"""A small prepared data set for tests: coloured noise whose hue tells the class and whose brightness the arousal."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np

from emojax.cli import load_config_file
from emojax.data.columns import write_columns
from emojax.data.dataset import Dataset, Feature, Split, load_dataset, save_dataset, shard_name
from emojax.data.example import encode_example
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter
from emojax.graphs.label_graph import label_statistics
from emojax.labels import affectnet_labels

SIZE = 32
BUILD = {"statistics": "emojax.graphs.statistics:face_statistics"}


def make_dataset(
    folder: pathlib.Path,
    *,
    train: int = 90,
    validation: int = 21,
    num_classes: int = 7,
    size: int = SIZE,
    ages: Callable[[int], float] | None = None,
) -> Dataset:
    """Writes raw square pictures of `num_classes` classes with valence and arousal; two shards a split.

    `size` is their side in pixels; `ages` gives the age of each record; without it the records have none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labels = affectnet_labels(num_classes)
    splits, statistics = {}, {}
    for seed, (name, count) in enumerate({"train": train, "validation": validation}.items()):
        generators = [np.random.default_rng((seed, i)) for i in range(count)]
        records = [_record(rng, i % num_classes, name, i, size) for i, rng in enumerate(generators)]
        for i, record in enumerate(records):
            record |= {"age": ages(i)} if ages else {}
        names = [shard_name("toy", name, shard, 2) for shard in range(2)]
        for shard, file in enumerate(names):
            with TFRecordWriter(folder / file) as writer:
                for record in records[shard::2]:
                    writer.write(encode_example(record))
        source = TFRecordSource([folder / n for n in names])
        classes = np.array([r["label"] for r in records])
        if name == "train":
            va = np.array([(r["valence"], r["arousal"]) for r in records], np.float32)
            statistics = label_statistics(classes, va[:, 0], va[:, 1], num_classes)
        splits[name] = Split(
            num_records=count,
            shards=tuple(names),
            records_per_shard=tuple(source.records_per_file),
            class_counts=dict(zip(labels.classes, np.bincount(classes, minlength=num_classes).tolist())),
            content_hash=source.content_hash(),
            columns_hash=write_columns(folder, name, columns_of(records[0::2] + records[1::2])),
        )
    features = {
        "image": Feature("image", (size, size, 3), "raw"),
        "label": Feature("int"),
        "valence": Feature("float"),
        "arousal": Feature("float"),
        "source_id": Feature("bytes"),
    }
    features |= {"age": Feature("float")} if ages else {}
    save_dataset(Dataset(str(folder), "toy", labels, features, splits, statistics, BUILD))
    return load_dataset(folder)


def columns_of(records: list[dict]) -> dict[str, np.ndarray]:
    """The columns of records, all but their pictures, in this order."""
    names = [name for name in records[0] if name != "image"]
    return {
        name: np.array([r[name].decode() if isinstance(r[name], bytes) else r[name] for r in records])
        for name in names
    }


def _record(rng: np.random.Generator, label: int, split: str, i: int, size: int) -> dict:
    arousal = float(rng.uniform(-0.9, 0.9))
    valence = float(np.clip(np.cos(label) * 0.6 + rng.normal(0, 0.15), -1, 1))
    colour = np.array([np.cos(label * 2.0), np.cos(label * 2.0 + 2), np.cos(label * 2.0 + 4)]) * 60
    picture = 128 + colour + 50 * arousal + rng.normal(0, 12, (size, size, 3))
    return {
        "image": np.clip(picture, 0, 255).astype(np.uint8).tobytes(),
        "label": label,
        "valence": valence,
        "arousal": arousal,
        "source_id": f"{split}/{i}".encode(),
    }


def make_config(dataset: Dataset, **changes):
    """Emotion-GCN's demo at toy size on `dataset`; `changes` use ``__`` for dots: ``run__log_every=2``."""
    config = load_config_file("configs/affectnet_gcn.py:demo")
    toy = {
        "data_dir": dataset.path,
        "align": "",
        "image_size": SIZE,
        "batch_size": 21,
        "eval_batch_size": 8,
        "num_epochs": 3,
        "augment": "code",
        "run.log_every": 2,
        "run.checkpoint_every_steps": 3,
    }
    config.update_from_flattened_dict({**toy, **{k.replace("__", "."): v for k, v in changes.items()}})
    return config
