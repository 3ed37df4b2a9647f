"""What a device can do at best, to put a measured step beside it."""

from __future__ import annotations

import dataclasses


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


def percent_of_roofline(roof: Roofline, *, flops: float, nbytes: float, seconds: float) -> dict[str, float]:
    """Shares of the peak rates that a step reached, in percent.

    Args:
        roof: the device.
        flops: floating-point operations of a step.
        nbytes: bytes that the compiled program reads and writes (an upper bound: caches save some).
        seconds: time of a step.
    """
    return {
        "percent_of_compute_peak": 100 * flops / roof.flops / seconds,
        "percent_of_bandwidth_peak": 100 * nbytes / roof.bandwidth / seconds,
    }
