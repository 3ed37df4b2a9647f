"""A small prepared data set of clips: one record a frame, columns of frames and of sequences."""

from __future__ import annotations

import pathlib

import numpy as np

from emojax.data.columns import number_sequences, write_columns
from emojax.data.dataset import Dataset, Feature, Split, load_dataset, save_dataset, shard_name
from emojax.data.example import encode_example
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter
from emojax.labels import Labels

SIZE = 8
LABELS = Labels(("calm", "glad", "sad"), ("valence", "arousal"))
LENGTHS = (7, 3, 12, 5, 1, 9, 4, 6, 8, 2)


def make_clips(folder: pathlib.Path, splits=None, *, statistics: bool = True) -> Dataset:
    """Writes clips of `LENGTHS` frames for each split, two clips a subject.

    The hue of a clip tells its class and the brightness of a frame its valence. A record's number is its pixels'
    lowest bits and the column `number`; `joints` and `va` are columns of frames, `clip_label` one of sequences.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for seed, (split, lengths) in enumerate(
        (splits or {"train": LENGTHS, "validation": LENGTHS[:6]}).items()
    ):
        columns, clip_label = columns_of(lengths, seed)
        file = shard_name("clips", split, 0, 1)
        with TFRecordWriter(folder / file) as writer:
            for number in range(sum(lengths)):
                writer.write(encode_example({"image": frame(columns, number).tobytes(), "number": number}))
        source = TFRecordSource([folder / file])
        columns_hash = write_columns(folder, split, columns, {"clip_label": clip_label})
        counts = dict(zip(LABELS.classes, np.bincount(columns["label"], minlength=3).tolist()))
        described[split] = Split(
            len(source), (file,), (len(source),), counts, source.content_hash(), columns_hash
        )
    features = {"image": Feature("image", (SIZE, SIZE, 3), "raw"), "number": Feature("int")}
    statistics = {"num_samples": described["train"].num_records} if statistics else {}
    build = {"statistics": "emojax.graphs.statistics:face_statistics"}
    save_dataset(Dataset(str(folder), "clips", LABELS, features, described, statistics, build))
    return load_dataset(folder)


def columns_of(lengths, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns of the frames, and the label of each clip."""
    rng = np.random.default_rng(seed)
    clip = np.repeat(np.arange(len(lengths)), lengths)
    count, label = len(clip), np.arange(len(lengths)) % 3
    columns = {
        "number": np.arange(count),
        "label": label[clip],
        "va": np.clip(rng.uniform(-0.5, 0.5, (count, 2)), -1, 1),
        "joints": rng.normal(0, 1, (count, 4, 3)).astype(np.float32),
        "video_id": np.array([f"video{c}" for c in clip]),
        "subject": np.array([f"person{c // 2}" for c in clip]),
        "source_id": np.array([f"video{c}/{n:03d}.jpg" for n, c in enumerate(clip)]),
        "frame": np.concatenate([1 + 2 * np.arange(n) for n in lengths]),
    }
    columns["sequence"] = number_sequences(columns["video_id"])
    return columns, label


def frame(columns, number: int) -> np.ndarray:
    """Pixels of a frame: uint8 [SIZE, SIZE, 3]."""
    pixels = np.full((SIZE, SIZE, 3), 60 + 100 * (columns["va"][number, 0] + 0.5))
    pixels[..., columns["label"][number]] += 60
    pixels += np.random.default_rng(number).normal(0, 5, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)
