#!/usr/bin/env python
"""Measures how many pictures a second the input pipeline delivers, beside PyTorch's and TensorFlow's.

Every pipeline reads the same TFRecord shards in a shuffled order and gives whole batches of uint8 pictures
with their labels. They take turns, epoch by epoch, so that whatever else the machine does falls on all of
them; the figure is the median epoch, from asking for the first batch to receiving the last. On a busy machine
the more threads a pipeline has, the larger its share: the processor time of a picture is the fairer figure, and
``a core`` (images/s, its inverse) times the cores is the most that a larger machine can reach.

  emojax        emojax.data.loader.Batches
  torch-N       torch DataLoader with N worker processes, OpenCV decoding, the same records and checksums
  torch-files-N the same over one file a picture and cv2.imread (JPEG only)
  tf.data       TFRecordDataset, parallel map, AUTOTUNE everywhere

PyTorch is measured when it is installed, TensorFlow when it is installed here or in the interpreter given by
--tf-python (it needs 1.3 GB, and nothing else in emojax needs it).

Examples:
  python scripts/bench_input.py
  python scripts/bench_input.py --encodings raw --repeats 11 --json bench.json
  python scripts/bench_input.py --dataset data/affectnet --split train --records 20000
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import cv2
import numpy as np

from emojax.data.columns import write_columns
from emojax.data.dataset import Dataset, Feature, Split, load_dataset, save_dataset, shard_name
from emojax.data.example import decode_example, encode_example
from emojax.data.inputs import Inputs
from emojax.data.loader import Batches, Order, default_threads
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter
from emojax.labels import affectnet_labels

FEATURES = ("image", "label", "valence", "arousal")
LABELS = affectnet_labels(7)


def main() -> None:
    arguments = _parse_arguments()
    with tempfile.TemporaryDirectory(prefix="emojax-bench-") as scratch:
        if arguments.dataset:
            datasets = [load_dataset(arguments.dataset)]
        else:
            datasets = [_make_dataset(scratch, encoding, arguments) for encoding in arguments.encodings]
        results = [_measure(dataset, scratch, arguments) for dataset in datasets]
    for result in results:
        _print_table(result)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(
            json.dumps({"machine": _machine(), "results": results}, indent=1)
        )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dataset", help="a prepared folder; default: synthetic pictures in a temporary folder"
    )
    parser.add_argument("--split", default="train", help="its split (default train)")
    parser.add_argument("--encodings", nargs="+", choices=("jpeg", "raw"), default=["jpeg", "raw"])
    parser.add_argument("--records", type=int, default=2048, help="pictures to generate (default 2048)")
    parser.add_argument("--size", type=int, default=227, help="their width and height (default 227)")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, help="threads of emojax (default: as in training)")
    parser.add_argument(
        "--rivals", nargs="*", choices=("torch", "tf"), default=["torch", "tf"], help="none: emojax alone"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="worker processes of PyTorch")
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each pipeline (default 5)")
    parser.add_argument("--tf-python", help="interpreter with TensorFlow (default: this one, if it has it)")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    return parser.parse_args()


def _measure(dataset: Dataset, scratch: str, arguments: argparse.Namespace) -> dict:
    """Times all pipelines on one data set; returns the figures of every epoch, by pipeline."""
    pipelines = _pipelines(dataset, scratch, arguments)
    rates: dict[str, list[float]] = {name: [] for name in pipelines}
    microseconds: dict[str, list[float]] = {name: [] for name in pipelines}
    for repeat in range(arguments.repeats + 1):
        for name, run in pipelines.items():
            count, seconds, cpu_seconds = run(repeat)
            if repeat:  # The first epoch warms up: files into memory, workers started, graphs traced.
                rates[name].append(count / seconds)
                microseconds[name].append(1e6 * cpu_seconds / count)
    feature, split = dataset.feature("image"), dataset.split(arguments.split)
    stored = sum(os.path.getsize(os.path.join(dataset.path, shard)) for shard in split.shards)
    return {
        "encoding": feature.encoding,
        "shape": feature.shape,
        "records": split.num_records,
        "bytes_per_record": round(stored / split.num_records),
        "batch_size": arguments.batch_size,
        "images_per_second": rates,
        "cpu_microseconds_per_image": microseconds,
    }


def _pipelines(dataset: Dataset, scratch: str, arguments: argparse.Namespace) -> dict[str, Callable]:
    """Name -> function of the epoch that runs it and returns (pictures, seconds, processor seconds)."""
    threads = (
        default_threads(map(dataset.feature, FEATURES)) if arguments.threads is None else arguments.threads
    )
    pipelines = {f"emojax ({threads} threads)": _emojax_pipeline(dataset, threads, arguments)}
    if "torch" in arguments.rivals and importlib.util.find_spec("torch"):
        records = _TorchRecords(dataset, arguments.split)
        files = _TorchFiles(records, scratch) if records.encoding == "jpeg" else None
        for workers in arguments.workers:
            pipelines[f"torch-{workers}"] = _torch_pipeline(records, workers, arguments.batch_size)
            if files:
                pipelines[f"torch-files-{workers}"] = _torch_pipeline(files, workers, arguments.batch_size)
    tf_python = arguments.tf_python or (sys.executable if importlib.util.find_spec("tensorflow") else None)
    if "tf" in arguments.rivals and tf_python:
        pipelines["tf.data"] = _tensorflow_pipeline(dataset, tf_python, arguments)
    return pipelines


def _emojax_pipeline(dataset: Dataset, threads: int, arguments: argparse.Namespace) -> Callable:
    def epoch_batches(epoch: int) -> Batches:
        return Batches(
            dataset,
            arguments.split,
            Inputs(FEATURES[:1], FEATURES[1:]),
            Order(arguments.batch_size, train=True, seed=epoch),
            threads=threads,
        )

    return lambda epoch: _timed(lambda: sum(int(batch["mask"].sum()) for batch in epoch_batches(epoch)))


def _timed(count_pictures: Callable[[], int]) -> tuple[int, float, float]:
    start, cpu_start = time.perf_counter(), _cpu_seconds()
    count = count_pictures()
    return count, time.perf_counter() - start, _cpu_seconds() - cpu_start


def _cpu_seconds() -> float:
    """Processor time of this process and of PyTorch's workers."""
    ticks = 0
    for worker in multiprocessing.active_children():
        fields = pathlib.Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


