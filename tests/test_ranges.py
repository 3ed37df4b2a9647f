"""Ranges of config values: each field's once, and told before anything is written."""

from __future__ import annotations

import math

import pytest
from ml_collections import ConfigDict

from configs import affectnet_gcn, emotic
from emojax import systems
from emojax.cli import config_fields
from emojax.engine.fields import RANGES
from emojax.engine.loop import train
from emojax.errors import ConfigError
from emojax.ranges import Range, require_ranges, whole
from tests.toy import make_config, make_dataset

OUTSIDE = [
    ("batch_size", 100_000_000),
    ("batch_size", 0),
    ("eval_batch_size", -1),
    ("num_epochs", 0),
    ("seed", -1),
    ("seed", 12345678901234567890),
    ("run__log_every", 0),
    ("run__eval_every_epochs", 0),
    ("run__eval_every_steps", -4),
    ("run__stop_after_steps", -1),
    ("run__checkpoint_every_steps", -1),
    ("run__threads", -1),
    ("early_stopping__patience", -1),
    ("early_stopping__min_delta", math.nan),
    ("optimizer__learning_rate", -0.1),
    ("optimizer__learning_rate", math.inf),
    ("optimizer__learning_rate", math.nan),
    ("optimizer__learning_rate", 1e38),
    ("optimizer__weight_decay", 1e30),
    ("optimizer__momentum", 1.5),
    ("optimizer__weight_decay", -1e-4),
    ("optimizer__beta2", 1.01),
    ("optimizer__epsilon", 0.0),
    ("optimizer__clip_norm", -1.0),
    ("optimizer__decay_epochs", 0),
    ("optimizer__decay_factor", 0.0),
    ("optimizer__factors__backbone", -1.0),
    ("objective__soft_weight", math.nan),
    ("model__gcn__tau", math.nan),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("toy"), train=14, validation=7)


@pytest.mark.parametrize(("field", "value"), OUTSIDE)
def test_a_value_out_of_range_is_one_line_that_names_the_field_before_a_folder_is_made(
    dataset, tmp_path, field, value
):
    config = make_config(dataset, **{field: value})
    system = systems.build(make_config(dataset), dataset.recipe)
    for start in (
        lambda: systems.build(config, dataset.recipe),
        lambda: train(config, system, dataset, tmp_path / "run", progress=False),
    ):
        with pytest.raises(ConfigError) as told:
            start()
        assert f"config.{field.replace('__', '.')} is {value!r}; it must be a" in str(told.value)
        assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


def test_every_range_of_the_engine_belongs_to_a_field_and_every_number_of_it_has_one():
    fields = set(config_fields(affectnet_gcn.get_config())) | set(config_fields(emotic.get_config()))
    for pattern in RANGES:
        assert any(pattern == field or pattern.endswith(".*") for field in fields), pattern
    config = affectnet_gcn.get_config()
    for field in config_fields(config):
        group = field.split(".")[0]
        value = config
        for part in field.split("."):
            value = value[part]
        if group in ("run", "optimizer", "early_stopping") and not isinstance(value, str | bool):
            assert any(field == p or (p.endswith(".*") and field.startswith(p[:-1])) for p in RANGES), field


@pytest.mark.parametrize(
    ("allowed", "inside", "outside"),
    [
        (whole(1), (1, 2.0, 2**31 - 1), (0, 1.5, True, "1", None, 2**31, math.inf)),
        (Range(0, 1), (0, 0.5, 1), (-1e-9, 1.01, math.nan)),
        (Range(0, above=True), (1e-30, 1e30), (0, 0.0, math.inf)),
    ],
)
def test_ranges_hold_numbers_alone(allowed, inside, outside):
    assert all(value in allowed for value in inside)
    assert not any(value in allowed for value in outside)


@pytest.mark.parametrize(
    ("field", "value"),
    [("epsilon", 1e-320), ("learning_rate", 1e-320), ("scales", (1.0, 1e39)), ("widths", (math.nan, 1))],
)
def test_numbers_that_float32_does_not_hold_are_refused_also_within_a_list(field, value):
    with pytest.raises(
        ConfigError, match=rf"config\.optimizer\.{field} is .*; (training computes in float32|it must be)"
    ):
        require_ranges(ConfigDict({"optimizer": {field: value}}), RANGES)


def test_fields_that_a_config_does_not_have_are_left_out():
    require_ranges(ConfigDict({"name": "karate", "widths": (16, 2)}), RANGES)
