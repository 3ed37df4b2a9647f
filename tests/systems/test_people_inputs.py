"""What the streams of people see: augmented in training alone, each image for itself, the body at its own size."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.emotic import get_config
from emojax.data.augment import IMAGENET_MEAN, IMAGENET_STD
from emojax.systems.people.inputs import StreamInputs

SIZE = 48


@pytest.fixture
def batch():
    image = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    same = np.repeat(image, 3, axis=0)  # one picture for three people and both streams
    return {"body": same, "context": same, "body_box": np.array([[4, 4, 20, 40]] * 3, np.float32)}


def inputs(**changes) -> StreamInputs:
    config = get_config("emotic_kosti_bc_public")
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    return StreamInputs(config, ("body", "context"), jnp.float32)


KEYS = jax.random.split(jax.random.key(0), 3)


def test_every_image_of_every_person_is_augmented_for_itself_and_only_in_training(batch):
    make = inputs(model__body_size=0)
    trained = jax.jit(make)(batch, {}, KEYS)
    seen = np.concatenate([trained["body"], trained["context"]])
    assert all((seen[i] != seen[j]).any() for i in range(6) for j in range(i))
    plain = (batch["body"] / np.float32(255) - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    for images in (make(batch, {}), inputs(augment="none", model__body_size=0)(batch, {}, KEYS)):
        np.testing.assert_allclose(images["body"], plain, atol=1e-5)
        np.testing.assert_allclose(images["context"], plain, atol=1e-5)


def test_what_a_person_gets_depends_on_the_own_key_alone(batch):
    make = inputs()
    whole = jax.jit(make)(batch, {}, KEYS)
    alone = jax.jit(make)({k: v[1:2] for k, v in batch.items()}, {}, KEYS[1:2])
    for name, images in alone.items():
        np.testing.assert_allclose(images[0], whole[name][1], atol=1e-6)


def test_the_agent_is_hidden_before_the_picture_is_flipped(batch):
    """A flip after the masking takes the black box with it."""
    images = inputs(model__mask_context=True)(batch, {}, jax.random.split(jax.random.key(3), 3))["context"]
    box = np.zeros((SIZE, SIZE), bool)
    box[4:40, 4:20] = True
    for image in np.asarray(images):  # a change of contrast may lighten the black
        assert np.ptp(image[box], axis=0).max() < 1e-6 or np.ptp(image[box[:, ::-1]], axis=0).max() < 1e-6


def test_the_body_has_its_own_size(batch):
    made = inputs(model__body_size=16, augment="none")(batch, {})
    assert made["body"].shape == (3, 16, 16, 3) and made["context"].shape == (3, SIZE, SIZE, 3)
    flat = {**batch, "body": np.full_like(batch["body"], 100)}
    grey = (100 / 255 - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    np.testing.assert_allclose(
        inputs(model__body_size=16)(flat, {})["body"], np.broadcast_to(grey, (3, 16, 16, 3)), atol=1e-5
    )
    example = inputs().example(SIZE, {})
    assert example["body"].shape == (2, 128, 128, 3) and example["context"].shape == (2, SIZE, SIZE, 3)
