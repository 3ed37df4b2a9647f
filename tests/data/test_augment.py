"""Augmentation equals the independent implementations it is modelled on, and switches off exactly."""

from __future__ import annotations

import colorsys
import dataclasses

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from skimage import data as skimage_data

from emojax.data import augment as aug
from emojax.errors import ConfigError


def sample_keys(key, step, index):
    """One key a sample from the run's key, the step and the place in the batch, as the training step makes them."""
    step_key = jax.random.fold_in(key, step)
    return jax.vmap(lambda i: jax.random.fold_in(step_key, i))(index)


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """uint8 [4, 96, 96, 3]: real texture, odd places, no symmetry."""
    astronaut = skimage_data.astronaut()
    return np.stack(
        [astronaut[y : y + 96, x : x + 96] for y, x in ((20, 180), (300, 40), (0, 0), (200, 300))]
    )


def keys_for(n: int, seed: int = 0) -> jax.Array:
    return sample_keys(jax.random.key(seed), 0, jnp.arange(n))


def unit(images) -> np.ndarray:
    return np.asarray(images, np.float32) / np.float32(255)


def apply(images, **draws) -> np.ndarray:
    arrays = {name: jnp.asarray(value) for name, value in draws.items()}
    return np.asarray(jax.jit(lambda x, d: aug.apply_draws(x, aug.Draws(**d)))(jnp.asarray(images), arrays))


def factors(value: float, n: int) -> np.ndarray:
    return np.full(n, value, np.float32)


# --- identity ---------------------------------------------------------------------------------------------


def test_no_augmentation_returns_exactly_pixel_over_255():
    every_value = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, -1)
    result = jax.jit(lambda k, x: aug.augment(k, x, aug.PRESETS["none"]))(keys_for(1), every_value)
    assert result.dtype == jnp.float32
    np.testing.assert_array_equal(np.asarray(result), unit(every_value))


@pytest.mark.parametrize(
    "draws",
    [
        {"flip": np.zeros(4, bool)},
        {"angle": np.zeros(4, np.float32)},
        {"brightness": factors(1, 4)},
        {"flip": np.zeros(4, bool), "angle": np.zeros(4, np.float32), "brightness": factors(1, 4)},
    ],
)
def test_neutral_draws_return_the_input_exactly(photos, draws):
    np.testing.assert_array_equal(apply(photos, **draws), unit(photos))


@pytest.mark.parametrize(
    "draws", [{"contrast": factors(1, 4)}, {"saturation": factors(1, 4)}, {"hue": factors(0, 4)}]
)
def test_neutral_colour_draws_return_the_input_to_rounding(photos, draws):
    np.testing.assert_allclose(apply(photos, **draws), unit(photos), atol=1e-6)


def test_disabled_operations_compile_to_nothing(photos):
    def text(spec):
        return jax.jit(lambda k, x: aug.augment(k, x, spec)).lower(keys_for(4), photos).as_text("hlo")

    assert "gather" in text(aug.PRESETS["code"])
    nothing = text(aug.PRESETS["none"])
    for op in ("gather", "cosine", "reverse", "maximum", "shift"):
        assert op not in nothing, op
    assert "gather" not in text(aug.AugmentSpec(flip=0.5))


# --- geometry ---------------------------------------------------------------------------------------------


def test_flip_mirrors_columns(photos):
    flipped = apply(photos, flip=np.array([True, False, True, False]))
    np.testing.assert_array_equal(flipped[::2], unit(photos[::2, :, ::-1]))
    np.testing.assert_array_equal(flipped[1::2], unit(photos[1::2]))


