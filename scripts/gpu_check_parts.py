"""The steps of scripts/gpu_check that no other command covers: `python scripts/gpu_check_parts.py PART ARGUMENTS`."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

_PACKAGES = (
    "jax jaxlib flax optax orbax-checkpoint grain array-record jraph numpy ml_collections torch triton"
)
_LARGEST_TRACE = 15 * 2**20  # bytes; a larger one is left behind


def main() -> None:
    part, *arguments = sys.argv[1:]
    PARTS[part](*arguments)


class Figures(dict):
    """Figures by name; printed and written as they are known."""

    def __init__(self, path: str):
        super().__init__()
        self._path = pathlib.Path(path)

    def add(self, name: str, value) -> None:
        self[name] = value
        print(f"{name:28} {value}", flush=True)
        self._path.write_text(json.dumps(self))


def versions(path: str) -> None:
    """Versions, the device, and what it reaches on a large product and a large copy."""
    figures = Figures(path)
    figures.add("python", platform.python_version())
    for package in _PACKAGES.split():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            figures.add(package, importlib.metadata.version(package))
    with contextlib.suppress(OSError):
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        cards = subprocess.run(query, capture_output=True, text=True, timeout=20).stdout.strip()
        figures.add("nvidia-smi", cards)
    import cv2
    import jax
    import jax.numpy as jnp

    figures.add("opencv", cv2.__version__)
    device = jax.devices()[0]
    figures.add("device", device.device_kind)
    on_card = device.platform != "cpu"
    side, count = (8192, 2**30) if on_card else (512, 2**22)
    keys = jax.random.split(jax.random.key(0), 2)
    a, b = (jax.random.normal(key, (side, side), jnp.bfloat16) for key in keys)
    figures.add("teraflops_bfloat16", 2e-12 * side**3 / _seconds(jax.jit(jnp.matmul), a, b))
    x = jnp.ones(count, jnp.float32)
    figures.add("terabytes_per_second", 8e-12 * count / _seconds(jax.jit(lambda x: x + 1), x))
    host = jax.device_get(x)
    figures.add("to_device_gigabytes_per_second", 4e-9 * count / _seconds(jax.device_put, host))


def _seconds(function, *arguments) -> float:
    import jax

    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - start)
    return min(times)


def torch(path: str, *arguments: str) -> None:
    """PyTorch's step: autocast, channels_last, eager or compiled."""
    from bench_training import measure_torch

    parser = argparse.ArgumentParser()
    for name in ("--steps", "--batch", "--size"):
        parser.add_argument(name, type=int)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args(arguments)
    options.precision, options.no_compile = "bfloat16", not options.compile
    figures = Figures(path)
    for name, value in measure_torch(options).items():
        figures.add(name, value)


def data(folder: str, size: str, records: str) -> None:
    """Writes drawn pictures, packed, with labels, to train on."""
    from tests.toy import make_dataset

    make_dataset(pathlib.Path(folder), train=int(records), validation=32, size=int(size))


def keep_trace(folder: str, out: str, name: str = "trace.json.gz") -> None:
    """Copies the newest trace of a folder to the results."""
    from emojax.engine import trace

    path = trace.newest(pathlib.Path(folder))
    if path.stat().st_size > _LARGEST_TRACE:
        sys.exit(f"{path} has {path.stat().st_size / 2**20:.0f} MiB: it is left behind.")
    shutil.copyfile(path, pathlib.Path(out, name))
    print(f"{name}: open it at ui.perfetto.dev")


def fed_trace(path: str, spec: str, folder: str, out: str) -> None:
    """A trace of the training loop: whether copies to the device overlap with the steps before."""
    from emojax import cli, systems
    from emojax.engine import compile_cache, trace
    from emojax.engine.measure import measure_fed_step

    compile_cache.enable()
    config = cli.load_config_file(spec)
    config.update_from_flattened_dict({"data_dir": folder, "align": ""})
    dataset = systems.load_data(config)
    system = systems.build(config, dataset.recipe)
    figures = Figures(path)
    with tempfile.TemporaryDirectory() as scratch:
        with trace.recorded(pathlib.Path(scratch)):
            measured = measure_fed_step(config, system, dataset, 6)
        for name, value in measured.items():
            figures.add(name, value)
        events = trace.read_events(trace.newest(pathlib.Path(scratch)))
        for name, value in trace.copies_to_device(events).items():
            figures.add(name, value)
        keep_trace(scratch, out, "fed_trace.json.gz")


PARTS = {f.__name__: f for f in (versions, torch, data, keep_trace, fed_trace)}

if __name__ == "__main__":
    main()
