"""Faces in videos at a size for seconds: features in a column, and an arousal that only the past explains."""

from __future__ import annotations

import pathlib

import flax.linen as nn
import numpy as np

from data_prep.synthetic.affwild.play import perform
from emojax.cli import load_config_file
from emojax.data.columns import number_sequences, write_columns
from emojax.data.dataset import Dataset, Feature, Split, load_dataset, save_dataset, shard_name
from emojax.data.example import encode_example
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter
from emojax.engine.mesh import DATA_AXIS
from emojax.graphs.statistics import face_statistics
from emojax.labels import AFFWILD_LABELS
from emojax.models.norm import BatchNorm

WIDTH = 6  # of the column of features
_MEMORY = 8.0


class Trunk(nn.Module):
    """One convolution and one batch normalisation: compiled at once."""

    @nn.compact
    def __call__(self, x, *, train, mask=None):
        x = nn.Conv(4, (3, 3), (4, 4), name="conv")(x)
        return {"features": nn.relu(BatchNorm(axis_name=DATA_AXIS, name="norm")(x, train=train, mask=mask))}


def make_videos(
    folder: pathlib.Path, lengths=None, *, pixels: int = 8, seed: int = 0, columns_of=None
) -> Dataset:
    """Writes videos. The features show valence, category and a random walk's steps; arousal is what adds up of those.

    The mean grey of the picture shows the valence too. `columns_of` may give other columns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described, statistics = {}, {}
    for number, (split, of_split) in enumerate(
        (lengths or {"train": (70,) * 12, "validation": (45, 80, 33)}).items()
    ):
        columns = (columns_of or random_columns)(of_split, split, seed + number)
        file = shard_name("affwild", split, 0, 1)
        with TFRecordWriter(folder / file) as writer:
            for i in range(sum(of_split)):
                grey = np.full((pixels, pixels, 3), 128 + 100 * columns["valence"][i], np.uint8)
                labels = {name: columns[name][i] for name in ("valence", "arousal", "label")}
                writer.write(encode_example({"image": grey.tobytes(), **labels}))
        source = TFRecordSource([folder / file])
        columns_hash = write_columns(folder, split, columns, {})
        counts = dict(zip(AFFWILD_LABELS.classes, np.bincount(columns["label"], minlength=7).tolist()))
        described[split] = Split(
            len(source), (file,), (len(source),), counts, source.content_hash(), columns_hash
        )
        if split == "train":
            statistics = face_statistics(columns, AFFWILD_LABELS)
    kinds = {"valence": "float", "arousal": "float", "label": "int"}
    features = {
        "image": Feature("image", (pixels, pixels, 3), "raw"),
        **{k: Feature(v) for k, v in kinds.items()},
    }
    build = {"statistics": "emojax.graphs.statistics:face_statistics"}
    save_dataset(Dataset(str(folder), "affwild", AFFWILD_LABELS, features, described, statistics, build))
    return load_dataset(folder)


def random_columns(lengths, split: str, seed: int) -> dict[str, np.ndarray]:
    """Columns of all frames of a split."""
    rng = np.random.default_rng(seed)
    video = np.repeat(np.arange(len(lengths)), lengths)
    count = len(video)
    steps = rng.normal(0, 1, count)
    arousal, keep = np.zeros(count), np.exp(-1 / _MEMORY)
    for i in range(count):
        arousal[i] = (keep * arousal[i - 1] if i and video[i] == video[i - 1] else 0) + 0.25 * steps[i]
    valence = rng.uniform(-0.9, 0.9, count).astype(np.float32)
    label = np.clip(((valence + 1) * 3.5).astype(int), 0, 6)
    trunk = np.stack([valence, steps, *rng.normal(0, 1, (WIDTH - 2, count))], axis=-1).astype(np.float32)
    names = np.array([f"{split}{v}" for v in video])
    return {
        "valence": valence,
        "arousal": np.clip(arousal, -1, 1).astype(np.float32),
        "label": label,
        "trunk": trunk,
        "video_id": names,
        "video": names,
        "subject": names,
        "frame": np.concatenate([np.arange(1, n + 1) for n in lengths]),
        "source_id": np.array([f"{name}/{i:06d}" for i, name in enumerate(names)]),
        "sequence": number_sequences(names),
    }


def film_columns(lengths, split: str, seed: int) -> dict[str, np.ndarray]:
    """Columns of films as `data_prep.synthetic affwild` plays them; the features are what the face shows."""
    people = [perform(f"{split}{i}", i, frames, seed) for i, frames in enumerate(lengths)]
    shown = np.array([(m.valence, m.arousal) for person in people for m in person.moments])
    felt = {name: np.concatenate([getattr(p, name) for p in people]) for name in ("valence", "arousal")}
    noise = np.zeros((len(shown), WIDTH - 2))
    columns = random_columns(lengths, split, seed)
    columns |= {name: values.astype(np.float32) for name, values in felt.items()}
    return {**columns, "trunk": np.concatenate([shown, noise], axis=1).astype(np.float32)}


def toy_config(spec: str, dataset: Dataset, **changes):
    """A variant that reads the toy's features; `changes` use ``__`` for dots."""
    config = load_config_file(f"{spec}@demo")
    toy = {
        "data_dir": dataset.path,
        "image_size": 8,
        "model.cached": WIDTH,
        "model.fc_units": (),
        "model.units": 24,
        "model.rnn_dropout": 0.0,
        "model.window": 20 if config.model.window > 1 else 1,
        "batch_size": 6 if config.model.window > 1 else 60,
        "eval_batch_size": 4,
        "num_epochs": 25,
        "optimizer.learning_rate": 0.02,
        "run.checkpoint_every_steps": 1000,
        "run.eval_every_epochs": 100,
    }
    config.update_from_flattened_dict(toy | {k.replace("__", "."): v for k, v in changes.items()})
    return config
