"""Toy systems of segments, of windows and of joints, through public interfaces alone."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from emojax.data.augment import PRESETS, augment
from emojax.data.frames import flatten_frames
from emojax.data.inputs import Inputs
from emojax.data.select import Segments, Whole, Windows
from emojax.engine.mesh import DATA_AXIS, gather_rows
from emojax.engine.step import sample_keys
from emojax.models.dropout import dropout
from emojax.models.norm import BatchNorm
from emojax.models.time import frame_keys, map_segments
from emojax.objectives.ccc import ccc_loss
from emojax.objectives.cross_entropy import true_class_log_probability
from emojax.objectives.masking import masked_mean
from emojax.systems.base import SupervisedSystem
from tests.data.clips import SIZE


class Encoder(nn.Module):
    """``[..., H, W, 3] -> [..., 8]``."""

    @nn.compact
    def __call__(self, x, *, train, mask=None):
        x = BatchNorm(axis_name=DATA_AXIS)(nn.Conv(8, (3, 3))(x), train=train, mask=mask)
        return nn.relu(x).mean((-3, -2))


class SegmentNet(nn.Module):
    """A clip's logits are the mean of its segments'."""

    @nn.compact
    def __call__(self, x, *, train, mask=None, keys=None):
        features = Encoder()(x, train=train, mask=mask)
        features = dropout(features, keys, 0.2) if train else features
        return nn.Dense(3)(features)


class WindowNet(nn.Module):
    """Valence and arousal of every frame of a window."""

    @nn.compact
    def __call__(self, x, *, train, mask=None, keys=None):
        return nn.Dense(2)(nn.RNN(nn.GRUCell(8))(Encoder()(x, train=train, mask=mask)))


class JointNet(nn.Module):
    """Logits from the joints of a clip; padding is zero and adds nothing."""

    @nn.compact
    def __call__(self, x, *, train, mask=None, keys=None):
        return nn.Dense(3)(nn.relu(nn.Dense(8)(x.reshape(*x.shape[:2], -1))).sum(1))


class Toy(SupervisedSystem):
    """What the toys share; see the module."""

    net: nn.Module
    monitor = "score"
    headline = ("score",)
    protocol = "toy"
    reads = ("probabilities", "values")

    def __init__(self, config, dataset):
        super().__init__(config, dataset.recipe)
        self.labels = dataset.labels
        self.measure = self

    def init(self, key, constants=None):
        return dict(self.net.init(key, self.example(), train=False))

    def example(self):
        return jnp.zeros((2, self.inputs.select.time, SIZE, SIZE, 3))

    def pixels(self, batch, keys=None):
        if keys is None:
            return batch["image"].astype(jnp.float32) / 255
        return augment(keys, batch["image"], PRESETS["full"])

    def apply(self, params, model_state, x, batch, keys):
        variables = {"params": params, **model_state}
        options = {"mask": batch["frame_mask"], "keys": frame_keys(keys, self.inputs.select.time)}
        return self.net.apply(variables, x, train=True, mutable=list(model_state), **options)

    def loss(self, params, model_state, batch, key):
        keys = sample_keys(key, batch["position"])
        outputs, new_state = self.apply(params, model_state, self.pixels(batch, keys), batch, keys)
        return self.objective(outputs, batch), (new_state, {})

    def complete(self, outputs, predict_split):
        return dict(outputs)


class SegmentToy(Toy):
    """The class of a clip from three segments in training, nine in evaluation."""

    inputs = Inputs(("image",), ("clip_label",), Segments(3, window=2), evaluate=Segments(9, window=2))
    net = SegmentNet()

    def objective(self, logits, batch):
        logits, label, mask = gather_rows((logits.mean(1), batch["clip_label"], batch["mask"]))
        return masked_mean(-true_class_log_probability(logits, label, mask), mask)

    def predict(self, variables, batch):
        logits = map_segments(
            lambda image: self.net.apply(variables, self.pixels({"image": image}), train=False),
            batch["image"],
        )
        return {"probabilities": nn.softmax(logits.mean(1))}

    def metrics(self, outputs):
        return {"score": float(np.mean(outputs["probabilities"].argmax(1) == outputs["clip_label"]))}

    def columns(self, outputs):
        return {"true": outputs["clip_label"], "predicted": outputs["probabilities"].argmax(1)}


class WindowToy(Toy):
    """Valence and arousal of each frame, by a recurrent network over windows."""

    inputs = Inputs(("image",), ("va",), Windows(4, short="pad"))
    net = WindowNet()

    def objective(self, values, batch):
        predicted, truth, mask = (
            x.reshape(-1, *x.shape[2:]) for x in gather_rows((values, batch["va"], batch["frame_mask"]))
        )
        return ccc_loss(predicted, truth, mask)

    def predict(self, variables, batch):
        return {"values": self.net.apply(variables, self.pixels(batch), train=False)}

    def complete(self, outputs, predict_split):
        return flatten_frames(outputs)

    def metrics(self, outputs):
        flat = flatten_frames(outputs) if "record" in outputs else outputs
        return {"score": -float(np.mean((flat["values"] - flat["va"]) ** 2))}

    def columns(self, outputs):
        return {"true": outputs["va"][:, 0], "predicted": outputs["values"][:, 0]}


class JointToy(Toy):
    """The class of a clip from joints that only the columns hold: no shard is read."""

    inputs = Inputs((), ("joints", "clip_label"), Whole(12, shift=True))
    net = JointNet()

    def example(self):
        return jnp.zeros((2, 12, 4, 3))

    def pixels(self, batch, keys=None):
        return batch["joints"]

    def truth(self, batch):
        return {"clip_label": batch["clip_label"]}

    def objective(self, logits, batch):
        logits, label, mask = gather_rows((logits, batch["clip_label"], batch["mask"]))
        return masked_mean(-true_class_log_probability(logits, label, mask), mask)

    def predict(self, variables, batch):
        return {"probabilities": nn.softmax(self.net.apply(variables, batch["joints"], train=False))}

    metrics = SegmentToy.metrics
    columns = SegmentToy.columns
