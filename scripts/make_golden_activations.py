"""Writes tests/models/golden_activations.npz: stage activations by torchvision and Keras for fixed weights.

    python scripts/make_golden_activations.py

Needs the `parity` extra. The tests compare our networks with this file where torch and Keras are absent.
"""

from __future__ import annotations

import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "jax"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np

from emojax.pretrained.catalogue import architecture
from emojax.pretrained.convert import abstract_shapes
from emojax.pretrained.torch_names import torch_tensors
from tests.models import golden, keras_reference, test_torch_parity, torch_networks
from tests.models import torch_reference as reference

OTHERS = {
    "breg_next50": (torch_networks.BReGNeXt, torch_networks.BREG_NEXT_STAGES),
    "cnn_m": (torch_networks.CNNM, torch_networks.CNN_M_STAGES),
}


def torch_activations(arch: str, size: int) -> dict[str, np.ndarray]:
    shapes = abstract_shapes(arch, 0)
    weights = golden.variables(shapes)
    model, stages = network(arch)
    state = model.state_dict()
    for path, tensor in torch_tensors(arch, architecture(arch).torch, shapes).items():
        value = np.ascontiguousarray(tensor.layout.to_source(weights[path]))
        state[tensor.name].copy_(reference.torch.from_numpy(value))
    activations = reference.stages_of(model, stages, golden.image(size))
    return {stage: value for stage, value in activations.items() if stage != "logits"}


def network(arch: str):
    """(torch network, our stage -> its module)"""
    if arch in OTHERS:
        build, stages = OTHERS[arch]
        return build().eval(), stages
    model = test_torch_parity.build(arch, 10).eval()
    return model, test_torch_parity.stages(arch, model)


def main() -> None:
    result = {}
    for arch, size in golden.SIZES.items():
        if arch == "xception":
            weights = golden.variables(abstract_shapes(arch, 0))
            activations = keras_reference.xception_activations(weights, golden.image(size))
        else:
            activations = torch_activations(arch, size)
        for stage, activation in activations.items():
            result[f"{arch}/{stage}"] = golden.sample(stage, activation)
    np.savez_compressed(golden.FILE, **result)
    print(f"Wrote {golden.FILE}: {len(result)} stages, {golden.FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
