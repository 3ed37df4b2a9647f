"""What a system says of an example, as names and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from emojax.labels import Labels

Answer = tuple[dict[str, float], dict[str, float]]  # probability by class, value by dimension


def standardised(outputs: Mapping[str, np.ndarray], links: Mapping[str, str]) -> dict[str, np.ndarray]:
    """``probabilities [..., C]`` and ``dimensions [..., D]``, float32, whichever there are.

    Args:
        outputs: of `System.predict`.
        links: of the system's measure: how logits become probabilities.
    """
    found = {}
    if "probabilities" in outputs:
        found["probabilities"] = outputs["probabilities"]
    elif "logits" in outputs:
        found["probabilities"] = _LINKS[links.get("logits", "softmax")](np.float64(outputs["logits"]))
    values = [outputs[name] for name in ("valence_arousal", "dimensions") if name in outputs]
    if values:
        found["dimensions"] = values[0]
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


_LINKS = {
    "softmax": _softmax,
    "sigmoid": lambda logits: 1 / (1 + np.exp(-logits)),
    "identity": lambda scores: np.clip(scores, 0, 1),
}


def named(outputs: Mapping[str, np.ndarray], labels: Labels) -> list[Answer]:
    """The rows of `standardised` outputs ``[N, ...]`` by name."""
    count = len(next(iter(outputs.values()), ()))
    parts = (
        _by_name(labels.classes, outputs.get("probabilities"), count),
        _by_name(labels.dimensions, outputs.get("dimensions"), count),
    )
    return list(zip(*parts))


def _by_name(names: Sequence[str], values: np.ndarray | None, count: int) -> list[dict[str, float]]:
    if values is None:
        return [{} for _ in range(count)]
    return [dict(zip(names, row.tolist())) for row in values]