@pytest.mark.parametrize("shape", [(96, 96), (95, 95), (60, 96)])
@pytest.mark.parametrize("degrees", [-30.0, -7.5, 12.34, 30.0])
def test_rotation_equals_opencv(photos, degrees, shape):
    image = np.ascontiguousarray(photos[0, : shape[0], : shape[1]])
    height, width = shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    expected = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_NEAREST)
    result = apply(image[None], angle=factors(np.deg2rad(degrees), 1))[0]
    differing = np.any(result != unit(expected), axis=-1)
    assert differing.mean() < 0.01  # OpenCV rounds coordinates in fixed point: only ties may differ
    assert (expected == 0).all(-1).mean() > 0.05  # there are black corners


@pytest.mark.parametrize("degrees", [-30.0, 12.34])
def test_rotation_equals_scipy_for_each_channel(photos, degrees):
    result = apply(photos[:1], angle=factors(np.deg2rad(degrees), 1))[0]
    for channel in range(3):
        expected = ndimage.rotate(photos[0, ..., channel], degrees, reshape=False, order=0, mode="constant")
        assert np.mean(result[..., channel] != unit(expected)) < 0.01


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_quarter_turns_are_exact_and_counter_clockwise(photos, quarter):
    result = apply(photos, angle=factors(quarter * np.pi / 2, 4))
    np.testing.assert_array_equal(result, unit(np.rot90(photos, quarter, axes=(1, 2))))


def test_flip_comes_before_rotation(photos):
    angle = factors(np.deg2rad(20.0), 4)
    both = apply(photos, flip=np.ones(4, bool), angle=angle)
    np.testing.assert_array_equal(both, apply(photos[:, :, ::-1], angle=angle))


def test_corners_stay_black_under_colour_jitter(photos):
    geometry = {"angle": factors(np.deg2rad(30.0), 4)}
    corners = apply(np.full_like(photos, 255), **geometry) == 0
    colours = {"contrast": factors(0.8, 4), "brightness": factors(1.2, 4), "hue": factors(0.05, 4)}
    result = apply(photos, **geometry, **colours)
    assert corners.any() and (result[corners] == 0).all()
    assert (result[~corners] != 0).mean() > 0.9