class _TorchRecords:
    """Map-style PyTorch data set over the shards."""

    def __init__(self, dataset: Dataset, split: str):
        self._source = dataset.source(split)
        feature = dataset.feature("image")
        self.encoding, self._shape = feature.encoding, feature.shape

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, i: int):
        values = decode_example(self._source[i], FEATURES)
        pixels = np.frombuffer(values["image"][0], np.uint8)
        if self.encoding == "raw":
            image = pixels.reshape(self._shape).copy()
        else:
            image = cv2.imdecode(pixels, cv2.IMREAD_COLOR_RGB)
        return image, int(values["label"][0]), np.float32([values["valence"][0], values["arousal"][0]])

    def encoded(self, i: int) -> bytes:
        return bytes(decode_example(self._source[i], ["image"])["image"][0])


class _TorchFiles:
    """Map-style PyTorch data set over one JPEG file a picture, labels in memory."""

    def __init__(self, records: _TorchRecords, scratch: str):
        self._paths = [os.path.join(scratch, f"{i:06d}.jpg") for i in range(len(records))]
        for i, path in enumerate(self._paths):
            pathlib.Path(path).write_bytes(records.encoded(i))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, i: int):
        return cv2.imread(self._paths[i], cv2.IMREAD_COLOR_RGB), 0, np.zeros(2, np.float32)


def _torch_pipeline(records, workers: int, batch_size: int) -> Callable:
    import torch

    torch.set_num_threads(
        1
    )  # Its worker processes do so; two threads stacking a batch only wait for each other.
    loader = torch.utils.data.DataLoader(
        records, batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )

    return lambda epoch: _timed(lambda: sum(len(images) for images, _, _ in loader))


