"""VGG-Face in its published torch layout gives, in a system, the fc6 and fc7 of torch's forward pass."""

from __future__ import annotations

import collections

import jax
import numpy as np
import pytest

from configs import sasefe
from emojax import systems
from emojax.pretrained.convert import import_weights
from emojax.pretrained.native import save_weights
from emojax.systems.sequences.initial import start_from
from tests.models import torch_reference as reference

pytestmark = pytest.mark.parity
torch = reference.torch
# As published with vgg_face_dag.pth: RGB of 0 to 255 less this mean.
MEAN = (129.186279296875, 104.76238250732422, 93.59396362304688)
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def published_network():
    """The layers of the published file under its names, random weights of a size that keeps activations near 1."""
    layers, channels = collections.OrderedDict(), 3
    for block, widths in enumerate(BLOCKS, 1):
        for i, width in enumerate(widths, 1):
            layers[f"conv{block}_{i}"] = torch.nn.Conv2d(channels, width, 3, padding=1)
            channels = width
    for name, sizes in (("fc6", (25_088, 4096)), ("fc7", (4096, 4096)), ("fc8", (4096, 2622))):
        layers[name] = torch.nn.Linear(*sizes)
    torch.manual_seed(0)
    for layer in layers.values():
        torch.nn.init.kaiming_normal_(layer.weight)
        torch.nn.init.normal_(layer.bias, std=0.1)
    return layers


def forward(layers, pixels):
    """fc6 and fc7 before and after the ReLU."""
    x, stages = torch.from_numpy(pixels.astype(np.float32) - np.float32(MEAN)).permute(0, 3, 1, 2), {}
    for block, widths in enumerate(BLOCKS, 1):
        for i in range(1, len(widths) + 1):
            x = torch.relu(layers[f"conv{block}_{i}"](x))
        x = torch.nn.functional.max_pool2d(x, 2)
    x = x.flatten(1)
    for name in ("fc6", "fc7"):
        stages[f"{name}_linear"] = layers[name](x)
        x = stages[name] = torch.relu(stages[f"{name}_linear"])
    return {name: value.numpy() for name, value in stages.items()}


def test_a_system_started_from_the_torch_file_has_torch_s_fc6_and_fc7(tmp_path):
    layers = published_network()
    state = collections.OrderedDict(
        (f"{n}.{k}", v) for n, m in layers.items() for k, v in m.state_dict().items()
    )
    torch.save(state, tmp_path / "vgg_face_dag.pth")
    imported = import_weights(tmp_path / "vgg_face_dag.pth", "vggface").weights
    assert imported.info["input"]["order"] == "RGB"
    np.testing.assert_allclose(imported.info["input"]["mean"], MEAN, atol=1e-4)
    save_weights(imported, tmp_path / "vggface.safetensors")
    config = sasefe.get_config("sase6_cnn_face_frozen_fc3")
    config.init_from.trunk = str(tmp_path / "vggface.safetensors")
    system = systems.build(config, systems.stand_in(config))
    shapes = jax.eval_shape(system.init, jax.random.key(0))
    fresh = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    variables, record = start_from(config, fresh)
    assert record["frames/face"]["coding"] == ""  # turned to BGR, which is all the difference
    pixels = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    own = {"params": variables["params"]["frames"]}
    ours = system.net.frames.apply(own, system.network_inputs({"face": pixels}), train=False)
    with torch.no_grad():
        theirs = forward(layers, pixels)
    for name, value in theirs.items():
        difference = np.abs(np.asarray(ours[name]) - value).max() / np.abs(value).max()
        print(f"{name}: largest difference {difference:.1e} of {np.abs(value).max():.1f}")
        np.testing.assert_allclose(ours[name], value, atol=1e-4 * np.abs(value).max(), err_msg=name)
