"""Cards to compile for without having one: does a batch fit, how much memory does the step plan?

Needs JAX's CUDA plugin and ptxas, no driver and no card. Kernels are chosen without being timed.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from emojax.errors import ConfigError

if TYPE_CHECKING:
    import jax

# Of the card's memory that JAX takes: XLA_PYTHON_CLIENT_MEM_FRACTION of JAX's documentation.
DEFAULT_SHARE = 0.75
_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Card:
    """What XLA needs to know of a GPU; from the data sheets and from what the driver reports.

    Attributes:
        name: as the driver reports it.
        capability: compute capability, with an ``a`` where the architecture has instructions of its own.
        cores: multiprocessors.
        units: float32 units of one.
        threads: threads that one holds.
        shared: shared memory of one, bytes.
        cache: level-2 cache, bytes.
        clock: GHz.
        memory: bytes.
        bandwidth: of the memory, bytes a second.
    """

    name: str
    capability: str
    cores: int
    units: int
    threads: int
    shared: int
    cache: int
    clock: float
    memory: int
    bandwidth: float


CARDS = {
    "a100": Card(
        "NVIDIA A100-SXM4-80GB", "8.0", 108, 64, 2048, 167936, 41943040, 1.41, 85094825984, 2.039e12
    ),
    "a100_40gb": Card(
        "NVIDIA A100-SXM4-40GB", "8.0", 108, 64, 2048, 167936, 41943040, 1.41, 42331013120, 1.5552e12
    ),
    "l4": Card("NVIDIA L4", "8.9", 58, 128, 1536, 102400, 50331648, 2.04, 23676387328, 0.3e12),
    "h100": Card(
        "NVIDIA H100 80GB HBM3", "9.0a", 132, 128, 2048, 233472, 52428800, 1.98, 84942979072, 3.35232e12
    ),
    "h200": Card("NVIDIA H200", "9.0a", 132, 128, 2048, 233472, 52428800, 1.98, 151397597184, 4.8e12),
    "b200": Card("NVIDIA B200", "10.0a", 148, 128, 2048, 233472, 132644864, 1.965, 191514411008, 7.67232e12),
}


def devices(name: str) -> list[jax.Device]:
    """One card of `CARDS` to compile for; nothing runs on it.

    Raises:
        ConfigError: JAX has no CUDA plugin here, or its CUDA has no ptxas.
    """
    from jax.experimental import topologies  # here: a list of the cards does not wait for JAX

    try:
        topology = topologies.get_topology_desc(
            platform="cuda", topology="1x1x1", target_config=target_config(CARDS[name])
        )
    except Exception as error:  # many types: no plugin, a plugin of another version, CUDA not found
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ConfigError(
            f"Cannot compile for {name} here: {reason[:200].rstrip('.')}. It needs JAX's CUDA plugin of the "
            'same version as jax (pip install -e ".[cuda13]", or without CUDA\'s libraries: pip install --no-deps '
            "jax-cuda13-plugin jax-cuda13-pjrt) and ptxas on the PATH; no card."
        ) from error
    return list(topology.devices)


def target_config(card: Card) -> str:
    """The description of a card that XLA reads: a text ``GpuTargetConfigProto``."""
    major, minor = card.capability.removesuffix("a").split(".")
    own = "feature_extension: ACCELERATED_FEATURES" if card.capability.endswith("a") else ""
    return f"""
gpu_device_info {{
  threads_per_block_limit: 1024  threads_per_warp: 32  threads_per_core_limit: {card.threads}
  shared_memory_per_block: 49152  shared_memory_per_core: {card.shared}
  shared_memory_per_block_optin: {card.shared - 1024}
  core_count: {card.cores}  fpus_per_core: {card.units}  clock_rate_ghz: {card.clock}
  block_dim_limit_x: 2147483647  block_dim_limit_y: 65535  block_dim_limit_z: 65535
  thread_dim_limit_x: 1024  thread_dim_limit_y: 1024  thread_dim_limit_z: 64
  registers_per_core_limit: 65536  registers_per_block_limit: 65536
  memory_bandwidth: {card.bandwidth:.0f}  l2_cache_size: {card.cache}  device_memory_size: {card.memory}
  cuda_compute_capability {{ major: {major} minor: {minor} {own} }}
  device_vendor: "NVIDIA Corporation"  name: "{card.name}"  platform_version: "Compute Capability {card.capability}"
  device_address_bits: 64  pcie_bandwidth: 34359738368  ecc_enabled: true
  driver_version: "13.0.0"  runtime_version: "13.0.0"  compile_time_toolkit_version: "13.0.0"  dnn_version: "9.10.0"
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 10 patch: 0 }}
runtime_version {{ major: 13 minor: 0 patch: 0 }}
device_description_str: "{card.name}"
"""


def fit(name: str, needed: int) -> str:
    """Whether `needed` bytes fit on a card, in words."""
    memory = CARDS[name].memory
    limit = DEFAULT_SHARE * memory
    of = f"{needed / _GIB:.1f} GiB of the {limit / _GIB:.1f} that JAX takes"
    if needed <= limit:
        return f"yes: {of}"
    if needed <= 0.95 * memory:
        return f"only with XLA_PYTHON_CLIENT_MEM_FRACTION=0.95: {of} ({memory / _GIB:.1f} on the card)"
    return f"no: {of} ({memory / _GIB:.1f} on the card)"
