"""EmotiCon: multiplicative fusion of scores and the graph of people (context_emotion spec 2.10)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import jraph
import numpy as np

from emojax.models.fusion import Encoders, attention_branch, collect
from emojax.models.gcn import GraphConvolution
from emojax.models.heads import dense
from emojax.models.streams import encode, in_order


class PeopleGCN(nn.Module):
    """Two graph convolutions over the people of an image and a dense layer; read at the agent's own node.

    Edges weigh ``exp(-d)`` between centres nearer than `reach` (thesis eq. 4.6), d in image widths.

    Attributes:
        channels: of the graph convolutions (ReLU).
        features: width of the dense layer (ReLU).
        reach: largest distance of an edge, the mu of the thesis.
        propagation: see `models.gcn.propagate`.
    """

    channels: Sequence[int] = (32, 64)
    features: int = 64
    reach: float = 0.5
    propagation: str = "dense"

    @property
    def feature_size(self) -> int:
        return self.features

    @nn.compact
    def __call__(
        self, boxes: jax.Array, *, train: bool, mask: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Boxes of the people ``[B, P, 4]`` (left, top, right, bottom over the image's size) -> features.

        Args:
            boxes: the agent's box first; rows of zeros where there is nobody.
            train: not used, there is no batch norm.
            mask: not used.

        Returns:
            ``{"features": [B, features]}`` float32.
        """
        batch, people, _ = boxes.shape
        present = jnp.any(boxes > 0, axis=-1)
        centres = (boxes[..., :2] + boxes[..., 2:]) / 2
        graph = people_graph(centres, present, self.reach)
        for i, width in enumerate(self.channels):
            graph = GraphConvolution(width, self.propagation, name=f"graph_{i}")(graph)
            graph = graph._replace(nodes=nn.relu(graph.nodes))
        agent = graph.nodes.reshape(batch, people, -1)[:, 0]
        return {"features": nn.relu(dense(agent, self.features, "dense"))}


def people_graph(centres: jax.Array, present: jax.Array, reach: float) -> jraph.GraphsTuple:
    """One graph of all people of a batch, an edge between any two of the same image.

    Args:
        centres: ``[B, P, 2]`` in image widths.
        present: ``[B, P]`` bool.
        reach: largest distance of an edge.

    Returns:
        GraphsTuple with ``nodes [B P, 2]`` (the centres) and ``edges [B P P]``: symmetrically normalised
        weights, zero where a person is missing or too far; ``globals [B, P, P]`` holds them as matrices.
    """
    batch, people = present.shape
    # A tiny offset keeps the gradient of the root finite where a person meets itself.
    square = jnp.sum((centres[:, :, None] - centres[:, None]) ** 2, axis=-1)
    distance = jnp.sqrt(square + 1e-12)
    both = present[:, :, None] & present[:, None]
    weights = jnp.where(both & (distance < reach), jnp.exp(-distance), 0.0)
    degree = jnp.sum(weights, axis=-1)
    scale = jnp.where(degree > 0, jax.lax.rsqrt(jnp.where(degree > 0, degree, 1)), 0)
    weights = scale[:, :, None] * weights * scale[:, None]
    first = people * np.arange(batch)[:, None, None]
    receivers, senders = np.broadcast_arrays(np.arange(people)[:, None], np.arange(people)[None])
    return jraph.GraphsTuple(
        nodes=centres.reshape(batch * people, 2),
        edges=weights.reshape(-1),
        receivers=(first + receivers).reshape(-1).astype(np.int32),
        senders=(first + senders).reshape(-1).astype(np.int32),
        globals=weights,
        n_node=np.full(batch, people, np.int32),
        n_edge=np.full(batch, people * people, np.int32),
    )


class EmotiConNet(nn.Module):
    """Scores of each modality; those of face and pose multiplied, the others beside them, two dense layers.

    Attributes:
        streams: names of the streams.
        encoders: stream -> makes its network, called with ``name``.
        num_classes: C.
        multiplied: streams whose probabilities are multiplied.
        attention: streams with an attention branch.
        hidden: width of the dense layer before the classifier.
    """

    streams: Sequence[str]
    encoders: Encoders
    num_classes: int
    multiplied: Sequence[str] = ("face", "pose")
    attention: Sequence[str] = ("context",)
    hidden: int = 52

    @nn.compact
    def __call__(self, inputs, *, train: bool, mask: jax.Array | None = None, keys=None) -> dict:
        """As `fusion.PeopleNet`, and ``modality_probabilities [B, n, C]`` of the multiplied streams."""
        encoded, scores = {}, {}
        for name in in_order(self.streams):
            encoder = self.encoders[name](name=name)
            branch = None
            if name in self.attention:
                branch = attention_branch(encoder, self.num_classes, f"{name}_attention")
            encoded[name] = encode(encoder, inputs[name], train=train, mask=mask, branch=branch)
            # Not `linear_head`: layers that start at nearly zero behind each other get no gradient, and then one
            # factor of the product learns and the other never does.
            scores[name] = nn.sigmoid(dense(encoded[name]["features"], self.num_classes, f"{name}_scores"))
        multiplied = [scores[s] for s in self.multiplied]
        joined = [scores[s] for s in scores if s not in self.multiplied]
        h = jnp.concatenate([math.prod(multiplied), *joined], axis=-1)
        logits = dense(nn.relu(dense(h, self.hidden, "hidden")), self.num_classes, "labels")
        outputs = {**collect(encoded), "logits": logits}
        return {**outputs, "modality_probabilities": jnp.stack(multiplied, axis=1)}
