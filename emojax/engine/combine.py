"""Outputs of several runs as those of one: an ensemble of systems, or the folds of one system (design 7.7).

Everything here works on `emojax.engine.outputs.Outputs`: neither networks nor data are needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from emojax.data.folds import POOL_RECORD, pool
from emojax.engine.outputs import Outputs
from emojax.errors import ConfigError, DataError

METHODS = ("mean", "weighted_mean", "maximum")
SPACES = ("probabilities", "logits")
_SUM_TOLERANCE = 1e-6
_KEY = "source_id"


def require_weights(weights: Sequence[float] | None, count: int, method: str) -> np.ndarray:
    """The weight of each of `count` members, ``[count]`` float64; equal ones where the method takes none.

    Raises:
        ConfigError: an unknown method, another number of weights, weights that are not positive, do not sum to one, or
            stand beside a method that takes none.
    """
    if method not in METHODS:
        raise ConfigError(f"The method is one of {', '.join(METHODS)}, not {method!r}.")
    if count < 2:
        raise ConfigError(f"An ensemble has at least two members, not {count}.")
    if method != "weighted_mean":
        if weights is not None and len(set(weights)) > 1:
            raise ConfigError(
                f"The method {method!r} takes no weights: use weighted_mean, or leave them out."
            )
        return np.full(count, 1 / count)
    if weights is None or len(weights) != count:
        raise ConfigError(f"There are {count} members, but {len(weights or ())} weights.")
    values = np.asarray(weights, np.float64)
    if not np.isfinite(values).all() or (values <= 0).any():
        raise ConfigError(f"Weights are positive numbers, not {list(weights)}.")
    if abs(values.sum() - 1) > _SUM_TOLERANCE:
        raise ConfigError(f"The weights {list(weights)} sum to {values.sum():g}, not to 1.")
    return values


def align(members: Sequence[Outputs], truths: Sequence[str] = ()) -> list[Outputs]:
    """The members with their examples in the same order.

    Examples are the same where their `source_id` is; where the data have none, or not one for each example, where the
    example number in the same split is.

    Args:
        members: any number of outputs.
        truths: names of arrays that hold the truth.

    Raises:
        DataError: other classes, other dimensions, another split, other examples, or another truth; names both.
    """
    first, *others = members
    for other in others:
        first.labels.require_equal(other.labels, mine=_name(first), theirs=_name(other))
        if first.meta["split"] != other.meta["split"]:
            raise DataError(
                f"{_name(first)} are outputs of the split {first.meta['split']!r}, {_name(other)} of "
                f"{other.meta['split']!r}. Evaluate both on the same split."
            )
    by_source = all(_is_key(member.ids.get(_KEY)) for member in members)
    if not by_source:
        for other in others:
            if first.meta["content_hash"] != other.meta["content_hash"]:
                raise DataError(
                    f"The examples of {_name(first)} and {_name(other)} cannot be matched: the data name no source of "
                    "each example, and the two were evaluated on different records."
                )
    keys = [member.ids[_KEY] if by_source else member.arrays["index"] for member in members]
    # The order of the smallest example numbers: that of the data set where all have the same.
    wanted = keys[0][np.argsort(first.arrays["index"], kind="stable")]
    aligned = [_in_order(member, key, wanted, first) for member, key in zip(members, keys)]
    for other in aligned[1:]:
        _require_same_truth(aligned[0], other, truths, wanted)
    return aligned


def fuse(
    members: Sequence[Outputs],
    weights: np.ndarray,
    method: str,
    links: Mapping[str, str],
    *,
    space: str = SPACES[0],
) -> dict[str, np.ndarray]:
    """Combined predictions ``[N, ...]`` float32 of aligned members; the same to the bit for any order of members.

    Args:
        members: see `align`.
        weights: ``[M]``, sum 1; see `require_weights`.
        method: of `METHODS`.
        links: output -> how it becomes a probability or a value: `identity`, `sigmoid`, `softmax`; see
            `emojax.systems.measure.Measure`.
        space: `probabilities`: combine after the link, and take it back; `logits`: combine what the networks predict.

    Raises:
        ConfigError: an unknown space.
        DataError: a member lacks an output that another has, or has it in another shape.
    """
    if space not in SPACES:
        raise ConfigError(f"The space is one of {', '.join(SPACES)}, not {space!r}.")
    fused = {}
    for name, link in links.items():
        there = [member for member in members if name in member.arrays]
        if not there:
            continue
        for member in members:
            shape = np.shape(member.arrays.get(name))
            if name not in member.arrays or shape != there[0].arrays[name].shape:
                raise DataError(
                    f"{_name(there[0])} has {name!r} of shape {there[0].arrays[name].shape}, {_name(member)} "
                    f"{f'of shape {shape}' if name in member.arrays else 'has none'}: they cannot be combined."
                )
        values = np.stack([member.arrays[name] for member in members]).astype(np.float64)
        link = "identity" if space == "logits" else link
        fused[name] = _fuse_one(values, weights, method, link).astype(np.float32)
    if not fused:
        raise DataError(f"{_name(members[0])} has none of the outputs that are combined: {', '.join(links)}.")
    return fused


def _fuse_one(values: np.ndarray, weights: np.ndarray, method: str, link: str) -> np.ndarray:
    """``[M, N, ...] -> [N, ...]``."""
    if method == "maximum" and link != "softmax":  # the others rise with what they link
        return values.max(axis=0)
    if link == "identity":
        return _mean(values, weights)
    if link == "sigmoid":  # both logarithms, so that a certain member does not saturate
        return np.log(_mean(_sigmoid(values), weights)) - np.log(_mean(_sigmoid(-values), weights))
    if link == "softmax":
        shares = np.exp(values - values.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        together = shares.max(axis=0) if method == "maximum" else _mean(shares, weights)
        return np.log(np.maximum(together, np.finfo(np.float32).tiny))
    raise ValueError(f"unknown link {link!r}")


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean over the first axis; sorted first, so that no rounding depends on the order of the members."""
    return np.sort(values * weights.reshape(-1, *[1] * (values.ndim - 1)), axis=0).sum(axis=0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))


