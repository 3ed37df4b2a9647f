"""Options that XLA compiles the steps and the initialisation with, by platform."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator

import jax
from jax.sharding import Mesh

# On CPUs XLA would run independent convolutions side by side (the streams of a person), each on all cores: they get
# in each other's way. One after the other, two tiny ResNets take 25 ms a step, not 35, and three ResNet-18 at 224 px
# 1.42 s, not 1.51, in 733 MiB, not 1,300 (2 cores, 2026-11-26).
#
# On GPUs XLA would compile 3,800 candidates of kernels for a step of DenseNet-121, several minutes, and time them.
# Without those for fusions and of Triton none is left; cuBLAS and cuDNN are still chosen by time. Estimated bytes of
# that step: 120 GB, not 130; CPU-seconds to compile: 91, not 191 (ahead of time for an H200, 2026-11-26).
_OPTIONS = {
    "cpu": {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"},
    "gpu": {"xla_gpu_experimental_enable_fusion_autotuner": False, "xla_gpu_enable_triton_gemm": False},
}

# Scatters in a fixed order, no library algorithm that adds atomically, and no autotuning: two processes that time
# candidates may choose different kernels, whose sums differ in the last digits. CPUs are deterministic as they are.
_DETERMINISTIC = {"gpu": {"xla_gpu_deterministic_ops": True}}


def compiler_options(mesh: Mesh, *, deterministic: bool = False) -> dict[str, str | bool]:
    """Options for `jax.jit(..., compiler_options=...)`; those for speed that this version of XLA lacks are left out.

    Args:
        mesh: the devices that the program runs on.
        deterministic: equal inputs give equal bits in every process on the same kind of device.
    """
    platform = mesh.devices.flat[0].platform
    platform = "gpu" if platform in ("cuda", "rocm") else platform
    fast = {name: value for name, value in _OPTIONS.get(platform, {}).items() if _is_known(name, value)}
    return fast | (_DETERMINISTIC.get(platform, {}) if deterministic else {})


@functools.cache
def _is_known(name: str, value: str | bool) -> bool:
    """Whether XLA takes an option, by compiling next to nothing with it; warns when it does not."""
    try:
        jax.jit(lambda: 0).lower().compile({name: value})
    except Exception as error:  # its type has changed from version to version
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        warnings.warn(
            f"jax {jax.__version__} compiles without {name}={value}, which may take longer: {reason}.",
            stacklevel=2,
        )
        return False
    return True


@contextlib.contextmanager
def quick_random_numbers() -> Iterator[None]:
    """Inside, what is lowered for a GPU draws random numbers by a call of a kernel; the numbers are the same.

    The initialisation of DenseNet-121 splits thousands of keys. As part of a fusion they take 84 CPU-seconds to
    compile, 24 as calls, 10 without the autotuner. Large arrays, as in a step, are better drawn in a fusion.
    """
    name = "jax_threefry_gpu_kernel_lowering"
    before = getattr(jax.config, name, None)
    if before is None:  # a version of JAX without the choice
        yield
        return
    jax.config.update(name, True)
    try:
        yield
    finally:
        jax.config.update(name, before)
