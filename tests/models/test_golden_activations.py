"""Stage activations equal those that torchvision, Keras and the references gave for the same weights."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from emojax.models.backbones import create_backbone
from emojax.pretrained.layouts import flatten, unflatten
from tests.models import golden


@pytest.mark.parametrize("arch", golden.SIZES)
def test_activations_are_the_recorded_ones(arch):
    size = golden.SIZES[arch]
    net = create_backbone(arch)
    x = golden.image(size)
    shapes = flatten(jax.eval_shape(lambda x: net.init(jax.random.key(0), x, train=False), x))
    variables = unflatten(golden.variables({path: leaf.shape for path, leaf in shapes.items()}))
    stages = jax.jit(lambda v, x: net.apply(v, x, train=False))(variables, x)
    with np.load(golden.FILE) as file:
        recorded = {name.split("/")[1]: file[name] for name in file.files if name.startswith(f"{arch}/")}
    assert set(recorded) == set(stages)
    for stage, expected in recorded.items():
        found = golden.sample(stage, stages[stage])
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected[-1], err_msg=stage)


def test_the_recorded_file_is_small():
    assert golden.FILE.stat().st_size < 300_000
