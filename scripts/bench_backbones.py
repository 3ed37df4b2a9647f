"""Times a training step (forward, backward, SGD with momentum) of backbones, beside torch in the same run.

    python scripts/bench_backbones.py                               # ResNet-50 and DenseNet-121 at 224 px
    python scripts/bench_backbones.py --networks resnet18 --batch 32 --dtype bfloat16 --no-torch
    XLA_FLAGS=--xla_cpu_prefer_vector_width=512 python scripts/bench_backbones.py

Prints one JSON object a network and framework: the median of the steps (by the clock, and the processor time of all
threads, the fairer figure on a busy machine), ours over theirs, images a second, the time to compile, the memory that
XLA plans for temporaries, and what the forward pass keeps for the backward pass before XLA optimises it.
torch comes from the `parity` extra.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import jax
import jax.numpy as jnp
import numpy as np
import optax

from emojax.engine.compiler import compiler_options
from emojax.engine.mesh import data_mesh
from emojax.models.backbones import create_backbone

CLASSES = 7


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=["resnet50", "densenet121"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224, help="side of the images, px")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--dtype", default="float32", choices=["float32", "bfloat16"], help="compute dtype of ours"
    )
    parser.add_argument("--remat", action="store_true", help="recompute dense blocks in the backward pass")
    parser.add_argument("--no-torch", action="store_true")
    options = parser.parse_args()
    for name in options.networks:
        ours = bench_jax(name, options)
        report(name, "jax", options, **ours)
        if not options.no_torch:
            for layout in ("channels first", "channels last"):
                theirs = bench_torch(name, options, layout)
                ratios = {f"ratio_{key}": ours[key] / theirs[key] for key in theirs}
                report(name, f"torch, {layout}", options, **theirs, **ratios)


def report(name: str, framework: str, options: argparse.Namespace, **measured) -> None:
    line = {"network": name, "framework": framework, "batch": options.batch, "size": options.size}
    line |= {"images_per_s": options.batch / measured["step_s"], **measured}
    if framework == "jax":
        line |= {"dtype": options.dtype, "remat": options.remat, "device": jax.devices()[0].device_kind}
        line |= {"xla_flags": os.environ.get("XLA_FLAGS", "")}
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()}), flush=True)


def batch(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(options.batch, options.size, options.size, 3)).astype(np.float32)
    return images, rng.integers(0, CLASSES, options.batch)


def bench_jax(name: str, options: argparse.Namespace) -> dict[str, float]:
    remat = options.remat and name.startswith("densenet")
    net = create_backbone(name, num_classes=CLASSES, dtype=jnp.dtype(options.dtype), remat=remat)
    images, labels = batch(options)
    variables = random_variables(net, images)
    tx = optax.sgd(0.01, momentum=0.9)

    def loss(params, state, images, labels):
        stages, new = net.apply({"params": params, **state}, images, train=True, mutable=["batch_stats"])
        losses = optax.softmax_cross_entropy_with_integer_labels(stages["logits"], labels)
        return jnp.mean(losses), new

    def step(params, state, opt_state, images, labels):
        (value, state), grads = jax.value_and_grad(loss, has_aux=True)(params, state, images, labels)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), state, opt_state, value

    params, state = variables["params"], {"batch_stats": variables["batch_stats"]}
    carry = (params, state, tx.init(params))
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (params, state))
    images, labels = jnp.asarray(images), jnp.asarray(labels)
    start = time.perf_counter()
    as_in_training = compiler_options(data_mesh(jax.devices()[:1]))
    step = jax.jit(step, donate_argnums=(0, 1, 2), compiler_options=as_in_training)
    compiled = step.lower(*carry, images, labels).compile()
    compile_s = time.perf_counter() - start

    def run() -> None:
        nonlocal carry
        *carry, value = compiled(*carry, images, labels)
        jax.block_until_ready((carry, value))

    measured = timed(run, options.steps)
    memory = compiled.memory_analysis()
    temporary = memory.temp_size_in_bytes / 2**20 if memory else float("nan")
    kept = jax.eval_shape(lambda p, s: jax.vjp(lambda p: loss(p, s, images, labels)[0], p)[1], *shapes)
    return {
        **measured,
        "compile_s": compile_s,
        "temporary_mib": temporary,
        "kept_mib": sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept)) / 2**20,
    }


def timed(step: Callable[[], None], steps: int) -> dict[str, float]:
    """Medians of `steps` calls after one: `step_s` by the clock, `step_cpu_s` of this process's threads."""
    times = []
    for _ in range(steps + 1):
        start, cpu = time.perf_counter(), time.process_time()
        step()
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    wall, cpu = (statistics.median(values) for values in zip(*times[1:]))
    return {"step_s": wall, "step_cpu_s": cpu}


def random_variables(net, images: np.ndarray) -> dict:
    """Weights of a plausible size; compiling the initialisation would take longer than the measurement."""
    shapes = jax.eval_shape(lambda x: net.init(jax.random.key(0), x, train=False), images[:1])
    rng = np.random.default_rng(0)

    def values(leaf):
        if leaf.ndim < 2:
            return jnp.ones(leaf.shape)
        scale = (2 / np.prod(leaf.shape[:-1])) ** 0.5
        return jnp.asarray(rng.normal(size=leaf.shape) * scale, jnp.float32)

    return jax.tree.map(values, shapes)


def bench_torch(name: str, options: argparse.Namespace, layout: str) -> dict[str, float]:
    from tests.models.torch_reference import import_torchvision, to_torch, torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = import_torchvision().models.get_model(name, weights=None, num_classes=CLASSES).train()
    images, labels = batch(options)
    images, labels = to_torch(images), torch.from_numpy(labels)
    if layout == "channels last":
        model, images = (
            model.to(memory_format=torch.channels_last),
            images.to(memory_format=torch.channels_last),
        )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def run() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return timed(run, options.steps)


if __name__ == "__main__":
    main()