def _tensorflow_pipeline(dataset: Dataset, python: str, arguments: argparse.Namespace) -> Callable:
    """Starts `bench_input_tf.py`, which runs one epoch for each line it gets."""
    feature, split = dataset.feature("image"), dataset.split(arguments.split)
    job = {
        "shards": [os.path.abspath(os.path.join(dataset.path, shard)) for shard in split.shards],
        "encoding": feature.encoding,
        "shape": feature.shape,
        "records": split.num_records,
        "batch_size": arguments.batch_size,
    }
    process = subprocess.Popen(
        [python, str(pathlib.Path(__file__).with_name("bench_input_tf.py")), json.dumps(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )

    def run(epoch: int) -> tuple[int, float, float]:
        process.stdin.write("epoch\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise SystemExit(f"{python} could not run tf.data; does it have TensorFlow?")
        return tuple(json.loads(answer))

    return run


def _make_dataset(scratch: str, encoding: str, arguments: argparse.Namespace, num_shards: int = 4) -> Dataset:
    """Draws pictures of about the compressed size of AffectNet crops and writes them as shards."""
    folder = pathlib.Path(scratch, encoding)
    folder.mkdir()
    shards, counts, rows = [], [], []
    for shard in range(num_shards):
        shards.append(shard_name("bench", "train", shard, num_shards))
        numbers = range(shard, arguments.records, num_shards)
        counts.append(len(numbers))
        with TFRecordWriter(folder / shards[-1]) as writer:
            for number in numbers:
                record = _draw_record(number, arguments.size, encoding)
                writer.write(encode_example(record))
                rows.append([record[name] for name in FEATURES[1:]])
    source = TFRecordSource([folder / name for name in shards])
    feature = Feature("image", (arguments.size, arguments.size, 3), encoding)
    features = {
        "image": feature,
        "label": Feature("int"),
        "valence": Feature("float"),
        "arousal": Feature("float"),
    }
    columns = {name: np.array(values) for name, values in zip(FEATURES[1:], zip(*rows))}
    columns_hash = write_columns(folder, "train", columns)
    split = Split(len(source), tuple(shards), tuple(counts), {}, source.content_hash(), columns_hash)
    dataset = Dataset(os.fspath(folder), "bench", LABELS, features, {"train": split})
    save_dataset(dataset)
    return dataset


def _draw_record(number: int, size: int, encoding: str) -> dict:
    random = np.random.default_rng(number)
    image = _draw_picture(random, size)
    if encoding == "jpeg":
        content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    else:
        content = image.tobytes()
    valence, arousal = random.uniform(-1, 1, 2)
    return {"image": content, "label": number % 7, "valence": valence, "arousal": arousal}


def _draw_picture(random: np.random.Generator, size: int) -> np.ndarray:
    """Smooth shading, a few shapes with edges, and fine grain: uint8 [size, size, 3]."""
    coarse = random.integers(40, 216, (6, 6, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        center = tuple(int(value) for value in random.integers(0, size, 2))
        axes = tuple(int(value) for value in random.integers(size // 20, size // 4, 2))
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.ellipse(image, center, axes, float(random.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA)
    grain = cv2.GaussianBlur(random.normal(0, 1, (size, size, 1)), (0, 0), 0.8)[..., None]
    return np.clip(image + 7.0 * grain, 0, 255).astype(np.uint8)


def _print_table(result: dict) -> None:
    rates, microseconds = result["images_per_second"], result["cpu_microseconds_per_image"]
    ours = statistics.median(next(iter(rates.values())))
    print(
        f"\n{result['encoding']} {'x'.join(map(str, result['shape']))}, {result['records']} records of "
        f"{result['bytes_per_record'] / 1000:.1f} kB, batches of {result['batch_size']}"
    )
    columns = f"{'':24}{'images/s':>10}{'lowest':>10}{'highest':>10}{'emojax is':>12}{'cpu us/image':>14}"
    print(f"{columns}{'a core':>10}")
    for name, values in rates.items():
        median = statistics.median(values)
        print(
            f"{name:24}{median:10.0f}{min(values):10.0f}{max(values):10.0f}{ours / median:11.2f}x"
            f"{statistics.median(microseconds[name]):14.0f}{1e6 / statistics.median(microseconds[name]):10.0f}"
        )


def _machine() -> dict:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }


if __name__ == "__main__":
    main()
