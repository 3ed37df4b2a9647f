"""Compiles training steps for a GPU that is not there, and prints what that costs and what the programs move.

    python scripts/compile_for.py                                        # the networks below, for an H200
    python scripts/compile_for.py --networks gcn resnet50 --card h100
    python scripts/compile_for.py --networks gcn --without xla_gpu_enable_triton_gemm

For each network: CPU-seconds to trace and compile the initialisation and the step, kernels and library calls of a step,
GB that they move by estimate (`kernel_traffic.py`), and GiB of temporaries. Needs JAX's CUDA plugin and ptxas, no card
and no driver. Nothing runs on a card, so kernels are chosen without being timed: on a card the choice takes longer.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
from kernel_traffic import kernels

from emojax import cli, systems
from emojax.engine import compile_cache, compiler
from emojax.engine.cards import CARDS, devices
from emojax.engine.measure import random_batch
from emojax.engine.mesh import batch_sharding, data_mesh, replicated
from emojax.engine.run import Run

NETWORKS = {
    "gcn": "configs/affectnet_gcn.py:fast",
    "resnet50": "configs/affectnet_baseline.py:base8_r50",
    "vgg16": "configs/affwild.py:affwild_vgg16",
    "xception": "configs/affwild_lstm.py:comb_xcep_fc2",
    "breg": "configs/affectnet_breg.py:breg_emotion_gcn",
    "people": "configs/emotic.py:emotic_bcf_r18",
    "emoticon": "configs/emotic.py:emotic_emoticon_gcn",
    "st_gcn": "configs/bold.py:bold_stgcn_spatial",
    "tsn": "configs/bold.py:bold_rgb_bcf",
    "c3d": "configs/sasefe.py:sase12_c3d",
    "cnn_gru": "configs/affwild.py:affwild_cnn_gru",
    "cnn_lstm": "configs/affwild_lstm.py:comb_vgg19_fc1",
    "gan": "configs/affwild_gan.py:affwild_reggan_small",  # a step of the discriminator, one of the generator
    "gan_d": "configs/affwild_gan.py:affwild_d_regressor",  # the discriminator's step alone
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--card", choices=CARDS, default="h200")
    parser.add_argument("--batch", type=int, help="batch size [that of the config]")
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="OPTION", help="compiler options left out"
    )
    options = parser.parse_args()
    for name in options.without:
        compiler._OPTIONS["gpu"].pop(name)
    for name in options.networks:
        print(
            json.dumps({"network": name, **figures(NETWORKS[name], options.card, options.batch)}), flush=True
        )


def figures(spec: str, card: str, batch_size: int | None = None) -> dict:
    """What the initialisation and a step of a config cost on a card, compiled anew."""
    config = cli.load_config_file(spec)
    config.precision = "bfloat16"
    config.batch_size = batch_size or config.batch_size
    dataset = systems.stand_in_dataset(config)
    mesh = data_mesh(devices(card))
    run = Run(config, systems.build(config, dataset.recipe), dataset, mesh)
    with compile_cache.bypassed():
        init_seconds, _ = timed(lambda: compile_init(run))
        step_seconds, program = timed(lambda: compile_step(run))
    found = kernels(program.as_text())
    return {
        "config": spec,
        "card": card,
        "batch": config.batch_size,
        "init_cpu_s": round(init_seconds, 1),
        "step_cpu_s": round(step_seconds, 1),
        "kernels": len(found),
        "library_calls": sum(k.operation == "custom-call" for k in found),
        "gigabytes": round(sum(k.nbytes for k in found) / 1e9, 2),
        "temporaries_gib": round(program.memory_analysis().temp_size_in_bytes / 2**30, 2),
    }


def compile_init(run: Run):
    key = jax.random.key(0)
    key = jax.ShapeDtypeStruct(key.shape, key.dtype, sharding=replicated(run.mesh))
    with compiler.quick_random_numbers():
        init = jax.jit(run.system.init, compiler_options=compiler.compiler_options(run.mesh))
        return init.lower(key).compile()


def compile_step(run: Run):
    sharding = batch_sharding(run.mesh)
    batch = {
        k: jax.ShapeDtypeStruct(v.shape, v.dtype, sharding=sharding) for k, v in random_batch(run).items()
    }
    return run.train_step.lower(run.abstract_state(), batch).compile()


def timed(make):
    """CPU-seconds of this process and of those it starts (ptxas), and what `make` returns."""
    start = cpu_seconds()
    made = make()
    return cpu_seconds() - start, made


def cpu_seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main()