def pool_folds(parts: Sequence[Outputs]) -> Outputs:
    """The validation outputs of all folds of one division as those of one split.

    Raises:
        DataError: outputs of no fold or of several divisions or systems, or folds that are missing or come twice.
    """
    for part in parts:
        if part.meta["fold"] is None:
            raise DataError(f"{_name(part)} are not the outputs of a fold: train with --fold K/N.")
        if part.meta["split"] != "validation":
            raise DataError(
                f"{_name(part)} are of the split {part.meta['split']!r}; folds are pooled by validation."
            )
    first = parts[0]
    for part in parts[1:]:
        first.labels.require_equal(part.labels, mine=_name(first), theirs=_name(part))
        if part.meta["system"] != first.meta["system"]:
            raise DataError(
                f"{_name(first)} and {_name(part)} are of different systems: pool the folds of one."
            )
        if _division(part) != _division(first):
            raise DataError(
                f"{_name(first)} and {_name(part)} are not folds of the same division of the same data."
            )
    numbers, of = [part.meta["fold"]["k"] for part in parts], first.meta["fold"]["of"]
    missing = sorted(set(range(1, of + 1)) - set(numbers))
    twice = sorted({k for k in numbers if numbers.count(k) > 1})
    if missing or twice:
        what = (
            f"fold {', '.join(map(str, missing))} of {of} is missing"
            if missing
            else f"fold {twice[0]} comes twice"
        )
        raise DataError(f"The folds of {first.meta['system']} are not whole: {what}.")
    ordered = sorted(parts, key=lambda part: part.meta["fold"]["k"])
    names = set.intersection(*({*part.arrays} for part in ordered))
    ids = set.intersection(*({*part.ids} for part in ordered)) - {POOL_RECORD}
    together = pool([
        {**{n: p.arrays[n] for n in names}, **{f"ids/{n}": p.ids[n] for n in ids}, POOL_RECORD: p.ids[POOL_RECORD]}
        for p in ordered
    ])  # fmt: skip
    meta = {**first.meta, "fold": None, "content_hash": first.meta["fold"]["content_hash"], "step": 0}
    ids = {n.removeprefix("ids/"): together.pop(n) for n in list(together) if n.startswith("ids/")}
    return Outputs(
        together, {**ids, "fold": together.pop("fold")}, meta, f"the {of} folds of {meta['system']}"
    )


