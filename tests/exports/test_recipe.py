"""What travels with an exported program: labels, preprocessing, links and the label graph."""

import pathlib

import numpy as np

from configs import affectnet_gcn
from emojax import systems
from emojax.engine.restored import Restored
from emojax.exports.recipe import described
from emojax.models.gcn import dense_adjacency


def test_the_label_graph_travels_with_its_nodes():
    config = affectnet_gcn.get_config("emotion_gcn@demo")
    recipe = systems.stand_in(config)
    constants = systems.build(config, recipe).constants
    meta = {"config": config.to_dict(), "recipe": recipe.to_json()}
    found = described(Restored(1, 1, {"params": {}, "constants": constants}, meta, pathlib.Path("run")))
    assert found["label_graph"]["nodes"] == ("neutral", *recipe.labels.classes[1:], "valence", "arousal")
    (graph,) = [g for g in constants["head"].values() if hasattr(g, "keys")] or [constants["head"]]
    np.testing.assert_array_equal(found["label_graph"]["receivers_by_senders"], dense_adjacency(graph))
    assert found["recipe"]["labels"]["classes"] and found["recipe"]["build"] is not None
    assert found["links"]["probabilities"] == "identity"
