"""Systems of expressions in videos: what they read and predict, their sizes, and what is refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from configs import oulu_casia, sasefe
from emojax import systems
from emojax.errors import ConfigError

CONFIGS = {name: module.get_config for module in (sasefe, oulu_casia) for name in module.VARIANTS}
# Parameters of image_sequences spec 2: trunk 14,714,688, and its table of heads.
PARAMETERS = {
    "sase6_cnn_face_frozen_flat": 14_714_688 + 150_534,
    "sase6_cnn_face_frozen_gap": 14_714_688 + 3_078,
    "sase6_cnn_face_frozen_gmp": 14_714_688 + 3_078,
    "sase6_cnn_face_frozen_fc3": 14_714_688 + 119_570_438,
    "sase6_cnn_face_frozen_gap_fc3": 14_714_688 + 18_907_142,
    "sase6_cnn_face_frozen_gmp_fc3": 33_621_830,
    "sase12_cnn_face": 33_646_412,
}


def full_size(name):
    config = CONFIGS[name](name)
    return systems.build(config, systems.stand_in(config))


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_specification(name):
    system = full_size(name)
    shapes = jax.eval_shape(system.init, jax.random.key(0))["params"]
    assert sum(x.size for x in jax.tree.leaves(shapes)) == PARAMETERS[name]


@pytest.mark.parametrize(
    "name, trained",
    [
        ("sase6_cnn_face_frozen_gmp_fc3", 18_907_142),
        ("sase6_cnn_face_frozen_flat", 150_534),
        ("sase6_cnn_face_unfrozen_flat", 14_714_688 + 150_534),
        ("sase6_cnn_face_first_fc3", 14_714_688 - 260_160 + 119_570_438),
    ],
)
def test_what_is_frozen_is_what_the_variant_says(name, trained):
    system = full_size(name)
    shapes = jax.tree_util.tree_leaves_with_path(jax.eval_shape(system.init, jax.random.key(0))["params"])
    sizes = [x.size for path, x in shapes if not system.is_frozen(tuple(key.key for key in path))]
    assert sum(sizes) == trained


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"task": "sase7"}, "config.task"),
        ({"model.head": "gap4"}, "model.head"),
        ({"model.streams": "face,face"}, "each once"),
        ({"model.streams": ""}, "names no stream"),
        ({"model.streams": "profile"}, "name some of face, frontal"),
        ({"model.net": "c3d", "model.streams": "face,frontal"}, "one stream"),
        ({"model.geometry": True, "model.head": "gmp"}, "must end in fc3"),
        ({"image_size": 112}, "image_size is 112"),
        ({"monitor": "ers"}, "does not measure"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_starts(changes, message):
    config = CONFIGS["sase12_cnn_face"]("sase12_cnn_face")
    recipe = systems.stand_in(config)
    config.update_from_flattened_dict(changes)
    with pytest.raises(ConfigError, match=message):
        systems.build(config, recipe)


def test_six_emotions_are_the_twelve_classes_taken_together():
    six, twelve = full_size("sase6_cnn_face_frozen_gmp"), full_size("sase12_cnn_face")
    batch = {"label": np.array([0, 5, 6, 11])}
    assert six.truth(batch)["class"].tolist() == [0, 5, 0, 5]
    assert twelve.truth(batch)["class"].tolist() == [0, 5, 6, 11]
    assert six.data_labels == twelve.data_labels == twelve.labels