def test_mask_moves_like_the_image(photos):
    spec, keys = aug.PRESETS["full"], keys_for(4, seed=3)
    marks = np.zeros((4, 96, 96), np.uint8)
    marks[:, 10:40, 20:30] = 1
    geometry = dataclasses.replace(spec, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
    painted = np.repeat(marks[..., None] * 255, 3, axis=-1)
    moved_image = np.asarray(aug.augment(keys, jnp.asarray(painted), geometry))
    moved_mask = np.asarray(aug.augment_mask(keys, jnp.asarray(marks), spec))
    assert moved_mask.dtype == np.uint8 and not np.array_equal(moved_mask, marks)
    np.testing.assert_array_equal(moved_mask, moved_image[..., 0])


def test_smaller_mask_follows_a_larger_image():
    spec, keys = aug.PRESETS["code"], keys_for(8, seed=1)
    small = np.zeros((8, 56, 56), np.uint8)
    small[:, 15:30, 10:25] = 255
    large = np.repeat(np.repeat(small, 4, axis=1), 4, axis=2)
    moved_small = np.asarray(aug.augment_mask(keys, jnp.asarray(small), spec))
    moved_large = np.asarray(aug.augment(keys, jnp.asarray(large)[..., None].repeat(3, -1), spec))[..., 0]
    overlap = moved_large[:, 2::4, 2::4] > 0.5
    assert np.mean(overlap != (moved_small > 0)) < 0.01


# --- colour -----------------------------------------------------------------------------------------------


def test_brightness_multiplies_and_clips(photos):
    expected = np.clip(unit(photos) * np.float32(1.2), 0, 1)
    np.testing.assert_allclose(apply(photos, brightness=factors(1.2, 4)), expected, atol=1e-6)


def luma(x: np.ndarray) -> np.ndarray:
    return x @ np.array([0.2989, 0.587, 0.114])


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_contrast_blends_with_the_mean_grey_of_each_image(photos, factor):
    x = unit(photos).astype(np.float64)
    mean = luma(x).mean(axis=(1, 2))[:, None, None, None]
    expected = np.clip(factor * x + (1 - factor) * mean, 0, 1)
    np.testing.assert_allclose(apply(photos, contrast=factors(factor, 4)), expected, atol=2e-6)


@pytest.mark.parametrize("factor", [0.0, 0.8, 1.2])
def test_saturation_blends_with_grey(photos, factor):
    x = unit(photos).astype(np.float64)
    expected = np.clip(factor * x + (1 - factor) * luma(x)[..., None], 0, 1)
    np.testing.assert_allclose(apply(photos, saturation=factors(factor, 4)), expected, atol=2e-6)


@pytest.mark.parametrize("shift", [-0.5, -0.05, 0.03, 0.5])
def test_hue_equals_colorsys(shift):
    grid = np.linspace(0, 255, 6).astype(np.uint8)
    colours = np.stack(np.meshgrid(grid, grid, grid), -1).reshape(1, 12, 18, 3)
    expected = [
        colorsys.hsv_to_rgb((h + shift) % 1.0, s, v)
        for h, s, v in (colorsys.rgb_to_hsv(*pixel) for pixel in unit(colours).reshape(-1, 3).tolist())
    ]
    result = apply(colours, hue=factors(shift, 1)).reshape(-1, 3)
    np.testing.assert_allclose(result, np.array(expected), atol=3e-6)


def test_colour_order_is_brightness_contrast_saturation_hue(photos):
    names = ("brightness", "contrast", "saturation", "hue")
    values = dict(zip(names, (1.15, 0.85, 1.2, 0.04)))
    together = apply(photos, **{name: factors(value, 4) for name, value in values.items()})
    x = unit(photos).astype(np.float64)
    x = np.clip(values["brightness"] * x, 0, 1)
    mean = luma(x).mean(axis=(1, 2))[:, None, None, None]
    x = np.clip(values["contrast"] * x + (1 - values["contrast"]) * mean, 0, 1)
    x = np.clip(values["saturation"] * x + (1 - values["saturation"]) * luma(x)[..., None], 0, 1)
    hsv = cv2.cvtColor(x.astype(np.float32).reshape(-1, 96, 3), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * values["hue"]) % 360
    expected = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).reshape(x.shape)
    np.testing.assert_allclose(together, expected, atol=1e-5)


# --- randomness -------------------------------------------------------------------------------------------


def test_same_keys_give_the_same_batch(photos):
    run = jax.jit(lambda k, x: aug.augment(k, x, aug.PRESETS["full"]))
    np.testing.assert_array_equal(run(keys_for(4), photos), run(keys_for(4), photos))
    assert not np.array_equal(run(keys_for(4), photos), run(keys_for(4, seed=1), photos))


def test_a_sample_does_not_depend_on_its_place_in_the_batch(photos):
    run = jax.jit(lambda k, x: aug.augment(k, x, aug.PRESETS["full"]))
    order = np.array([2, 0, 3, 1])
    key = jax.random.key(5)
    straight = run(sample_keys(key, 7, jnp.arange(4)), photos)
    permuted = run(sample_keys(key, 7, jnp.asarray(order)), photos[order])
    np.testing.assert_array_equal(np.asarray(straight)[order], permuted)


def test_eight_devices_give_what_one_gives(photos):
    images = np.concatenate([photos, photos])
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.P("data")

    def run(key, index, x):
        return aug.augment(sample_keys(key, 3, index), x, aug.PRESETS["full"])

    sharded = jax.jit(jax.shard_map(run, mesh=mesh, in_specs=(jax.P(), spec, spec), out_specs=spec))
    one, eight = (f(jax.random.key(0), jnp.arange(8), images) for f in (jax.jit(run), sharded))
    np.testing.assert_allclose(one, eight, atol=1e-6)


