"""Finds the state dict in what a pickle holds: the tensors of a network by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from emojax.errors import CheckpointError
from emojax.pretrained.pickled import Inert, NumPyArray, Tensor, TorchTensor

# Under which names people keep a state dict.
USUAL_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network")
_DEPTH = 3  # of containers that are looked into


def find_tensors(content: Any, key: str | None = None) -> dict[str, Tensor]:
    """The state dict in what was saved: itself, or under a usual name, or the only one that there is.

    A whole network that was pickled has a state dict, too.

    Args:
        content: what `ArrayUnpickler` loaded.
        key: where it is, with dots between the names of containers; None looks for it.

    Raises:
        CheckpointError: there is none, or several; tells what there is.
    """
    if key is not None:
        node = content
        for name in key.split("."):
            node = _entries(node).get(name)
        tensors = _find(node, key) or _own_tensors(node)
        if not tensors:
            raise CheckpointError(f"it has no state dict under {key}; {_described(content)}")
        return tensors
    tensors = _find(content, "") or _own_tensors(content)
    if tensors:
        return tensors
    others = {k: t for k, v in _entries(content).items() if (t := _own_tensors(v)) and not _is_optimiser(k)}
    if len(others) != 1:
        looked = ", ".join(USUAL_KEYS)
        raise CheckpointError(f"it holds no state dict (looked under {looked}); {_described(content)}")
    return next(iter(others.values()))


def other_state_dicts(content: Any, chosen: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names under which what was saved holds as many other tensors as were chosen, e.g. averaged weights."""
    found = {k: _find(v, "") or _own_tensors(v) for k, v in _entries(content).items() if not _is_optimiser(k)}
    known = {id(tensor) for tensor in chosen.values()}
    return tuple(
        k for k, t in found.items() if len(t) == len(chosen) and known.isdisjoint(map(id, t.values()))
    )


def _find(node: Any, path: str, depth: int = 0) -> dict[str, Tensor]:
    """What lies under a usual name."""
    found = {}
    for name, value in _entries(node).items():
        if name in USUAL_KEYS and depth < _DEPTH:
            tensors = _find(value, f"{path}{name}.", depth + 1) or _own_tensors(value)
            found |= {f"{path}{name}": tensors} if tensors else {}
    if len(found) > 1:
        raise CheckpointError(f"it holds several state dicts: choose one with --key {' or '.join(found)}")
    return next(iter(found.values()), {})


def _own_tensors(node: Any) -> dict[str, Tensor]:
    """Tensors by name of a mapping, or of a pickled network."""
    state = node.state if isinstance(node, Inert) else None
    if isinstance(state, Mapping) and "_modules" in state:
        return _module_tensors(state)
    return {k: v for k, v in _entries(node).items() if _is_tensor(v)}


def _module_tensors(state: Mapping, depth: int = 0) -> dict[str, Tensor]:
    hidden = state.get("_non_persistent_buffers_set") or ()
    hidden = hidden if isinstance(hidden, (set, tuple)) else ()
    tensors = {}
    for kind in ("_parameters", "_buffers"):
        tensors |= {k: v for k, v in _entries(state.get(kind)).items() if _is_tensor(v) and k not in hidden}
    for name, module in _entries(state.get("_modules")).items():
        inner = getattr(module, "state", None)
        if isinstance(inner, Mapping) and depth < 30:
            tensors |= {f"{name}.{k}": v for k, v in _module_tensors(inner, depth + 1).items()}
    return tensors


def _is_tensor(value: Any) -> bool:
    return isinstance(value, TorchTensor) or (isinstance(value, NumPyArray) and value.is_numeric)


def _is_optimiser(key: str) -> bool:
    return bool(re.search(r"optim|sched|scaler", key))


def _entries(node: Any) -> dict[str, Any]:
    """What a mapping, or an object that was filled like one, holds under names."""
    node = node.entries if isinstance(node, Inert) else node
    return {k: v for k, v in node.items() if isinstance(k, str)} if isinstance(node, Mapping) else {}


def _described(content: Any) -> str:
    entries = _entries(content)
    if not entries:
        return f"it is {getattr(content, 'name', '') or type(content).__name__}"
    counts = {k: len(_own_tensors(v)) for k, v in entries.items()}
    holders = [f"{k} ({n} tensors)" for k, n in counts.items() if n]
    chosen = f"; choose with --key: {', '.join(holders)}" if holders else ""
    return f"it has {list(entries)[:12]}{chosen}"
