"""Speed of BoLD's inputs, of its optical flow, and of an ST-GCN training step, beside torch where it is installed.

  python scripts/bench_clips.py input --data_dir data/bold --config configs/bold.py:bold_rgb_bcf
      clips a second of a system's training input: read, decode, put together (normalisation is on the device)
  python scripts/bench_clips.py st_gcn [--batch 8] [--frames 297]
      one training step of ST-GCN, forward, backward, SGD, in float32

  python scripts/bench_clips.py flow --raw RAW [--workers 2] [--flow_side 256]
      TV-L1 flow of the clips of a BoLD folder, with one process and with --workers

All print wall time and CPU time. On a shared machine the CPU time says more: clips a CPU-second and core.
A training step by streams: `python scripts/bench_streams.py --family bold`.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import multiprocessing
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import optax
from paired import print_steps, times

from data_prep.bold.clips import read_frames
from data_prep.bold.flow import with_flow
from data_prep.bold.raw import find_bold
from emojax import cli, systems
from emojax.data.loader import Batches, Order
from emojax.engine.compiler import compiler_options
from emojax.engine.mesh import data_mesh
from emojax.errors import DataError
from emojax.graphs.partitions import partition_matrices
from emojax.graphs.skeletons import BODY_18
from emojax.models.constants import init_with_constants
from emojax.models.st_gcn import STGCN


def bench_input(options: argparse.Namespace) -> None:
    config = cli.load_config_file(options.config)
    config.data_dir = str(options.data_dir)
    dataset = systems.load_data(config, options.data_dir)
    system = systems.build(config, dataset.recipe)
    order = Order(config.batch_size, train=True, num_epochs=None)
    batches = Batches(dataset, "train", system.inputs, order, threads=options.threads)
    next(batches)
    rates = []
    for _ in range(options.repeats):
        start = times()
        for _ in range(options.batches):
            next(batches)
        rates.append(options.batches * config.batch_size / (times() - start))
    wall, cpu = np.median(rates, axis=0)
    print(f"{config.name}: {wall:,.0f} clips/s, {cpu:,.0f} clips a CPU-second (median of {options.repeats})")


def _our_step(batch: int, frames: int, propagation: str) -> Iterator[None]:
    net = STGCN(partition_matrices(BODY_18, "spatial"), propagation=propagation)
    joints = jnp.asarray(np.random.default_rng(0).uniform(size=(batch, frames, 18, 3)), jnp.float32)
    variables = init_with_constants(net, net.fresh_constants, jax.random.key(0), joints, train=False)
    params, rest = variables.pop("params"), variables
    tx = optax.sgd(0.005, 0.9)

    @functools.partial(jax.jit, compiler_options=compiler_options(data_mesh(jax.devices()[:1])))
    def step(params, state, rest, key):
        def loss(params):
            keys = jax.random.split(key, batch)
            outputs, new = net.apply(
                {"params": params, **rest}, joints, train=True, keys=keys, mutable=["batch_stats"]
            )
            return jnp.mean(outputs["features"] ** 2), new

        grads, new = jax.grad(loss, has_aux=True)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, {**rest, **new}

    state, key = tx.init(params), jax.random.key(1)
    while True:
        params, state, rest = jax.block_until_ready(step(params, state, rest, key))
        yield


def _torch_step(batch: int, frames: int, compiled: bool) -> Iterator[None]:
    import torch

    from tests.models.torch_st_gcn import Network

    torch.manual_seed(0)
    net = Network(partition_matrices(BODY_18, "spatial")).train()
    run = torch.compile(net) if compiled else net
    joints = torch.rand(batch, frames, 18, 3)
    optimizer = torch.optim.SGD(net.parameters(), 0.005, 0.9)
    while True:
        optimizer.zero_grad()
        run(joints).square().mean().backward()
        optimizer.step()
        yield


def bench_st_gcn(options: argparse.Namespace) -> None:
    size = options.batch, options.frames
    steps: dict[str, Callable[[], Iterator[None]]] = {
        "emojax": lambda: _our_step(*size, "dense"),
        "emojax, jraph": lambda: _our_step(*size, "jraph"),
    }
    if importlib.util.find_spec("torch"):
        steps |= {
            "torch": lambda: _torch_step(*size, False),
            "torch compiled": lambda: _torch_step(*size, True),
        }
    print(f"ST-GCN, 10 units, spatial, [{options.batch}, {options.frames}, 18, 3], one training step:")
    running = {}
    for name, make in steps.items():
        try:
            running[name] = make()
            next(running[name])
        except Exception as error:  # no compiler for torch.compile
            running.pop(name)
            print(f"  {name:16} does not run here: {str(error).splitlines()[0][:90]}")
    print_steps(running, options.repeats)


def _flow(video: pathlib.Path, side: int) -> tuple[int, float]:
    """Frames of a clip, and the CPU-seconds that its flow took."""
    cv2.setNumThreads(1)
    start = time.process_time()
    frames = sum(1 for _ in with_flow(read_frames(video), side))
    return frames, time.process_time() - start


def bench_flow(options: argparse.Namespace) -> None:
    raw = find_bold(options.raw)
    clips = dict.fromkeys(instance.clip for split in raw.instances.values() for instance in split)
    videos = [raw.video(clip) for clip in clips][: options.clips]
    if not videos:
        raise DataError(f"{options.raw} has no clips.")
    work = functools.partial(_flow, side=options.flow_side)
    for workers in sorted({1, options.workers}):
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            pool.map(work, videos[:1] * workers, chunksize=1)  # the processes have started
            start = time.perf_counter()
            frames, cpu = np.sum(pool.map(work, videos, chunksize=1), axis=0)
            wall = time.perf_counter() - start
        print(
            f"{workers} processes: {len(videos) / wall:.2f} clips/s ({frames / wall:.0f} frames/s), "
            f"{len(videos) / cpu:.2f} clips a CPU-second; {len(videos)} clips of {frames / len(videos):.0f} frames"
        )


def parser() -> cli.Parser:
    options = cli.Parser("python scripts/bench_clips.py", __doc__)
    parts = options.add_subparsers(dest="what", required=True, parser_class=cli.Parser)
    of_input = parts.add_parser("input")
    of_input.add_argument("--data_dir", type=cli.path, required=True, metavar="DIR")
    of_input.add_argument("--config", required=True, metavar="FILE:NAME")
    of_input.add_argument("--batches", type=cli.whole_number(1), default=20, metavar="N")
    of_input.add_argument("--threads", type=cli.whole_number(1), default=2, metavar="N")
    of_input.set_defaults(run=bench_input)
    of_step = parts.add_parser("st_gcn")
    of_step.add_argument("--batch", type=cli.whole_number(1), default=8, metavar="N")
    of_step.add_argument("--frames", type=cli.whole_number(1), default=297, metavar="T")
    of_step.set_defaults(run=bench_st_gcn)
    of_flow = parts.add_parser("flow")
    of_flow.add_argument("--raw", type=cli.path, required=True, metavar="DIR")
    of_flow.add_argument("--workers", type=cli.whole_number(1), default=os.cpu_count(), metavar="N")
    of_flow.add_argument("--flow_side", type=cli.whole_number(0), default=0, metavar="PX")
    of_flow.add_argument("--clips", type=cli.whole_number(1), default=100, metavar="N")
    of_flow.set_defaults(run=bench_flow)
    for part in (of_input, of_step):
        part.add_argument("--repeats", type=cli.whole_number(1), default=5, metavar="N")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), lambda options: options.run(options), argv)


if __name__ == "__main__":
    sys.exit(main())
