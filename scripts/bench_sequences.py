"""Speed of frontal views, and of a training step of C3D beside torch where it is installed.

  python scripts/bench_sequences.py frontal [--workers 2]
      frontal views of synthetic heads at several yaws, a face crop beside them, as data_prep.sasefe makes them
  python scripts/bench_sequences.py c3d [--batch 4]
      forward, backward and SGD on clips of 5 frames of 112 px, whole size, float32

All print wall time and CPU time. On a shared machine the CPU time says more.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import optax
from frontal_strip import drawn_heads
from paired import print_steps

from emojax import cli
from emojax.engine.compiler import compiler_options
from emojax.engine.mesh import data_mesh
from emojax.models.c3d import BLOCKS, C3D, WIDTHS
from emojax.vision.face_views import face_pictures

_FRAMES, _SIDE, _CLASSES = 5, 112, 12


def _faces(number: int, modalities: tuple[str, ...]) -> float:
    """CPU-seconds of a number of faces."""
    cv2.setNumThreads(1)
    heads = list(drawn_heads(1))
    start = time.process_time()
    for i in range(number):
        face_pictures(*heads[i % len(heads)], 224, modalities)
    return time.process_time() - start


def bench_frontal(options: argparse.Namespace) -> None:
    kinds = {"frontal": ("face", "frontal"), "frontal and soft symmetry": ("face", "frontal", "frontal_soft")}
    for title, modalities in kinds.items():
        for workers in sorted({1, options.workers}):
            work = [(options.faces, modalities)] * workers
            with multiprocessing.get_context("spawn").Pool(workers) as pool:
                pool.starmap(_faces, [(6, modalities)] * workers, chunksize=1)  # the processes have started
                start = time.perf_counter()
                cpu = sum(pool.starmap(_faces, work, chunksize=1))
                wall = time.perf_counter() - start
            number = options.faces * workers
            print(
                f"{title}, {workers} processes: {number / wall:.0f} faces/s, {number / cpu:.0f} faces a CPU-second",
                flush=True,
            )


def _our_step(clips: np.ndarray, labels: np.ndarray) -> Iterator[None]:
    net = C3D(num_classes=_CLASSES, dropout_rate=0.0)
    params = jax.jit(net.init, static_argnames="train")(jax.random.key(0), clips, train=False)["params"]
    tx = optax.sgd(1e-4, 0.9)
    as_in_training = compiler_options(data_mesh(jax.devices()[:1]))

    @functools.partial(jax.jit, donate_argnums=(0, 1), compiler_options=as_in_training)
    def step(params, state, clips, labels):
        def loss(params):
            logits = net.apply({"params": params}, clips, train=True)["logits"]
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    state, clips, labels = tx.init(params), jnp.asarray(clips), jnp.asarray(labels)
    while True:
        params, state = jax.block_until_ready(step(params, state, clips, labels))
        yield


def _torch_step(clips: np.ndarray, labels: np.ndarray) -> Iterator[None]:
    import torch

    layers, channels = [], 3
    for block, (names, width) in enumerate(zip(BLOCKS, WIDTHS), 1):
        for _ in names:
            layers += [torch.nn.Conv3d(channels, width, 3, padding=1), torch.nn.ReLU()]
            channels = width
        time_stride = 1 if block == 1 else 2
        layers.append(torch.nn.MaxPool3d((time_stride, 2, 2), ceil_mode=True))
    layers += [torch.nn.Flatten(), torch.nn.Linear(8192, 4096), torch.nn.ReLU()]
    layers += [torch.nn.Linear(4096, 4096), torch.nn.ReLU(), torch.nn.Linear(4096, _CLASSES)]
    net = torch.nn.Sequential(*layers).train()
    optimizer = torch.optim.SGD(net.parameters(), 1e-4, 0.9)
    x, y = torch.tensor(clips).permute(0, 4, 1, 2, 3).contiguous(), torch.tensor(labels)
    while True:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
        yield


def bench_c3d(options: argparse.Namespace) -> None:
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(options.batch, _FRAMES, _SIDE, _SIDE, 3)).astype(np.float32)
    labels = rng.integers(0, _CLASSES, options.batch)
    running = {"emojax": _our_step(clips, labels)}
    if importlib.util.find_spec("torch"):
        running["torch"] = _torch_step(clips, labels)
    print(f"C3D {list(clips.shape)}, one training step:", flush=True)
    for step in running.values():
        next(step)
    print_steps(running, options.repeats)


def parser() -> cli.Parser:
    options = cli.Parser("python scripts/bench_sequences.py", __doc__)
    parts = options.add_subparsers(dest="what", required=True, parser_class=cli.Parser)
    frontal = parts.add_parser("frontal")
    frontal.add_argument(
        "--faces", type=cli.whole_number(1), default=120, metavar="N", help="a process [120]"
    )
    frontal.add_argument("--workers", type=cli.whole_number(1), default=os.cpu_count(), metavar="N")
    frontal.set_defaults(run=bench_frontal)
    c3d = parts.add_parser("c3d")
    c3d.add_argument("--batch", type=cli.whole_number(1), default=4, metavar="N")
    c3d.add_argument("--repeats", type=cli.whole_number(1), default=5, metavar="N")
    c3d.set_defaults(run=bench_c3d)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), lambda options: options.run(options), argv)


if __name__ == "__main__":
    sys.exit(main())
