"""Training equals torch's: normalised outputs, gradients, running statistics, losses of SGD steps."""

from __future__ import annotations

import copy
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from emojax.models.backbones import create_backbone
from emojax.pretrained.layouts import flatten
from tests.models import torch_reference as reference

pytestmark = pytest.mark.parity
CLASSES = 7
SMALL_DENSENET = {"block_sizes": (2, 3, 2), "growth_rate": 12, "stem_features": 16}


def torch_network(name: str):
    models = reference.import_torchvision().models
    if name == "small densenet":
        model = models.DenseNet(12, (2, 3, 2), 16, num_classes=CLASSES)
    elif name == "small bottleneck":
        model = models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=CLASSES)
    else:
        model = models.get_model(name, weights=None, num_classes=CLASSES)
    return reference.randomise(model)


def our_network(name: str):
    if name == "small densenet":
        return "densenet121", create_backbone("densenet121", **SMALL_DENSENET, num_classes=CLASSES)
    if name == "small bottleneck":
        return "resnet50", create_backbone("resnet50", stage_sizes=(1, 1, 1, 1), num_classes=CLASSES)
    return name, create_backbone(name, num_classes=CLASSES)


def batches(number: int, size: int = 64):
    """Two noisy images of each of seven patterns a batch: something to learn.

    On pure noise the losses of five steps are chaotic: torch's float32 is then 3 % away from its float64.
    """
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(CLASSES, 8, 8, 3))
    patterns = coarse.repeat(size // 8, axis=1).repeat(size // 8, axis=2)
    labels = np.arange(2 * CLASSES, dtype=np.int32) % CLASSES
    noise = rng.normal(size=(number, len(labels), size, size, 3))
    return [((patterns[labels] + 0.3 * n).astype(np.float32), labels) for n in noise]


def cross_entropy(net, params, statistics, x, labels):
    variables = {"params": params, "batch_stats": statistics}
    stages, new = net.apply(variables, x, train=True, mutable=["batch_stats"])
    losses = optax.softmax_cross_entropy_with_integer_labels(stages["logits"], labels)
    return jnp.mean(losses), (new["batch_stats"], stages["features"])


def torch_step(model, x, labels):
    """Loss and features of a batch in training mode; gradients are left in the parameters."""
    features = []
    last = model.features if hasattr(model, "features") else model.layer4
    hook = last.register_forward_hook(lambda _m, _i, output: features.append(output.detach().clone()))
    model.train().zero_grad()
    logits = model(reference.to_torch(x))
    loss = reference.torch.nn.functional.cross_entropy(logits, reference.torch.from_numpy(labels).long())
    loss.backward()
    hook.remove()
    return loss.item(), reference.nhwc(features[0])


@pytest.mark.parametrize("name", ["small densenet", "small bottleneck", "resnet18", "densenet121"])
def test_one_training_step_has_torchs_outputs_gradients_and_statistics(name):
    model = torch_network(name)
    arch, net = our_network(name)
    variables = reference.variables_from(model.state_dict(), arch, net, 64)
    exact = copy.deepcopy(model).double()
    ((x, labels),) = batches(1)
    grad = jax.jit(jax.value_and_grad(functools.partial(cross_entropy, net), has_aux=True))
    (loss, (statistics, features)), grads = grad(variables["params"], variables["batch_stats"], x, labels)

    torch_loss, torch_features = torch_step(model, x, labels)
    torch_step(exact, x.astype(np.float64), labels)
    theirs, truth = ({k: p.grad for k, p in m.named_parameters()} for m in (model, exact))
    theirs, truth = (reference.variables_from(g, arch, net, 64)["params"] for g in (theirs, truth))
    torch_statistics = reference.variables_from(model.state_dict(), arch, net, 64)["batch_stats"]
    ours, rounding = distance(grads, truth), distance(theirs, truth)
    worst = largest_error(statistics, torch_statistics)
    print(f"{name}: gradients {ours:.1e} from float64, torch's {rounding:.1e}; statistics {worst:.1e}")
    assert loss == pytest.approx(torch_loss, rel=1e-5)
    assert reference.relative_error(features, torch_features) < 1e-4
    assert worst < 1e-4
    # A ReLU whose input is zero but for rounding may fall on either side: torch's float32 does so as well.
    assert ours < 1e-4 + 3 * rounding


def distance(ours, theirs) -> float:
    """Length of the difference of two gradients over the length of the second, all parameters together."""
    ours, theirs = flatten(ours), flatten(theirs)
    assert ours.keys() == theirs.keys()
    squares = [(np.sum((ours[p] - theirs[p]) ** 2.0), np.sum(theirs[p] ** 2.0)) for p in ours]
    difference, length = np.sum(squares, axis=0) ** 0.5
    return difference / length


def largest_error(ours, theirs) -> float:
    ours, theirs = flatten(ours), flatten(theirs)
    assert ours.keys() == theirs.keys()
    return max(reference.relative_error(ours[path], theirs[path]) for path in ours)


@pytest.mark.parametrize("name", ["small densenet", "resnet18"])
def test_five_steps_of_sgd_have_torchs_losses(name):
    model = torch_network(name)
    arch, net = our_network(name)
    variables = reference.variables_from(model.state_dict(), arch, net, 64)
    optimizer = reference.torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, weight_decay=1e-3)
    tx = optax.chain(optax.add_decayed_weights(1e-3), optax.sgd(1e-2, momentum=0.9))

    @jax.jit
    def step(params, statistics, opt_state, x, labels):
        loss = jax.value_and_grad(functools.partial(cross_entropy, net), has_aux=True)
        (value, (statistics, _)), grads = loss(params, statistics, x, labels)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), statistics, opt_state, value

    params, statistics = variables["params"], variables["batch_stats"]
    opt_state = tx.init(params)
    ours, theirs = [], []
    for x, labels in batches(5):
        params, statistics, opt_state, loss = step(params, statistics, opt_state, x, labels)
        ours.append(float(loss))
        theirs.append(torch_step(model, x, labels)[0])
        optimizer.step()
    error = np.abs(np.array(ours) / theirs - 1).max()
    print(f"{name}: losses {ours}, largest relative difference from torch's {error:.1e}")
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    assert ours[-1] < 0.7 * ours[0]  # the steps do something
