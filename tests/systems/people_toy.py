"""A small prepared EMOTIC for tests: each stream alone tells one of the labels."""

from __future__ import annotations

import pathlib

import numpy as np

from configs.emotic import get_config
from emojax.data.columns import write_columns
from emojax.data.dataset import Dataset, Feature, Split, load_dataset, save_dataset, shard_name
from emojax.data.example import encode_example
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter
from emojax.graphs.cooccurrence import multilabel_statistics
from emojax.labels import EMOTIC_LABELS, Labels

SIZE = 32
PEOPLE = 4
# Which label each stream tells; `engagement` is common and random.
TOLD_BY = {
    "body": "anger",
    "context": "peace",
    "face": "happiness",
    "pose": "fatigue",
    "scenes": "yearning",
    "attributes": "esteem",
}
_VALENCE = {"anger": -0.25, "peace": 0.1, "happiness": 0.05}


def make_dataset(
    folder: pathlib.Path,
    *,
    train: int = 96,
    validation: int = 48,
    test: int = 40,
    labels: Labels = EMOTIC_LABELS,
) -> Dataset:
    """Writes raw pictures of SIZE px and vectors; one shard a split."""
    folder.mkdir(parents=True, exist_ok=True)
    splits, statistics = {}, {}
    for seed, (name, size) in enumerate({"train": train, "validation": validation, "test": test}.items()):
        records = [_record(np.random.default_rng((seed, i)), name, i) for i in range(size)]
        file = shard_name("toy", name, 0, 1)
        with TFRecordWriter(folder / file) as writer:
            for record in records:
                writer.write(encode_example(record))
        source = TFRecordSource([folder / file])
        categories = np.array([r["categories"] for r in records])
        counts = dict(zip(labels.classes, categories.sum(axis=0).astype(int).tolist()))
        columns = {
            n: np.array([r[n] for r in records]) for n in ("categories", "vad", "face_valid", "pose_valid")
        }
        columns["source_id"] = np.array([r["source_id"].decode() for r in records])
        splits[name] = Split(
            size,
            (file,),
            tuple(source.records_per_file),
            counts,
            source.content_hash(),
            write_columns(folder, name, columns),
        )
        if name == "train":
            statistics = multilabel_statistics(categories, np.array([r["vad"] for r in records]))
    image, scalar = Feature("image", (SIZE, SIZE, 3), "raw"), Feature("float")
    features = {
        **dict.fromkeys(("body", "context", "face"), image),
        "depth": Feature("image", (SIZE, SIZE), "raw"),
        "body_box": Feature("float", (4,)),
        "pose": Feature("float", (141,)),
        "joints": Feature("float", (67, 3)),
        "scene_scores": Feature("float", (365,)),
        "attribute_scores": Feature("float", (102,)),
        "people_boxes": Feature("float", (PEOPLE, 4)),
        "categories": Feature("float", (26,)),
        "vad": Feature("float", (3,)),
        **dict.fromkeys(("face_valid", "pose_valid"), scalar),
        "source_id": Feature("bytes"),
    }
    save_dataset(Dataset(str(folder), "toy", labels, features, splits, statistics))
    return load_dataset(folder)


def _record(rng: np.random.Generator, split: str, i: int) -> dict:
    told = {stream: bool(rng.random() < 0.5) for stream in TOLD_BY}
    names = [TOLD_BY[s] for s, true in told.items() if true] + (["engagement"] if rng.random() < 0.8 else [])
    categories = np.isin(EMOTIC_LABELS.classes, names or ["engagement"]).astype(np.float32)
    valence = 0.5 + sum(_VALENCE.get(n, 0) for n in names) + rng.normal(0, 0.02)
    left, top = rng.integers(0, SIZE // 2, 2)
    box = np.array([left, top, left + SIZE // 3, top + SIZE // 3], np.float32)
    context = _picture(rng, told["context"], channel=1)
    context[top : top + SIZE // 3, left : left + SIZE // 3] = 255  # the agent, to be hidden
    joints = rng.uniform(0.05, 0.95, (67, 3)).astype(np.float32)
    people = np.zeros((PEOPLE, 4), np.float32)
    people[: 1 + i % PEOPLE] = np.concatenate([box[None] / SIZE, rng.uniform(0.1, 0.9, (i % PEOPLE, 4))])
    return {
        "body": _picture(rng, told["body"], channel=0).tobytes(),
        "context": context.tobytes(),
        "face": _picture(rng, told["face"], channel=2).tobytes(),
        "depth": _picture(rng, False, channel=0)[..., 0].copy().tobytes(),
        "body_box": box,
        "pose": np.float32(rng.normal(0.3 if told["pose"] else -0.3, 0.3, 141)),
        "joints": joints,
        "scene_scores": _scores(rng, 365, told["scenes"]),
        "attribute_scores": _scores(rng, 102, told["attributes"]),
        "people_boxes": people,
        "categories": categories,
        "vad": np.float32([np.clip(valence, 0, 1), 0.5, 0.4]),
        "face_valid": 1.0,
        "pose_valid": 1.0,
        "source_id": f"{split}/{i}".encode(),
    }


def _picture(rng: np.random.Generator, bright: bool, channel: int) -> np.ndarray:
    picture = rng.normal(110, 15, (SIZE, SIZE, 3))
    picture[..., channel] += 70 if bright else 0
    return np.clip(picture, 0, 255).astype(np.uint8)


def _scores(rng: np.random.Generator, size: int, first: bool) -> np.ndarray:
    """Probabilities whose mass lies on the first or the second entry."""
    scores = rng.uniform(0, 0.1 / size, size)
    scores[0 if first else 1] += 0.9
    return np.float32(scores / scores.sum())


def make_config(dataset: Dataset, variant: str = "demo", **changes):
    """A demo config at toy size on `dataset`; `changes` use ``__`` for dots: ``run__log_every=2``."""
    config = get_config(variant)
    toy = {
        "data_dir": dataset.path,
        "image_size": SIZE,
        "batch_size": 20,
        "eval_batch_size": 24,
        "num_epochs": 2,
        "optimizer.name": "sgd",  # equal on all devices: Adam's first steps enlarge rounding
        "optimizer.learning_rate": 0.02,
        "model.pose_filters": (8,),
        "model.pose_hidden": (16,),
        "model.depth": "resnet_tiny",
        "model.dimension_hidden": (16,),
        "model.gcn.hidden": (64,),
        "run.log_every": 2,
        "run.checkpoint_every_steps": 0,
    }
    config.update_from_flattened_dict({**toy, **{k.replace("__", "."): v for k, v in changes.items()}})
    return config
