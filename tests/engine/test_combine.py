"""Outputs of several runs as those of one: fused, pooled, with intervals; what does not belong together is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emojax.engine.combine import align, fuse, intervals, pool_folds, require_weights
from emojax.errors import ConfigError, DataError
from emojax.labels import Labels
from tests.engine.test_outputs import LABELS, make_outputs

LINKS = {"probabilities": "identity"}


def logits_of(values, name="a"):
    outputs = make_outputs(len(values), system=name)
    return dataclasses.replace(outputs, arrays={**outputs.arrays, "logits": np.asarray(values, np.float32)})


@given(st.permutations(range(4)), st.sampled_from(["mean", "weighted_mean", "maximum"]), st.integers(0, 99))
def test_the_order_of_the_members_changes_no_bit(order, method, seed):
    members = [make_outputs(6, system=f"s{i}", seed=100 * i + seed) for i in range(4)]
    weights = np.array([0.1, 0.2, 0.3, 0.4]) if method == "weighted_mean" else np.full(4, 0.25)
    expected = fuse(members, weights, method, LINKS)["probabilities"]
    again = fuse([members[i] for i in order], weights[list(order)], method, LINKS)["probabilities"]
    assert again.dtype == np.float32 and again.tobytes() == expected.tobytes()


def test_methods_are_the_mean_the_weighted_mean_and_the_maximum():
    members = [make_outputs(5, system=f"s{i}", seed=i) for i in range(3)]
    stack = np.stack([member.arrays["probabilities"] for member in members])
    for method, weights, expected in (
        ("mean", None, stack.mean(0)),
        ("maximum", None, stack.max(0)),
        ("weighted_mean", [0.4, 0.4, 0.2], 0.4 * stack[0] + 0.4 * stack[1] + 0.2 * stack[2]),
    ):
        found = fuse(members, require_weights(weights, 3, method), method, LINKS)
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)


def test_logits_are_averaged_as_probabilities_unless_asked_otherwise():
    values = (
        np.array([[0.0, 4.0, -3.0], [90.0, -90.0, 1.0]]),
        np.array([[2.0, -1.0, -3.0], [90.0, -90.0, 0.0]]),
    )
    members = [logits_of(v, name) for v, name in zip(values, "ab")]
    half = np.array([0.5, 0.5])
    sigmoid = [1 / (1 + np.exp(-v)) for v in values]
    fused = fuse(members, half, "mean", {"logits": "sigmoid"})["logits"]
    np.testing.assert_allclose(1 / (1 + np.exp(-fused[0])), (sigmoid[0] + sigmoid[1])[0] / 2, atol=1e-6)
    np.testing.assert_allclose(fused[1, :2], [90, -90], rtol=1e-6)  # certain members do not saturate
    raw = fuse(members, half, "mean", {"logits": "sigmoid"}, space="logits")["logits"]
    np.testing.assert_allclose(raw, (values[0] + values[1]) / 2, atol=1e-6)
    soft = [np.exp(v - v.max(1, keepdims=True)) for v in values]
    soft = [v / v.sum(1, keepdims=True) for v in soft]
    for method, expected in (("mean", (soft[0] + soft[1]) / 2), ("maximum", np.maximum(*soft))):
        found = np.exp(fuse(members, half, method, {"logits": "softmax"})["logits"])
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_member_alone_among_equals_is_itself():
    member = make_outputs(7)
    fused = fuse([member, member, member], np.array([0.5, 0.3, 0.2]), "weighted_mean", LINKS)
    np.testing.assert_allclose(fused["probabilities"], member.arrays["probabilities"], atol=1e-7)


@pytest.mark.parametrize(
    ("weights", "count", "method", "message"),
    [
        ([0.4, 0.4, 0.3], 3, "weighted_mean", "sum to 1.1, not to 1"),
        ([0.5, 0.5], 3, "weighted_mean", "3 members, but 2 weights"),
        ([1.5, -0.5], 2, "weighted_mean", "positive"),
        ([float("nan"), 1.0], 2, "weighted_mean", "positive"),
        ([0.4, 0.6], 2, "maximum", "takes no weights"),
        (None, 1, "mean", "at least two members"),
        (None, 2, "median", "mean, weighted_mean, maximum, not 'median'"),
    ],
)
def test_weights_that_are_none_are_refused(weights, count, method, message):
    with pytest.raises(ConfigError, match=message):
        require_weights(weights, count, method)


def test_examples_are_matched_by_their_source_whatever_their_order():
    first = make_outputs(6)
    other = make_outputs(6, system="other", seed=1, content_hash="of other shards")
    shuffled = other.rows(np.array([3, 1, 5, 0, 2, 4]))
    a, b = align([first, shuffled], ["label"])
    assert a.ids["source_id"].tolist() == b.ids["source_id"].tolist() == first.ids["source_id"].tolist()
    np.testing.assert_array_equal(b.arrays["probabilities"], other.arrays["probabilities"])


def without_sources(outputs):
    return dataclasses.replace(outputs, ids={})


def test_what_does_not_belong_together_is_refused_by_name():
    first, other = make_outputs(6, system="first"), make_outputs(6, system="other")
    renamed = make_outputs(6, system="other", labels=Labels(("glad", "calm", "sad"), LABELS.dimensions))
    with pytest.raises(
        DataError, match=r"classes differ.*first .*\['calm', 'glad', 'sad'\].*other .*\['glad', 'calm'"
    ):
        align([first, renamed])
    for fewer in (other.rows(np.arange(5)), make_outputs(7, system="other")):
        with pytest.raises(
            DataError, match=r"other \(the outputs\) has other examples than first.*video[23]/\u00e9[56]"
        ):
            align([first, fewer])
    with pytest.raises(DataError, match="first .* of the split 'validation', other .* of 'test'"):
        align([first, make_outputs(6, system="other", split="test")])
    wrong = dataclasses.replace(
        other, arrays={**other.arrays, "label": np.array([0, 1, 2, 0, 0, 2], np.int32)}
    )
    with pytest.raises(
        DataError, match="truth 'label' of 'video2/\u00e94.jpg' differs between first .* and other"
    ):
        align([first, wrong], ["label"])
    with pytest.raises(DataError, match="name no source of each example"):
        align([without_sources(first), without_sources(make_outputs(6, system="other", content_hash="x"))])
    assert len(align([without_sources(first), without_sources(other)])) == 2
    lacks = dataclasses.replace(other, arrays={"index": np.arange(6)})
    with pytest.raises(DataError, match="first .* has 'probabilities' of shape .*, other .* has none"):
        fuse([first, lacks], np.array([0.5, 0.5]), "mean", LINKS)


def folds(count=9, of=3, system="toy", **changes):
    """The outputs of each fold; the value of an example is its number."""
    for k in range(1, of + 1):
        rows = np.arange(k - 1, count, of)[::-1]
        fold = {"k": k, "of": of, "by": "subject", "pool": ["train"], "content_hash": "pool"}
        outputs = make_outputs(len(rows), system=system, seed=k, fold={**fold, **changes})
        arrays = {
            **outputs.arrays,
            "value": rows.astype(np.float32),
            "sequence": np.zeros(len(rows), np.int32),
        }
        ids = {"source_id": np.array([f"s{i}" for i in rows]), "pool_record": rows}
        yield dataclasses.replace(outputs, arrays=arrays, ids=ids)


def test_pooled_folds_are_every_example_once_in_order():
    pooled = pool_folds(list(folds())[::-1])
    assert pooled.arrays["value"].tolist() == pooled.arrays["index"].tolist() == list(range(9))
    assert pooled.ids["source_id"].tolist() == [f"s{i}" for i in range(9)]
    assert pooled.ids["fold"].tolist() == [0, 1, 2] * 3 and pooled.meta["fold"] is None
    assert pooled.arrays["sequence"].tolist() == [0, 1, 2] * 3  # each fold numbers its own from 0


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (lambda: list(folds())[:2], "fold 3 of 3 is missing"),
        (lambda: [*folds(), next(folds())], "fold 1 comes twice"),
        (lambda: [*list(folds())[:2], list(folds(by="video_id"))[2]], "not folds of the same division"),
        (lambda: [*list(folds())[:2], list(folds(system="other"))[2]], "of different systems"),
        (lambda: [make_outputs()], "not the outputs of a fold"),
    ],
)
def test_folds_that_are_not_one_division_are_refused(parts, message):
    with pytest.raises(DataError, match=message):
        pool_folds(parts())


def mean_of(arrays):
    return {"mean": float(arrays["x"].mean()), "text": "x", "count": len(arrays["x"])}


def test_intervals_are_those_of_the_groups_and_not_of_the_examples():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    arrays = {"x": rng.normal(0, 1, 40)[groups] + rng.normal(0, 0.1, 1000)}
    found = intervals(arrays, groups, mean_of, draws=400)
    low, high = found["intervals"]["mean"]
    means = np.array([arrays["x"][groups == g].mean() for g in range(40)])
    expected = 2 * 1.96 * means.std() / np.sqrt(40)
    assert high - low == pytest.approx(expected, rel=0.2) and low < arrays["x"].mean() < high
    assert (found["groups"], found["draws"], found["unmeasured"]) == (40, 400, 0)
    alone = intervals(arrays, np.arange(1000), mean_of, draws=200)["intervals"]["mean"]
    assert alone[1] - alone[0] < 0.4 * (high - low)
    assert intervals(arrays, groups, mean_of, draws=400) == found


def test_draws_that_cannot_be_measured_are_counted_and_too_many_refused():
    def measure(arrays):
        if len(np.unique(arrays["x"])) < needed:
            raise DataError("a class is missing")
        return {"metric": 1.0}

    arrays, groups = {"x": np.arange(4)}, np.arange(4)
    needed = 2
    assert 0 < intervals(arrays, groups, measure, draws=300)["unmeasured"] < 30
    needed = 4
    with pytest.raises(DataError, match="bootstrap samples of 4 groups cannot be measured"):
        intervals(arrays, groups, measure, draws=300)
    with pytest.raises(DataError, match="one group"):
        intervals(arrays, np.zeros(4), measure, draws=3)
