"""The network that a config describes (affwild_gan spec 2.1-2.4, affwild_cnn_rnn spec 2)."""

from __future__ import annotations

from emojax.engine.mesh import DATA_AXIS
from emojax.labels import Labels
from emojax.models.backbones import create_backbone
from emojax.models.frame_net import FrameNet


def heads_of(outputs: str, labels: Labels) -> dict[str, int]:
    """Name of each output -> its width: ``logits``, ``dimensions``."""
    heads = {"logits": len(labels.classes), "dimensions": len(labels.dimensions)}
    wanted = {"va": ("dimensions",), "category": ("logits",), "both": ("logits", "dimensions")}[outputs]
    return {name: heads[name] for name in wanted}


def build_net(config, labels: Labels, dtype) -> FrameNet:
    """See `FrameNet`."""
    options = config.model
    trunk = None
    if not options.cached:
        trunk = create_backbone(options.trunk, dtype=dtype, axis_name=DATA_AXIS)
    return FrameNet(
        heads_of(options.outputs, labels),
        trunk,
        pool=options.pool,
        fc_units=tuple(options.fc_units),
        fc_dropout=options.fc_dropout,
        cell="" if options.cell == "none" else options.cell,
        units=options.units,
        layers=options.layers,
        rnn_dropout=options.rnn_dropout,
        reset_after=options.reset_after,
        head_units=tuple(options.head_units),
        head_dropout=options.head_dropout,
        dtype=dtype,
    )