def intervals(
    arrays: Mapping[str, np.ndarray],
    groups: np.ndarray,
    measure: Callable[[Mapping[str, np.ndarray]], Mapping],
    *,
    draws: int,
    seed: int = 0,
) -> dict[str, object]:
    """Bootstrap intervals of metrics: groups (people, videos) are drawn with replacement, all examples of each.

    Args:
        arrays: predictions and truth ``[N, ...]``.
        groups: ``[N]``, what stays together.
        measure: arrays -> metrics; those that are numbers get an interval.
        draws: number of resamples.
        seed: of the draws.

    Returns:
        ``intervals`` metric -> [low, high], the 2.5 and 97.5 percentiles; ``groups``, ``draws``, and ``unmeasured``
        the draws on which the measure failed (a class without examples) and which are left out.

    Raises:
        DataError: a single group, or more than half of the draws cannot be measured.
    """
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError("All examples are of one group: there is nothing to compute an interval from.")
    rows = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])
    rng, values, failed = np.random.default_rng(seed), [], 0
    for _ in range(draws):
        chosen = np.concatenate([rows[i] for i in rng.integers(0, len(names), len(names))])
        try:
            found = measure({name: column[chosen] for name, column in arrays.items()})
        except DataError:
            failed += 1
            continue
        values.append(
            {k: v for k, v in found.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
        )
    if 2 * failed > draws:
        raise DataError(
            f"{failed} of {draws} bootstrap samples of {len(names)} groups cannot be measured: too few groups."
        )
    shared = [name for name in values[0] if all(name in one for one in values)]
    columns = {name: np.array([one[name] for one in values], np.float64) for name in shared}
    ends = {n: np.percentile(v, [2.5, 97.5]).tolist() for n, v in columns.items() if np.isfinite(v).all()}
    return {"intervals": ends, "groups": len(names), "draws": draws, "unmeasured": failed}


def _name(outputs: Outputs) -> str:
    return f"{outputs.meta['system']} ({outputs.where})"


def _division(outputs: Outputs) -> dict:
    return {name: value for name, value in outputs.meta["fold"].items() if name != "k"}


def _is_key(values: np.ndarray | None) -> bool:
    return values is not None and len(np.unique(values)) == len(values)


def _in_order(member: Outputs, key: np.ndarray, wanted: np.ndarray, first: Outputs) -> Outputs:
    """A member with its examples in the order `wanted` of those of `first`."""
    mine, theirs = set(key.tolist()), set(wanted.tolist())
    if mine != theirs:
        missing, more = sorted(theirs - mine), sorted(mine - theirs)
        lacks = f"{len(missing)} are missing, e.g. {missing[0]!r}" if missing else ""
        has = f"{len(more)} are in the other alone, e.g. {more[0]!r}" if more else ""
        raise DataError(
            f"{_name(member)} has other examples than {_name(first)}: {' and '.join(t for t in (lacks, has) if t)}. "
            "Evaluate both on the same split of the same data."
        )
    order = np.argsort(key, kind="stable")
    return member.rows(order[np.searchsorted(key[order], wanted)])


def _require_same_truth(first: Outputs, other: Outputs, truths: Sequence[str], wanted: np.ndarray) -> None:
    for name in truths:
        if name not in first.arrays or name not in other.arrays:
            continue
        a, b = first.arrays[name], other.arrays[name]
        same = a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        if not same:
            at = ""
            if a.shape == b.shape:
                differs = (a != b) & ~((a != a) & (b != b))
                at = f" of {wanted[int(np.argmax(differs.reshape(len(a), -1).any(axis=1)))].item()!r}"
            raise DataError(
                f"The truth {name!r}{at} differs between {_name(first)} and {_name(other)}: they were evaluated "
                "on data with different labels."
            )


def joined(members: Sequence[Outputs], fused: Mapping[str, np.ndarray], drop: Sequence[str]) -> Outputs:
    """The outputs of an ensemble: combined predictions, and of the first aligned member what is no prediction.

    Args:
        members: see `align`.
        fused: see `fuse`.
        drop: other predictions of the first member, which are not of the ensemble.
    """
    first = members[0]
    kept = {name: values for name, values in first.arrays.items() if name not in drop}
    return dataclasses.replace(first, arrays={**kept, **fused})
