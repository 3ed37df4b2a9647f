"""In train mode ours and torchvision's networks give the same outputs, gradients, statistics and losses."""

from __future__ import annotations

import copy
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from emojax.engine.optim import make_optimizer
from emojax.models.backbones import create_backbone
from emojax.pretrained.layouts import flatten
from tests.models import test_torch_parity
from tests.models import torch_reference as reference

pytestmark = pytest.mark.parity
NETWORKS = ("resnet18", "resnet50", "densenet121")
SIZE, BATCH, CLASSES = 96, 8, 10


@functools.lru_cache(maxsize=1)
def pair(arch: str):
    """(torch network, compiled ``(variables, images, labels) -> (loss, (stages, statistics)), gradients``)."""
    model = reference.randomise(test_torch_parity.build(arch, CLASSES)).train()
    net = create_backbone(arch, num_classes=CLASSES)

    def loss(params, batch_stats, images, labels):
        variables = {"params": params, "batch_stats": batch_stats}
        stages, new = net.apply(variables, images, train=True, mutable=["batch_stats"])
        losses = optax.softmax_cross_entropy_with_integer_labels(stages["logits"], labels)
        return jnp.mean(losses), (stages, new["batch_stats"])

    return copy.deepcopy(model), jax.jit(jax.value_and_grad(loss, has_aux=True))


def ours(arch: str, state):
    """Parameters and statistics of a state dict as ours; of a dict of gradients, the parameters alone."""
    net = create_backbone(arch, num_classes=CLASSES)
    return reference.variables_from(state, arch, net, SIZE)


def batch(seed: int):
    labels = np.random.default_rng(100 + seed).integers(0, CLASSES, BATCH)
    return reference.images(SIZE, BATCH, seed=seed), labels


def torch_loss(model, images, labels):
    logits = model(reference.to_torch(images).to(next(model.parameters()).dtype))
    return reference.torch.nn.functional.cross_entropy(logits, reference.torch.from_numpy(labels))


def gradients(model, images, labels):
    """(loss, gradients by name) of a copy, so that the statistics of `model` stay as they are."""
    model = copy.deepcopy(model)
    loss = torch_loss(model, images, labels)
    loss.backward()
    return float(loss), {name: p.grad for name, p in model.named_parameters()}


def errors(found, expected) -> dict[str, float]:
    """Norm of the difference over the norm of the reference, by path."""
    found, expected = flatten(found), flatten(expected)
    assert found.keys() == expected.keys()
    norm = np.linalg.norm
    return {
        path: float(norm(np.ravel(found[path] - value)) / norm(np.ravel(value)))
        for path, value in expected.items()
    }


@pytest.mark.parametrize("arch", NETWORKS)
def test_a_batch_gives_torchs_outputs_gradients_and_statistics(arch):
    model, forward_and_back = pair(arch)
    images, labels = batch(0)
    start = ours(arch, model.state_dict())
    (loss, (stages, statistics)), grads = forward_and_back(
        start["params"], start["batch_stats"], images, labels
    )
    torch_value, torch_grads = gradients(model, images, labels)
    _, exact_grads = gradients(copy.deepcopy(model).double(), images, labels)
    after = copy.deepcopy(model)
    theirs = reference.stages_of(after, test_torch_parity.stages(arch, after), images)
    stage_errors = {stage: reference.relative_error(stages[stage], theirs[stage]) for stage in theirs}
    statistic_errors = errors(statistics, ours(arch, after.state_dict())["batch_stats"])
    gradient_errors = errors(grads, ours(arch, torch_grads)["params"])
    ours_exact = errors(grads, ours(arch, exact_grads)["params"])
    theirs_exact = errors(ours(arch, torch_grads)["params"], ours(arch, exact_grads)["params"])
    print(
        f"{arch}: largest relative error of a stage {max(stage_errors.values()):.1e}, of running statistics "
        f"{max(statistic_errors.values()):.1e}, of a gradient {max(gradient_errors.values()):.1e} (against "
        f"torch in float64: ours {max(ours_exact.values()):.1e}, torch's {max(theirs_exact.values()):.1e})"
    )
    assert max(stage_errors.values()) < 1e-4, stage_errors
    assert float(loss) == pytest.approx(torch_value, rel=1e-5)
    assert max(statistic_errors.values()) < 1e-4, statistic_errors
    assert max(gradient_errors.values()) < 1e-3, gradient_errors


@pytest.mark.parametrize("arch", NETWORKS)
def test_five_steps_of_sgd_give_torchs_losses(arch):
    model, forward_and_back = pair(arch)
    model = copy.deepcopy(model)
    rates = {"learning_rate": 1e-2, "momentum": 0.9, "weight_decay": 1e-3}
    config = ConfigDict({"name": "sgd", "schedule": "constant", "warmup_epochs": 0, **rates})
    tx = make_optimizer(config, steps_per_epoch=5, num_epochs=1)
    optimizer = reference.torch.optim.SGD(
        model.parameters(), lr=rates["learning_rate"], momentum=0.9, weight_decay=1e-3
    )
    start = ours(arch, model.state_dict())
    params, statistics = start["params"], start["batch_stats"]
    opt_state = tx.init(params)
    found, expected = [], []
    for step in range(5):
        images, labels = batch(step)
        (loss, (_, statistics)), grads = forward_and_back(params, statistics, images, labels)
        updates, opt_state = tx.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        found.append(float(loss))
        optimizer.zero_grad()
        torch_value = torch_loss(model, images, labels)
        torch_value.backward()
        optimizer.step()
        expected.append(float(torch_value))
    print(f"{arch}: losses of ours {np.round(found, 5)}, of torch {np.round(expected, 5)}")
    assert abs(expected[-1] - expected[0]) > 1e-2  # something was learnt
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    end = errors({"params": params, "batch_stats": statistics}, ours(arch, model.state_dict()))
    print(f"{arch}: largest relative error after five steps {max(end.values()):.1e}")
