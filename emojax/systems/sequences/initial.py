"""What a fresh run starts from: VGG-Face, a trained CNN, and principal components of its features (spec 2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emojax.data.dataset import Dataset
from emojax.data.inputs import Inputs
from emojax.data.select import Pictures
from emojax.engine.inference import Predictor
from emojax.errors import CheckpointError, ConfigError
from emojax.estimators.pca import fit_pca
from emojax.models.constants import CONSTANTS
from emojax.pretrained.architecture import IMAGENET, SPORTS1M_BGR, VGGFACE_BGR
from emojax.pretrained.initialise import initialise
from emojax.pretrained.native import load_weights
from emojax.pretrained.runs import is_run
from emojax.systems.sequences.inputs import STAGE_COLUMN, streams_of
from emojax.systems.sequences.network import SHARED

RANDOM = "random"
_DENSE = ("fc6", "fc7")
_NO_VARIANCE = 1e-12


def start_from(config, variables: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict]]:
    """Fresh variables with what `config.init_from` names in place, and a record of it for the log.

    Of stored features the network before them is not there, and nothing is loaded.

    Raises:
        ConfigError: a recurrent system without the CNN that it reads; tells the command that makes it.
        CheckpointError: a file or run cannot be read or does not fit.
    """
    origin = config.init_from
    if config.model.cached:
        return dict(variables), {}
    if config.model.net == "recurrent" and origin.cnn != RANDOM:
        _require_cnn(config)
        return initialise(variables, origin.cnn)
    if not origin.trunk:
        return dict(variables), {}
    if config.model.net == "c3d":
        if config.model.clip_coding != "sports1m":
            raise ConfigError(
                f"{config.name} gives its C3D pixels in another coding than the weights of Sports-1M read: set "
                "--config.model.clip_coding=sports1m."
            )
        return initialise(variables, {"c3d": origin.trunk}, reads=SPORTS1M_BGR)
    nets = (SHARED,) if config.model.shared_trunk else streams_of(config)
    streams = {f"frames/{name}": origin.trunk for name in nets}
    reads = VGGFACE_BGR if config.model.backbone == "vggface" else IMAGENET
    variables, record = initialise(variables, streams, reads=reads)
    return _dense_layers(config, variables), record


def _require_cnn(config) -> None:
    folder, needs = config.init_from.cnn, config.needs
    if folder and is_run(folder):
        return
    module = "oulu_casia" if config.task == "oulu6" else "sasefe"
    there = f"{folder} holds no run" if folder else "config.init_from.cnn is empty"
    raise ConfigError(
        f"{config.name} reads a trained {needs}: {there}. Train it with python -m emojax.train --config "
        f"configs/{module}.py:{needs} --workdir runs/{needs}, then set --config.init_from.cnn=runs/{needs} (in a "
        f"table: first scripts/reproduce with the row {needs} and the same --out). --config.init_from.cnn={RANDOM} "
        "starts without."
    )


def _dense_layers(config, variables: dict[str, Any]) -> dict[str, Any]:
    """fc6 and fc7 of VGG-Face where their shapes fit: both after ``flat``, fc7 elsewhere if `model.fc7_init` asks."""
    path, options = config.init_from.trunk, config.model
    wanted = _DENSE if options.head == "fc3" else ("fc7",) if options.fc7_init == "vggface" else ()
    if not wanted or is_run(path) or "head" not in variables["params"]["frames"]:
        return variables
    given, head = load_weights(path).variables, dict(variables["params"]["frames"]["head"])
    for layer in wanted:
        for name, ours in head[layer].items():
            theirs = given.get(f"params/{layer}/{name}")
            if theirs is None or theirs.shape != ours.shape:
                held = "none" if theirs is None else f"one of {list(theirs.shape)}"
                raise CheckpointError(f"{path} has no {layer}/{name} of {list(ours.shape)} but {held}.")
        head[layer] = {name: jnp.asarray(given[f"params/{layer}/{name}"]) for name in head[layer]}
    frames = {**variables["params"]["frames"], "head": head}
    return {**variables, "params": {**variables["params"], "frames": frames}}


class FrameReader:
    """Predicts the features of single frames with the network of a recurrent system; see `Predictor`."""

    def __init__(self, system):
        self._system, self.config = system, system.config
        self.inputs = Inputs(system.inputs.features, (), Pictures())

    def predict(self, variables: Mapping, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """``features [b, D]`` of the stage that the system reads."""
        own = {kind: tree["frames"] for kind, tree in variables.items() if kind != CONSTANTS}
        stages = self._system.net.frames.apply(own, self._system.network_inputs(batch), train=False)
        return {"features": stages[self.config.model.feature].astype(jnp.float32)}

    def truth(self, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        return {}


def fit_components(system, variables: dict[str, Any], dataset: Dataset) -> tuple[dict[str, Any], str]:
    """Variables whose constants are the principal components of the training frames' features, and a note.

    Raises:
        ConfigError: more components than frames or features.
    """
    if system.config.model.cached:
        features = dataset.columns("train")[STAGE_COLUMN]
    else:
        predictor = Predictor(FrameReader(system), dataset)
        features = predictor.predict(predictor.place(variables), "train", title="features")["features"]
    count = system.config.model.pca
    pca = fit_pca(features, count)
    components = pca["components"]
    if system.config.model.pca_whiten:
        components = components / np.sqrt(np.maximum(pca["explained_variance"], _NO_VARIANCE))[:, None]
    spectrum = np.zeros(len(pca["mean"]), np.float32)  # as long whatever the number of frames
    spectrum[: len(pca["spectrum"])] = pca["spectrum"]
    constants = {"pca_mean": pca["mean"], "pca_components": components, "pca_spectrum": spectrum}
    constants = {name: jnp.asarray(value) for name, value in constants.items()}
    explained = float(pca["explained_variance_ratio"].sum())
    note = f"{count} principal components explain {explained:.1%} of the variance of {system.config.model.feature}"
    return {**variables, CONSTANTS: constants}, f"{note} on {len(features):,} training frames"
