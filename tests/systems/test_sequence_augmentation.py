"""Light augmentation: alike for all that an example holds, whatever the devices (image_sequences spec 1.10)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from configs import sasefe
from emojax import systems
from emojax.engine.mesh import DATA_AXIS, data_mesh
from emojax.engine.step import sample_keys
from emojax.errors import ConfigError
from emojax.systems.sequences.augment import light
from emojax.vision.geometry68 import MIRROR_68

SIDE = 28  # enlarged to 30
ROWS = 16
BOTH = ("face", "frontal")


def example_batch():
    """Streams of two frames that are equal in each example, and a geometry that is not symmetric."""
    rng = np.random.default_rng(0)
    still = rng.integers(0, 256, (ROWS, 1, SIDE, SIDE, 3), np.uint8)
    clip = np.repeat(still, 2, axis=1)
    geometry = rng.normal(size=(ROWS, 136)).astype(np.float32)
    return {"face": clip, "frontal": clip.copy(), "geometry": geometry}


@jax.jit
def changed_by(seed, batch):
    """The batch under the keys of `ROWS` examples."""
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.arange(ROWS))
    return light(keys, batch, BOTH)


def pictures(values):
    """A batch whose streams hold the same pictures ``[H, W]`` in all examples."""
    clip = np.broadcast_to(values[..., None], (ROWS, 2, SIDE, SIDE, 3)).astype(np.uint8)
    return {**example_batch(), "face": clip, "frontal": clip}


def test_frames_and_streams_of_an_example_change_alike_and_examples_change_apart():
    changed = changed_by(0, example_batch())
    face = np.asarray(changed["face"])
    np.testing.assert_array_equal(face[:, 0], face[:, 1])
    np.testing.assert_array_equal(face, changed["frontal"])
    assert face.shape == (ROWS, 2, SIDE, SIDE, 3) and face.dtype == np.float32
    assert face.min() >= 0 and face.max() <= 255 and face.std() > 20
    assert not np.allclose(changed_by(1, example_batch())["face"], face)


def test_a_flipped_face_has_mirrored_landmarks_with_the_numbers_of_the_other_side():
    batch = pictures(np.tile(np.arange(SIDE) * 8, (SIDE, 1)))  # brighter to the right
    changed = {name: np.asarray(value) for name, value in changed_by(0, batch).items()}
    flipped = changed["face"][:, 0, :, 0].mean((1, 2)) > changed["face"][:, 0, :, -1].mean((1, 2))
    assert 0 < flipped.sum() < ROWS
    points = batch["geometry"].reshape(ROWS, 68, 2)
    expected = np.where(flipped[:, None, None], points[:, MIRROR_68] * (-1, 1), points)
    np.testing.assert_allclose(changed["geometry"].reshape(ROWS, 68, 2), expected, atol=1e-6)


def test_brightness_changes_by_at_most_a_tenth_and_the_crop_by_a_fifteenth_of_the_side():
    """Grey pictures have no contrast: only brightness moves them. A dot in the middle moves by the crop alone."""
    level = np.asarray(changed_by(0, pictures(np.full((SIDE, SIDE), 100)))["face"])[:, 0, 5, 5, 0]
    assert 90 <= level.min() < 97 and 103 < level.max() <= 110
    dot = np.zeros((SIDE, SIDE))
    dot[13:15, 13:15] = 200
    moved = np.asarray(changed_by(0, pictures(dot))["face"])[:, 0, ..., 0]
    moved = moved - moved[:, :1, :1]  # contrast lifts the black
    rows = (moved.sum(axis=2) * np.arange(SIDE)).sum(axis=1) / moved.sum(axis=(1, 2))
    middle = 13.5 + 1  # of the enlarged picture, whose side is larger by two
    assert set(np.rint(middle - rows).astype(int)) == {0, 1, 2}


def test_what_an_example_becomes_depends_on_its_key_alone_and_not_on_its_neighbours():
    """So a batch divided over devices is changed as on one."""
    batch, other = example_batch(), example_batch()
    for name in BOTH:
        other[name] = other[name].copy()
        other[name][:8] = 0
    whole, mixed = changed_by(0, batch), changed_by(0, other)
    for name in (*BOTH, "geometry"):
        np.testing.assert_array_equal(whole[name][8:], mixed[name][8:])


def test_eight_devices_change_a_batch_as_one():
    batch = {**example_batch(), "position": np.arange(ROWS)}
    key, rows = jax.random.key(3), PartitionSpec(DATA_AXIS)
    changed = []
    for count in (1, 8):
        mesh = data_mesh(jax.devices()[:count])
        step = jax.shard_map(
            lambda part: light(sample_keys(key, part["position"]), part, BOTH),
            mesh=mesh,
            in_specs=rows,
            out_specs=rows,
        )
        changed.append(jax.jit(step)(batch))
    for name in (*BOTH, "geometry"):
        np.testing.assert_allclose(*(np.asarray(one[name]) for one in changed), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("changes", [{"augment": "full"}, {"augment": "light", "model.cached": 64}])
def test_an_unknown_augmentation_and_one_of_stored_features_are_refused(changes):
    config = sasefe.get_config("sase12_cnn_face")
    recipe = systems.stand_in(config)
    assert config.augment == "none"
    config.update_from_flattened_dict(changes)
    with pytest.raises(ConfigError, match="config.augment"):
        systems.build(config, recipe)
