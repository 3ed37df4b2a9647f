"""The tf.data side of bench_input.py, which starts it in an interpreter that has TensorFlow.

Argument: a JSON object (shards, encoding, shape, records, batch_size). For every line on standard input it
runs one epoch and prints `[pictures, seconds, processor seconds]`.
"""

from __future__ import annotations

import json
import sys
import time

import tensorflow as tf


def make_dataset(job: dict) -> tf.data.Dataset:
    scalar = tf.io.FixedLenFeature([], tf.float32)
    schema = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
        "valence": scalar,
        "arousal": scalar,
    }

    def decode(serialized):
        values = tf.io.parse_single_example(serialized, schema)
        if job["encoding"] == "raw":
            image = tf.reshape(tf.io.decode_raw(values["image"], tf.uint8), job["shape"])
        else:
            image = tf.ensure_shape(tf.io.decode_jpeg(values["image"], channels=3), job["shape"])
        return {**values, "image": image}

    records = tf.data.TFRecordDataset(job["shards"], num_parallel_reads=tf.data.AUTOTUNE)
    return (
        records.shuffle(job["records"])
        .map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False)
        .batch(job["batch_size"])
        .prefetch(tf.data.AUTOTUNE)
    )


def main() -> None:
    dataset = make_dataset(json.loads(sys.argv[1]))
    for _ in sys.stdin:
        start, cpu_start = time.perf_counter(), time.process_time()
        count = sum(int(batch["label"].shape[0]) for batch in dataset)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        print(json.dumps([count, seconds, cpu_seconds]), flush=True)


if __name__ == "__main__":
    main()
