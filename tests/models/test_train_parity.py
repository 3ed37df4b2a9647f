"""In train mode ours and torchvision's networks give the same outputs, gradients, statistics and losses.

A ReLU near its kink is decided by rounding: at ordinary weights a gradient of torch in float32 is up to 3e-2 away from
that in float64 (ResNet-50), and after five steps of SGD so are its losses (2e-2, ResNet-18). So gradients and losses
are compared to many digits where every ReLU is decided (`decided`); at ordinary weights the outputs, the statistics
and the direction of the gradient are.
"""

from __future__ import annotations

import copy
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs.base import optimizer_options
from emojax.engine.optim import make_optimizer
from emojax.models.backbones import create_backbone
from emojax.pretrained.layouts import flatten
from tests.models import test_torch_parity
from tests.models import torch_reference as reference

pytestmark = pytest.mark.parity
torch = reference.torch
NETWORKS = ("resnet18", "resnet50", "densenet121")
SIZE, BATCH, CLASSES = 96, 10, 5


@functools.lru_cache(maxsize=1)
def loss_and_gradients(arch: str):
    """``(params, batch_stats, images, labels) -> (loss, (stages, new batch_stats)), gradients``, compiled."""
    net = create_backbone(arch, num_classes=CLASSES)

    def loss(params, batch_stats, images, labels):
        variables = {"params": params, "batch_stats": batch_stats}
        stages, new = net.apply(variables, images, train=True, mutable=["batch_stats"])
        losses = optax.softmax_cross_entropy_with_integer_labels(stages["logits"], labels)
        return jnp.mean(losses), (stages, new["batch_stats"])

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def ordinary(arch: str):
    """torchvision's network in train mode with random scales, shifts and running statistics."""
    torch.manual_seed(0)
    return reference.randomise(test_torch_parity.build(arch, CLASSES)).train()


def decided(arch: str):
    """Each shift is 5 times its scale: a normalised value all but never crosses zero.

    Up or down at random; up where a residual is added, so that the sum is decided too.
    """
    model, generator = ordinary(arch), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                signs = torch.randint(0, 2, module.bias.shape, generator=generator) * 2 - 1
                signs = signs.abs() if name.endswith(("bn2", "bn3", "downsample.1")) else signs
                module.weight.mul_(0.2)
                module.bias.copy_(5 * signs * module.weight)
    return model


def ours(arch: str, state):
    """Variables of a state dict as ours; of gradients by name, the parameters' alone."""
    state = {name: value.detach() for name, value in state.items()}
    return reference.variables_from(state, arch, create_backbone(arch, num_classes=CLASSES), SIZE)


def batch(number: int):
    """Noisy images of as many patterns as classes: something to learn."""
    coarse = np.random.default_rng(0).normal(size=(CLASSES, 8, 8, 3))
    patterns = coarse.repeat(SIZE // 8, axis=1).repeat(SIZE // 8, axis=2)
    labels = (np.arange(BATCH) + number) % CLASSES
    return (patterns[labels] + 0.3 * reference.images(SIZE, BATCH, seed=number)).astype(np.float32), labels


def torch_loss(model, images, labels):
    logits = model(reference.to_torch(images).to(next(model.parameters()).dtype))
    return torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))


def torch_gradients(model, images, labels):
    """(loss, gradients by name); the statistics of `model` stay as they are."""
    model = copy.deepcopy(model)
    loss = torch_loss(model, images, labels)
    loss.backward()
    return loss.item(), {name: p.grad for name, p in model.named_parameters()}


def run_batch(arch, model):
    """(loss, stages, new statistics, gradients) of ours for the weights of a torch network."""
    start = ours(arch, model.state_dict())
    (loss, (stages, statistics)), grads = loss_and_gradients(arch)(
        start["params"], start["batch_stats"], *batch(0)
    )
    return float(loss), stages, statistics, grads


def errors(found, expected) -> dict[str, float]:
    """Norm of the difference over the norm of the reference, or over a thousandth of the whole one, by path."""
    found, expected = flatten(found), flatten(expected)
    assert found.keys() == expected.keys()
    norms = {path: np.linalg.norm(np.ravel(value)) for path, value in expected.items()}
    floor = 1e-3 * np.linalg.norm(list(norms.values()))
    differences = {path: np.linalg.norm(np.ravel(found[path] - value)) for path, value in expected.items()}
    return {path: float(differences[path] / max(norms[path], floor)) for path in expected}


def cosine(a, b) -> float:
    a, b = (np.concatenate([np.ravel(flatten(x)[p]) for p in sorted(flatten(x))]) for x in (a, b))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("arch", NETWORKS)
def test_a_batch_gives_torchs_outputs_statistics_and_direction_of_descent(arch):
    model = ordinary(arch)
    loss, stages, statistics, grads = run_batch(arch, model)
    torch_value, torch_grads = torch_gradients(model, *batch(0))
    theirs = reference.stages_of(model, test_torch_parity.stages(arch, model), batch(0)[0])
    stage_errors = {stage: reference.relative_error(stages[stage], theirs[stage]) for stage in theirs}
    statistic_errors = errors(statistics, ours(arch, model.state_dict())["batch_stats"])
    similarity = cosine(grads, ours(arch, torch_grads)["params"])
    print(
        f"{arch}: largest relative error of a stage {max(stage_errors.values()):.1e}, of running statistics "
        f"{max(statistic_errors.values()):.1e}, cosine of the gradients {similarity:.6f}"
    )
    assert max(stage_errors.values()) < 1e-4, stage_errors
    assert loss == pytest.approx(torch_value, rel=1e-5)
    assert max(statistic_errors.values()) < 1e-4, statistic_errors
    assert similarity > 0.999


@pytest.mark.parametrize("arch", NETWORKS)
def test_where_every_relu_is_decided_the_gradients_are_torchs(arch):
    model = decided(arch)
    *_, grads = run_batch(arch, model)
    gradient_errors = errors(grads, ours(arch, torch_gradients(model, *batch(0))[1])["params"])
    print(f"{arch}: largest relative error of a gradient {max(gradient_errors.values()):.1e}")
    assert max(gradient_errors.values()) < 1e-3, gradient_errors


@pytest.mark.parametrize("arch", NETWORKS)
def test_five_steps_of_sgd_give_torchs_losses(arch):
    model = decided(arch)
    step = loss_and_gradients(arch)
    options = optimizer_options(("network",))
    options.update({"name": "sgd", "learning_rate": 1e-2, "momentum": 0.9, "weight_decay": 1e-3})
    tx = make_optimizer(options, steps_per_epoch=5, total_steps=5)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, weight_decay=1e-3)
    variables = ours(arch, model.state_dict())
    params, statistics = variables["params"], variables["batch_stats"]
    opt_state = tx.init(params)
    found, expected = [], []
    for number in range(5):
        images, labels = batch(number)
        (loss, (_, statistics)), grads = step(params, statistics, images, labels)
        updates, opt_state = tx.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        found.append(float(loss))
        optimizer.zero_grad()
        value = torch_loss(model, images, labels)
        value.backward()
        optimizer.step()
        expected.append(value.item())
    difference = np.abs(np.array(found) / expected - 1).max()
    print(f"{arch}: losses {np.round(expected, 4)}, largest relative error {difference:.1e}")
    assert np.abs(np.diff(expected)).min() > 1e-3  # the steps do something
    np.testing.assert_allclose(found, expected, rtol=1e-3)
