"""What the synthetic clips of BoLD show in each modality, and that the order of frames matters."""

from __future__ import annotations

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from data_prep.bold.flow import RANGE
from data_prep.synthetic.bodies import pose_body
from data_prep.synthetic.bold import clip as clips
from data_prep.synthetic.bold.clip import FRAMES_PER_SECOND, draw_clip, plan_clip
from data_prep.synthetic.bold.motion import MOTIONS
from data_prep.synthetic.bold.rule import RULES
from emojax.models.laban_nets import LabanLSTM

SIZE = (320, 240)
_PIXELS_A_METRE = 66  # of a person in the middle distance
_FLOW_STEP = 2 * RANGE / 255  # smallest displacement that stored flow tells


def _sequences(motions, count: int, seed: int, frames: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Joints ``[count, frames, 50]`` in metres with the noise of the pose estimator, and which motion ``[count]``."""
    rng = np.random.default_rng(seed)
    which, noise = rng.integers(len(motions), size=count), clips._JOINT_NOISE / _PIXELS_A_METRE
    joints = []
    for motion in which:
        person, mirrored, height = int(rng.integers(1 << 30)), bool(rng.random() < 0.5), rng.uniform(0.9, 1.1)
        moments = [MOTIONS[motions[motion]](0.0, share, 1.0) for share in np.linspace(0, 1, frames)]
        bodies = [
            pose_body(
                m.posture,
                ("loose", "loose"),
                mirrored=mirrored,
                height=height,
                rng=np.random.default_rng(person),  # the same play in every frame, as in a clip
            )
            for m in moments
        ]
        joints.append([body.joints[:25].ravel() for body in bodies])
    joints = np.array(joints, np.float32)
    return joints + rng.normal(0, noise, joints.shape).astype(np.float32), which


def _shuffled(sequences: np.ndarray, seed: int) -> np.ndarray:
    orders = np.tile(np.arange(sequences.shape[1]), (len(sequences), 1))
    orders = np.random.default_rng(seed).permuted(orders, axis=1)
    return np.take_along_axis(sequences, orders[..., None], axis=1)


class _Order(nn.Module):
    @nn.compact
    def __call__(self, joints):
        return nn.Dense(1)(LabanLSTM(hidden=8, layers=1)(joints, train=True)["features"])[:, 0]


def test_shuffled_frames_lose_fatigue_that_a_network_reads_from_their_order():
    motions = (
        "slump",
        "rise",
    )  # the same postures in opposite order; the first causes fatigue, the second does not
    assert [(fact, value) for fact, value, _ in RULES["fatigue"]] == [("motion", "slump")]
    (train, label), (test, truth) = _sequences(motions, 120, 0), _sequences(motions, 160, 1)
    mean, std = train.mean(axis=(0, 1)), train.std(axis=(0, 1))
    net, tx = _Order(), optax.adam(0.01)

    @jax.jit
    def fit(joints):
        def step(carry, _):
            params, state = carry
            loss = lambda p: optax.sigmoid_binary_cross_entropy(net.apply(p, joints), label).mean()  # noqa: E731
            updates, state = tx.update(jax.grad(loss)(params), state)
            return (optax.apply_updates(params, updates), state), None

        params = net.init(jax.random.key(0), joints[:2])
        return jax.lax.scan(step, (params, tx.init(params)), None, 80)[0][0]

    def accuracy(seed: int | None) -> float:
        parts = []
        for part in (train, test):
            part = (part - mean) / std
            parts.append(jnp.asarray(part if seed is None else _shuffled(part, seed)))
        return float(((net.apply(fit(parts[0]), parts[1]) > 0) == truth).mean())

    assert accuracy(None) >= 0.95
    assert accuracy(seed=2) <= 0.66  # of 160 clips: chance and four standard deviations


def _one_actor(motion: str, **changes) -> clips.Clip:
    """A clip of one person under a camera at rest."""
    plan = plan_clip("train", 0, 0, 8, 8, SIZE)
    actor = dataclasses.replace(plan.actors[0], motion=motion, x=0.0, z=5.0)
    return dataclasses.replace(plan, pan=0.0, actors=(actor,), **changes)


def test_only_pictures_show_the_place_and_joints_and_motion_do_not():
    """Sympathy is caused by the place alone: its joints are the same elsewhere, and what is at rest has no flow."""
    assert {fact for fact, _, _ in RULES["sympathy"]} == {"kind"}
    clip = _one_actor("still")
    places = [dataclasses.replace(clip.scene, kind=kind) for kind in ("hospital", "beach")]
    hospital, beach = (list(draw_clip(dataclasses.replace(clip, scene=place))) for place in places)
    for (image, joints), (other, same) in zip(hospital, beach, strict=True):
        np.testing.assert_array_equal(joints, same)
        assert np.abs(image.astype(int) - other).mean() > 10
    for drawn in (hospital, beach):
        strips = [image[:, :40] for image, _ in drawn]
        assert all(np.array_equal(strip, strips[0]) for strip in strips)


def test_only_flow_shows_trembling_which_the_noise_of_joints_hides():
    """Sensitivity is caused by trembling alone: less than the noise of joints, many steps of stored flow."""
    assert [(fact, value) for fact, value, _ in RULES["sensitivity"]] == [("motion", "tremble")]
    clip = _one_actor("tremble")
    moments = [MOTIONS["tremble"](i / FRAMES_PER_SECOND, 0.0, 1.0) for i in range(50)]
    places = np.array([m.shiver for m in moments]) * clip.camera.scale(clip.actors[0].z)
    assert all(m.posture == moments[0].posture for m in moments)  # a single picture shows a person at rest
    assert np.abs(places).max() < clips._JOINT_NOISE
    assert np.abs(np.diff(places)).max() > 5 * _FLOW_STEP
