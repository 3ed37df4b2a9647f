"""The recipe of the Emotion-GCN thesis and how a family of configs is written as a table of variants.

Numbers: emotion_gcn spec sections 2, 3 and 5 (thesis 001, l.1066-1086 and l.1616-1664).
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from emojax.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Variant:
    """One system of a family: what it changes in the family's base config.

    Attributes:
        change: dotted config field -> value.
        note: one line for the list of systems.
        table: table of the thesis that reports it; empty when none does.
        published: reported values by metric name (accuracy in percent, CCC), as printed there.
    """

    change: Mapping[str, Any]
    note: str
    table: str = ""
    published: Mapping[str, float] = dataclasses.field(default_factory=dict)


def apply(config: ConfigDict, variants: Mapping[str, Variant], name: str) -> ConfigDict:
    """The family's base config with the changes of variant `name`.

    Raises:
        ConfigError: no such variant; names the near ones.
    """
    if name not in variants:
        near = difflib.get_close_matches(name, variants, n=3, cutoff=0.4) or sorted(variants)
        raise ConfigError(f"There is no variant {name!r}; did you mean {', '.join(near)}?")
    config.name = name
    config.update_from_flattened_dict(dict(variants[name].change))
    return config


def faces() -> ConfigDict:
    """Expression and valence / arousal of a face: DenseNet-121 at 227 px, SGD, 10 epochs of batches of 35."""
    config = ConfigDict()
    config.name = ""
    config.family = "faces"
    config.data_dir = "data/affectnet"
    config.num_classes = 7
    config.image_size = 227
    config.batch_size = 35
    config.eval_batch_size = 35
    config.num_epochs = 10
    config.seed = 0
    config.precision = "auto"  # bfloat16 compute on GPU and TPU, float32 on CPU
    config.augment = "full"  # none, code, full: spec 1.7
    config.init_from = ""  # .safetensors of `python -m emojax.pretrained import`, or a work directory

    config.model = ConfigDict()
    config.model.backbone = "densenet121"
    config.model.remat = False  # recompute dense blocks in the backward pass: less memory, more time
    config.model.pool = "avg"
    config.model.final_relu = True
    config.model.head = "single"

    config.objective = ConfigDict()
    config.objective.expression = "weighted"  # weighted, unweighted
    config.objective.reduction = "weighted_mean"  # weighted_mean, mean
    config.objective.auxiliary = "none"  # none, ccc, mse
    config.objective.auxiliary_weight = 1.0
    config.objective.ccc_bias_parity = False

    config.optimizer = ConfigDict()
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 0.001
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 0.001
    config.optimizer.schedule = "constant"  # constant, step, cosine
    config.optimizer.decay_epochs = 10
    config.optimizer.warmup_epochs = 0.0

    config.run = ConfigDict()  # how the run is carried out: changes no result
    config.run.threads = 0  # decoding threads; 0: one a core, at most 16
    config.run.log_every = 50
    config.run.checkpoint_every_steps = 1000
    config.run.eval_every_epochs = 1
    config.run.stop_after_steps = 0  # stop early, e.g. for a trial; 0: run to the end
    return config
