"""Systems of people in context on your own pictures; ``python -m data_prep.folder.people`` prepares them.

Labels, and whether there are valence, arousal and dominance, are those of the data.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.base import Variant
from configs.emotic import demo_people, people

FAMILY = "own_people"
DATASET = "your own pictures of people"

_STREAMS = "model.streams"
VARIANTS = {
    "own_people_bc": Variant(
        {_STREAMS: "body,context"}, "body and context, the person hidden in the context"
    ),
    "own_people_b": Variant({_STREAMS: "body"}, "body alone"),
    "own_people_bcf": Variant({_STREAMS: "body,context,face"}, "with the face that is found in the body box"),
    "own_people_bc_mlgcn": Variant(
        {_STREAMS: "body,context", "model.labels": "gcn", "optimizer.learning_rate": 5e-3},
        "body and context, ML-GCN: a label graph of labels that occur together",
    ),
}


def get_config(variant: str = "own_people_bc") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    config = people()
    config.preparation, config.data_dir = "folder", "data/people"
    return base.apply(config, VARIANTS, variant, demo_size=_demo)


def _demo(config: ConfigDict) -> None:
    folder = config.data_dir
    demo_people(config)
    config.data_dir = folder
