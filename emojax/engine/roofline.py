"""What a device can do at best, to put a measured step beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Peak rates of one device, from its data sheet.

    Attributes:
        flops: dense bfloat16 (V100, T4: float16) floating-point operations a second.
        bandwidth: bytes a second of device memory.
    """

    flops: float
    bandwidth: float


# Beginning of `device_kind` -> peak; vendors' data sheets, dense (no sparsity).
_KNOWN = {
    "NVIDIA B200": Roofline(2250e12, 7.7e12),
    "NVIDIA H200": Roofline(989e12, 4.8e12),
    "NVIDIA H100 PCIe": Roofline(756e12, 2.0e12),
    "NVIDIA H100": Roofline(989e12, 3.35e12),
    "NVIDIA A100-SXM4-80GB": Roofline(312e12, 2.039e12),
    "NVIDIA A100": Roofline(312e12, 1.555e12),
    "NVIDIA L4": Roofline(121e12, 0.3e12),
    "NVIDIA GeForce RTX 4090": Roofline(165e12, 1.008e12),
    "Tesla V100": Roofline(125e12, 0.9e12),
    "Tesla T4": Roofline(65e12, 0.32e12),
    "TPU v4": Roofline(275e12, 1.228e12),
    "TPU v5 lite": Roofline(197e12, 0.819e12),
    "TPU v5": Roofline(459e12, 2.765e12),
    "TPU v6 lite": Roofline(918e12, 1.64e12),
}


def of_device(device_kind: str) -> Roofline | None:
    """Peak rates of a device by the longest known beginning of its name; None when unknown."""
    names = [n for n in _KNOWN if device_kind.startswith(n)]
    return _KNOWN[max(names, key=len)] if names else None


def shares(device_kind: str, costs: Mapping[str, float | None], *, seconds: float) -> dict[str, float]:
    """How near a step came to what the device can do, in percent; empty for an unknown device or unknown costs.

    Args:
        device_kind: name of the device.
        costs: of a step: ``flops_per_device``, and ``bytes_per_device`` that the compiled program reads and writes
            (an upper bound: caches save some); None where XLA does not count them.
        seconds: time of a step.

    Returns:
        `percent_of_compute_peak` and `percent_of_bandwidth_peak`, each where it is known, and `percent_of_roofline`,
        the larger.
    """
    roof = of_device(device_kind)
    if roof is None:
        return {}
    flops, nbytes = costs.get("flops_per_device"), costs.get("bytes_per_device")
    found = {}
    if flops:
        found["percent_of_compute_peak"] = 100 * flops / roof.flops / seconds
    if nbytes:
        found["percent_of_bandwidth_peak"] = 100 * nbytes / roof.bandwidth / seconds
    return found | ({"percent_of_roofline": max(found.values())} if found else {})


def floor(device_kind: str, costs: Mapping[str, float | None]) -> dict[str, float]:
    """`floor_seconds`: a step cannot be quicker, by the operations and bytes that are known; empty without any."""
    roof = of_device(device_kind)
    flops, nbytes = costs.get("flops_per_device") or 0.0, costs.get("bytes_per_device") or 0.0
    if roof is None or not (flops or nbytes):
        return {}
    return {"floor_seconds": max(flops / roof.flops, nbytes / roof.bandwidth)}
