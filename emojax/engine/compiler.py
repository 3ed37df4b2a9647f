"""Options that XLA compiles the steps with, by platform."""

from __future__ import annotations

from jax.sharding import Mesh

# On CPUs XLA would run independent convolutions side by side (the streams of a person), each on all cores: they get
# in each other's way. One after the other, two tiny ResNets take 25 ms a step, not 35, and three ResNet-18 at 224 px
# 1.42 s, not 1.51, in 733 MiB, not 1,300 (2 cores, 2026-11-26).
_OPTIONS = {"cpu": {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}}

# Scatters in a fixed order, no library algorithm that adds atomically, and no autotuning: two processes that time
# candidates may choose different kernels, whose sums differ in the last digits. CPUs are deterministic as they are.
_DETERMINISTIC = {"gpu": {"xla_gpu_deterministic_ops": True}}


def compiler_options(mesh: Mesh, *, deterministic: bool = False) -> dict[str, str | bool]:
    """Options for `jax.jit(..., compiler_options=...)`.

    Args:
        mesh: the devices that the program runs on.
        deterministic: equal inputs give equal bits in every process on the same kind of device.
    """
    platform = mesh.devices.flat[0].platform
    platform = "gpu" if platform in ("cuda", "rocm") else platform
    return _OPTIONS.get(platform, {}) | (_DETERMINISTIC.get(platform, {}) if deterministic else {})
