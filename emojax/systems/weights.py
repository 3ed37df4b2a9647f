"""Pretrained weights of the streams and of the frozen scene network."""

from __future__ import annotations

from collections.abc import Mapping

from emojax.errors import ConfigError
from emojax.models.constants import CONSTANTS
from emojax.pretrained.initialise import initialise
from emojax.systems.base import Variables
from emojax.systems.scenes import FROZEN, SCENE_NETWORK


def load_streams(
    variables: Variables, init_from: Mapping[str, str], inside: str = ""
) -> tuple[Variables, dict]:
    """Puts weights into fresh variables.

    Args:
        variables: ``params``, ``batch_stats`` and perhaps ``frozen``.
        init_from: stream, or ``scene_network``, -> file of ``python -m emojax.pretrained import`` or work
            directory of a run whose backbone is taken; empty for random weights.
        inside: module that holds the streams; empty where they are the network's own.

    Returns:
        The variables, and for each part where its weights come from.

    Raises:
        CheckpointError: a file cannot be read or does not fit.
        ConfigError: a part that the network does not have.
    """
    given = {part: path for part, path in init_from.items() if path}
    scene_file, record = given.pop(SCENE_NETWORK, ""), {}
    wanted = {f"{inside}/{part}" if inside else part: path for part, path in given.items()}
    apart = {k: v for k, v in variables.items() if k in (FROZEN, CONSTANTS)}
    network = {k: v for k, v in variables.items() if k not in apart}
    if wanted:
        network, record = initialise(network, wanted)
    if FROZEN not in variables:
        if scene_file:
            raise ConfigError(
                f"config.init_from.{SCENE_NETWORK} is given, but this system has no scene network: its "
                "scores, if it has any, come from the records."
            )
        return {**network, **apart}, record
    frozen = dict(variables[FROZEN])
    if scene_file:
        frozen[SCENE_NETWORK], scene = initialise(frozen[SCENE_NETWORK], scene_file, part="")
        record[SCENE_NETWORK] = next(iter(scene.values()))
    return {**network, **apart, FROZEN: frozen}, record
