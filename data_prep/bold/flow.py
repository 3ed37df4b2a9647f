"""Optical flow of a clip, TV-L1 (context_emotion spec 1.4; Zach, Pock and Bischof, DAGM 2007)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from emojax.errors import ConfigError

RANGE = 20.0  # pixels; larger displacements are cut off
NO_MOTION = 128  # as it is stored


def require_tvl1() -> None:
    """Raises ConfigError where OpenCV has been built without its contributed modules."""
    if not hasattr(cv2, "optflow"):
        raise ConfigError(
            "This OpenCV has no TV-L1 optical flow. Install the one that has it: pip uninstall opencv-python-headless, "
            "then pip install -r requirements.lock."
        )


def encode_flow(field: np.ndarray) -> np.ndarray:
    """Displacements ``[..., 2]`` in pixels -> uint8: -20 is 0, +20 is 255, 0 is 128."""
    return np.rint(255 * (np.clip(field, -RANGE, RANGE) + RANGE) / (2 * RANGE)).astype(np.uint8)


def decode_flow(values: np.ndarray) -> np.ndarray:
    """The opposite of `encode_flow`, but for rounding: at most 0.08 pixels."""
    return values.astype(np.float32) * (2 * RANGE / 255) - RANGE


def with_flow(frames: Iterable[np.ndarray], side: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each frame with the flow to the next one; the last frame has that of the pair before.

    Args:
        frames: at least two, ``[H, W, 3]`` uint8 BGR.
        side: the flow is computed on frames whose shorter side is this, and enlarged; 0 computes it at full size.
            Displacements are in pixels of the full size always.

    Yields:
        A frame, and ``[H, W, 2]`` uint8 x, y of `encode_flow`.
    """
    method = cv2.optflow.DualTVL1OpticalFlow_create()
    before, grey_before, field = None, None, None
    for frame in frames:
        grey = _grey(frame, side)
        if before is not None:
            field = encode_flow(_enlarged(method.calc(grey_before, grey, None), before.shape))
            yield before, field
        before, grey_before = frame, grey
    if field is not None:
        yield before, field


def _grey(frame: np.ndarray, side: int) -> np.ndarray:
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    shorter = min(grey.shape)
    if not side or side >= shorter:
        return grey
    height, width = (round(n * side / shorter) for n in grey.shape)
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)


def _enlarged(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if field.shape[:2] == shape[:2]:
        return field
    factors = shape[1] / field.shape[1], shape[0] / field.shape[0]
    return cv2.resize(field, shape[1::-1], interpolation=cv2.INTER_LINEAR) * np.float32(factors)
