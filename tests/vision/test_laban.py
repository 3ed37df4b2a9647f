"""Laban features against a slow implementation that looks at one joint of one frame at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emojax.graphs.skeletons import BODY_18
from emojax.vision.laban import DESCRIPTOR_NAMES, FEATURE_NAMES, laban_descriptor, laban_features


def walk(frames=12, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    joints = np.concatenate(
        [rng.uniform(0, 300, (1, 18, 2)) + rng.normal(0, 9, (frames, 18, 2)).cumsum(0)], 0
    )
    confidence = np.where(rng.uniform(size=(frames, 18)) < missing, 0.05, 0.9)
    return np.concatenate([joints, confidence[..., None]], axis=-1)


def point(joints, t, i):
    """Coordinates, or None where missing."""
    if not 0 <= t < len(joints) or joints[t, i, 2] < 0.1 or not np.isfinite(joints[t, i]).all():
        return None
    return complex(*joints[t, i, :2])


def unit(joints):
    lengths = []
    for t in range(len(joints)):
        for a, b in BODY_18.edges:
            p, q = point(joints, t, a), point(joints, t, b)
            if p is not None and q is not None:
                lengths.append(abs(p - q))
    return sum(lengths) / len(lengths)


def derivative(joints, t, i, order):
    """Binomial forward difference of a point, None where any of its frames is missing."""
    total = 0
    for k in range(order + 1):
        p = point(joints, t + k, i)
        if p is None:
            return None
        total += (-1) ** (order - k) * math.comb(order, k) * p
    return abs(total)


def angle(joints, t, a, b, c):
    points = [point(joints, t, i) for i in (a, b, c)]
    if None in points:
        return None
    p, q, r = points
    u, v = p - q, q - r
    return math.acos(max(-1, min(1, (u * v.conjugate()).real / (abs(u) * abs(v)))))


def angular(joints, t, abc, order):
    values = [angle(joints, t + k, *abc) for k in range(order + 1)]
    if None in values:
        return None
    return sum((-1) ** (order - k) * math.comb(order, k) * v for k, v in enumerate(values))


def both(values):
    there = [v for v in values if v is not None]
    return sum(there) / len(there) if there else math.nan


def slow(joints):
    s = unit(joints)
    right = dict(hip=8, knee=9, foot=10, shoulder=2, elbow=3, hand=4, ear=16, eye=14, neck=1, nose=0)
    left = dict(hip=11, knee=12, foot=13, shoulder=5, elbow=6, hand=7, ear=17, eye=15, neck=1, nose=0)
    names = (
        "foot knee hip,hip neck shoulder,shoulder elbow hand,shoulder neck nose,neck nose ear,nose ear eye"
    )
    names += ",hip neck nose,knee hip neck"
    triples = [n.split() for n in names.split(",")]
    moving = ["shoulder", "elbow", "hand", "hip", "knee", "foot"]
    rows = []
    for t in range(len(joints)):

        def apart(a, b, t=t):
            p, q = point(joints, t, a), point(joints, t, b)
            return None if p is None or q is None else abs(p - q) / s

        def turns(order, t=t):
            return [
                both([angular(joints, t, [side[j] for j in n], order) for side in (right, left)])
                for n in triples
            ]

        def speeds(order, t=t):
            sides = ([derivative(joints, t, side[j], order) for side in (right, left)] for j in moving)
            return [both([None if v is None else v / s for v in pair]) for pair in sides]

        visible = [p for p in (point(joints, t, i) for i in range(18)) if p is not None]
        hips = [point(joints, t, i) for i in (8, 11)]
        pelvis = None if None in hips else sum(hips) / 2
        neck = point(joints, t, 1)

        def area(members, t=t):
            there = [p for p in (point(joints, t, i) for i in members) if p is not None]
            if not there:
                return math.nan
            xs, ys = [p.real for p in there], [p.imag for p in there]
            return (max(xs) - min(xs)) * (max(ys) - min(ys)) / s**2

        rows.append(
            [
                both([apart(10, 8), apart(13, 11)]),
                both([apart(4, 2), apart(7, 5)]),
                both([apart(4, 7)]),
                both([apart(4, 0), apart(7, 0)]),
                math.nan if pelvis is None or not visible else abs(sum(visible) / len(visible) - pelvis) / s,
                both([apart(10, 13)]),
                *turns(0),
                *speeds(1),
                *turns(1),
                *speeds(2),
                *turns(2),
                *speeds(3),
                area(range(18)),
                area([*range(8), 14, 15, 16, 17]),
                area(range(8, 14)),
                area([5, 6, 7, 11, 12, 13]),
                area([2, 3, 4, 8, 9, 10]),
                math.nan if pelvis is None or neck is None else abs(neck - pelvis) / s,
            ]
        )
    return np.array(rows)


@pytest.mark.parametrize("missing", [0.0, 0.2, 0.7])
def test_features_equal_the_slow_ones_with_and_without_missing_joints(missing):
    joints = walk(missing=missing)
    got = laban_features(joints)
    assert got.shape == (12, 54) == (12, len(FEATURE_NAMES))
    np.testing.assert_allclose(got, slow(joints), rtol=2e-4, atol=2e-5)


def test_features_do_not_depend_on_where_and_how_large_the_person_is():
    joints = walk()
    moved = joints.copy()
    moved[..., :2] = 3.5 * joints[..., :2] + [40, -7]
    np.testing.assert_allclose(laban_features(moved), laban_features(joints), rtol=1e-3, atol=1e-5)


def test_a_derivative_has_no_value_in_the_last_frames():
    features = laban_features(walk(6))
    orders = {"speed_hand": 1, "acceleration_hand": 2, "jerk_hand": 3}
    for name, order in orders.items():
        column = features[:, FEATURE_NAMES.index(name)]
        assert np.isfinite(column[:-order]).all() and np.isnan(column[-order:]).all()


def test_the_descriptor_has_four_statistics_of_each_feature_and_leaves_missing_frames_out():
    features = laban_features(walk(missing=0.3))
    descriptor = laban_descriptor(features)
    assert descriptor.shape == (216,) == (len(DESCRIPTOR_NAMES),)
    column = features[:, 8]
    there = column[np.isfinite(column)].astype(np.float64)
    expected = [there.max(), there.min(), there.mean(), there.std()]
    np.testing.assert_allclose(descriptor[8::54], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "joints",
    [walk(missing=1.1), np.full((5, 18, 3), np.nan), walk(1), np.ones((4, 18, 3))],
    ids=["nobody", "not finite", "one frame", "all joints at one point"],
)
def test_a_sequence_that_shows_little_or_nothing_has_a_finite_descriptor(joints):
    assert np.isfinite(laban_descriptor(laban_features(joints))).all()
