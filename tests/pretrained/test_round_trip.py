"""Every architecture goes from our variables to a publisher's file, through import to ours, and into a network."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax.pretrained.catalogue import architecture, architectures
from emojax.pretrained.convert import abstract_shapes, export_weights, import_weights
from emojax.pretrained.initialise import initialise
from emojax.pretrained.layouts import flatten, unflatten
from emojax.pretrained.native import Weights, load_weights, save_weights, write_safetensors

# The dense layers of VGG and C3D are 100 million numbers; `test_convert` shows their layout.
_TOO_WIDE = ("vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "vggface", "c3d")


def filled(shapes) -> dict[str, np.ndarray]:
    """A different number in every place, as far as float32 tells them apart."""
    return {
        path: (np.arange(np.prod(shape, dtype=int), dtype=np.float32) % 8191 + i).reshape(shape)
        for i, (path, shape) in enumerate(shapes.items())
    }


@pytest.mark.parametrize("name", architectures())
def test_weights_survive_the_way_through_files_into_a_network(tmp_path, name):
    arch = architecture(name)
    with_head = name not in _TOO_WIDE
    shapes = abstract_shapes(name, arch.num_classes if with_head else 0)
    weights = Weights(name, filled(shapes), {}, {})
    write_safetensors(export_weights(weights), {"format": "pt"}, tmp_path / "theirs.safetensors")

    imported = import_weights(tmp_path / "theirs.safetensors", name, with_head=with_head)
    save_weights(imported.weights, tmp_path / "ours.safetensors")
    loaded = load_weights(tmp_path / "ours.safetensors", name)
    assert {p: v.shape for p, v in loaded.variables.items()} == shapes

    network = unflatten({p: jax.ShapeDtypeStruct(s, np.float32) for p, s in shapes.items()})
    variables, _ = initialise(network, str(tmp_path / "ours.safetensors"), part="")
    for path, value in flatten(variables).items():
        np.testing.assert_array_equal(value, weights.variables[path], err_msg=path)
