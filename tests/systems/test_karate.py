"""System 74: the karate club in an untrained GCN."""

import jax
import numpy as np
import pytest

from emojax import systems
from emojax.cli import load_config_file
from emojax.errors import ConfigError
from emojax.systems.karate.__main__ import main
from emojax.systems.karate.system import KarateMeasure


def build():
    config = load_config_file("configs/karate_demo.py")
    return systems.build(config, systems.stand_in(config))


def test_it_initialises_abstractly_with_the_sizes_of_its_layers():
    shapes = jax.eval_shape(build().init, jax.random.key(0))["params"]
    assert sum(x.size for x in jax.tree.leaves(shapes)) == 34 * 16 + 16 * 16 + 16 * 2


def test_friends_lie_together_without_any_training():
    """Random weights do better on the real club than on one whose outcome is shuffled."""
    system, rng = build(), np.random.default_rng(0)
    keys = jax.random.split(jax.random.key(0), 40)
    embeddings = np.asarray(jax.vmap(lambda key: system.predict(system.init(key), {})["embedding"])(keys))
    assert embeddings.shape == (40, 34, 2)

    def share():
        return np.mean(
            [system.measure.metrics({"embedding": e})["nearest_mean_accuracy"] for e in embeddings]
        )

    real = share()
    shuffled = []
    for _ in range(10):
        system.measure = KarateMeasure(rng.permutation(system.club), system.labels)
        shuffled.append(share())
    assert real > max(shuffled) + 0.05, (real, shuffled)


def test_the_command_draws_the_figure(tmp_path, capsys):
    assert main(["--out", str(tmp_path)]) == 0
    assert (tmp_path / "karate.png").stat().st_size > 10_000
    assert "own later club" in capsys.readouterr().out


def test_it_is_never_trained():
    with pytest.raises(ConfigError, match="never trained"):
        build().program(1)


def test_layers_that_do_not_end_in_the_plane_are_refused():
    config = load_config_file("configs/karate_demo.py")
    config.widths = (16, 3)
    with pytest.raises(ConfigError, match="widths is"):
        systems.build(config, None)