def test_draws_fill_their_ranges_evenly():
    draws = aug.draw(keys_for(4000), aug.PRESETS["full"])
    assert abs(float(draws.flip.mean()) - 0.5) < 0.03
    ranges = {"angle": np.pi / 6, "brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05}
    for name, strength in ranges.items():
        values = (np.asarray(getattr(draws, name)) - (name not in ("angle", "hue"))) / strength
        assert np.abs(values).max() <= 1 + 1e-6
        np.testing.assert_allclose(np.histogram(values, 4, (-1, 1))[0] / 4000, 0.25, atol=0.03)


def test_switching_colour_off_keeps_the_geometry():
    full, code = (aug.draw(keys_for(16), aug.PRESETS[name]) for name in ("full", "code"))
    np.testing.assert_array_equal(full.flip, code.flip)
    np.testing.assert_array_equal(full.angle, code.angle)
    assert code.brightness is None and code.hue is None


def test_consecutive_steps_draw_differently():
    key, index = jax.random.key(0), jnp.arange(4)
    first, second = (aug.draw(sample_keys(key, step, index), aug.PRESETS["code"]) for step in (0, 1))
    assert not np.array_equal(first.angle, second.angle)


def test_values_stay_in_range_and_padding_stays_zero():
    strong = aug.AugmentSpec(1.0, 180.0, 1.0, 1.0, 1.0, 0.5)
    noise = np.random.default_rng(0).integers(0, 256, (8, 17, 23, 3), np.uint8)
    noise[5] = 0  # a padded sample
    result = np.asarray(jax.jit(lambda k, x: aug.augment(k, x, strong))(keys_for(8), noise))
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1
    assert (result[5] == 0).all()


@pytest.mark.parametrize("field, value", [("flip", 1.5), ("rotation_degrees", -1), ("hue", 0.6)])
def test_a_strength_out_of_range_is_named(field, value):
    with pytest.raises(ConfigError, match=field):
        aug.AugmentSpec(**{field: value})


def test_normalize_uses_imagenet_statistics_in_rgb_order():
    pixels = jnp.asarray([[aug.IMAGENET_MEAN, (1.0, 1.0, 1.0)]])
    result = np.asarray(aug.normalize(pixels))
    np.testing.assert_allclose(result[0, 0], 0, atol=1e-7)
    np.testing.assert_allclose(result[0, 1], [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225], rtol=1e-6)


# --- torchvision ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vision():
    """torchvision.transforms.v2.functional; its compiled operators are not needed, only declared."""
    torch = pytest.importorskip("torch")
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    pytest.importorskip("torchvision")
    from torchvision.transforms.v2 import functional

    yield functional


def to_torch(images: np.ndarray):
    import torch

    return torch.from_numpy(unit(images).transpose(0, 3, 1, 2).copy())


@pytest.mark.parity
@pytest.mark.parametrize(
    "name, value, tolerance",
    [
        ("brightness", 0.8, 1e-6),
        ("brightness", 1.2, 1e-6),
        ("contrast", 0.8, 1e-6),
        ("contrast", 1.2, 1e-6),
        ("saturation", 0.8, 1e-6),
        ("saturation", 1.2, 1e-6),
        ("hue", -0.05, 5e-6),
        ("hue", 0.05, 5e-6),
    ],
)
def test_colour_equals_torchvision(vision, photos, name, value, tolerance):
    expected = getattr(vision, f"adjust_{name}")(to_torch(photos), value).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(apply(photos, **{name: factors(value, 4)}), expected, atol=tolerance)


@pytest.mark.parity
@pytest.mark.parametrize("degrees", [-30.0, -11.1, 5.0, 29.5])
def test_flip_and_rotation_equal_torchvision(vision, photos, degrees):
    flipped = vision.horizontal_flip(to_torch(photos))
    expected = vision.rotate(flipped, degrees).numpy().transpose(0, 2, 3, 1)
    result = apply(photos, flip=np.ones(4, bool), angle=factors(np.deg2rad(degrees), 4))
    assert np.mean(np.any(result != expected, axis=-1)) < 2e-4  # coordinates within rounding of a tie
