"""A recipe survives JSON, and says what it lacks."""

from __future__ import annotations

import json

import pytest

from emojax import systems
from emojax.catalogue import catalogue
from emojax.data.recipe import Feature, Recipe, RecipeJson
from emojax.errors import DataError
from emojax.labels import Labels
from emojax.schema import check


def test_every_recipe_survives_json():
    makers = {row["config"].family: row["config"] for row in catalogue()}
    del makers["ensemble"]  # combines outputs, reads no data
    recipes = [r for r in map(systems.stand_in, makers.values()) if r is not None]
    assert len(recipes) >= 2
    for recipe in recipes:
        value = json.loads(json.dumps(recipe.to_json()))
        check(value, RecipeJson)
        assert Recipe.from_json(value, origin="elsewhere") == recipe


def test_a_feature_that_the_records_lack_is_named_with_those_they_have():
    features = {"image": Feature("image", (8, 8, 3), "raw"), "label": Feature("int")}
    recipe = Recipe("toy", Labels(("a", "b")), features, origin="some/folder")
    assert recipe.feature("label").kind == "int"
    with pytest.raises(DataError, match=r"some/folder hold no 'age'. They hold: image, label"):
        recipe.feature("age")
