"""The Regression GAN: sizes, batch norms, what trains when, resume, devices, samples."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emojax import systems
from emojax.cli import load_config_file
from emojax.engine.evaluation import evaluate
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh, put_batch
from emojax.engine.restore import read_variables
from emojax.engine.run import Run
from emojax.engine.runlog import read_log
from emojax.engine.step import make_train_step
from emojax.errors import ConfigError
from emojax.models import dcgan
from emojax.models.dcgan import Discriminator, Generator, StridedConv, TransposedConv
from emojax.systems.face_gan.measure import spread_of
from emojax.systems.face_gan.network import labelled
from tests.systems.face_video_toy import make_videos

SPEC = "configs/affwild_gan.py:{}@demo"
TINY = {
    "image_size": 16,
    "batch_size": 12,
    "num_steps": 5,
    "model.generator_channels": 16,
    "model.discriminator_channels": 4,
    "model.noise": 8,
    "model.sheet_steps": (2, 4),
    "model.generator_updates": 2,
    "model.match_anneal_steps": 50,
    "optimizer.learning_rate": 2e-3,
    "run.eval_every_steps": 5,
    "run.log_every": 1,
    "run.checkpoint_every_steps": 1000,
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    lengths = {"train": (10,) * 6, "validation": (9, 12)}
    return make_videos(tmp_path_factory.mktemp("videos"), lengths, pixels=16)


def config_of(videos, name="affwild_reggan_small", **changes):
    config = load_config_file(SPEC.format(name))
    changes = {k.replace("__", "."): v for k, v in changes.items()}
    config.update_from_flattened_dict({**TINY, "data_dir": videos.path, **changes})
    return config


def fit(videos, workdir, name="affwild_reggan_small", *, devices=1, **changes):
    config = config_of(videos, name, **changes)
    system = systems.build(config, videos.recipe)
    mesh = data_mesh(jax.devices()[:devices])
    return system, train(config, system, videos, workdir, mesh=mesh, progress=False)


@pytest.fixture(scope="module")
def whole(videos, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("gan") / "whole"
    return (*fit(videos, workdir), workdir)


def test_the_networks_have_the_parameters_of_the_specification():
    shapes = (
        (Generator(), (1, 100), 5_135_363),
        (Discriminator(), (1, 64, 64, 3), 4_309_891),
    )
    for net, shape, count in shapes:
        found = jax.eval_shape(
            lambda key, n=net, s=shape: n.init(key, jnp.zeros(s), train=False), jax.random.key(0)
        )
        assert sum(x.size for x in jax.tree.leaves(found["params"])) == count


@pytest.mark.parametrize("plain, quick", [(nn.ConvTranspose, TransposedConv), (nn.Conv, StridedConv)])
def test_the_quick_convolutions_are_the_plain_ones(plain, quick):
    x = jax.random.normal(jax.random.key(0), (2, 4, 6, 3))
    plain, quick = plain(5, (5, 5), (2, 2), "SAME"), quick(5)
    variables = quick.init(jax.random.key(1), x)
    variables["params"]["bias"] = jnp.arange(5.0)
    assert jax.tree.structure(variables) == jax.tree.structure(plain.init(jax.random.key(1), x))
    np.testing.assert_allclose(quick.apply(variables, x), plain.apply(variables, x), atol=1e-6)


@pytest.mark.parametrize(
    "together, one_by_one",
    [(dcgan._up_together, dcgan._up_one_by_one), (dcgan._down_together, dcgan._down_one_by_one)],
)
def test_the_convolutions_of_a_gpu_are_those_of_a_cpu(together, one_by_one):
    x, kernel = (jax.random.normal(jax.random.key(0), shape) for shape in ((2, 4, 6, 3), (5, 5, 3, 5)))
    np.testing.assert_allclose(together(x, kernel), one_by_one(x, kernel), atol=1e-5)


def test_the_discriminator_learns_valence_while_the_generator_does_not_collapse(videos, tmp_path):
    """The grey of the toy's pictures shows the valence. Where the matching does not end, the diversity is 0.02."""
    _, result = fit(videos, tmp_path, seed=1, num_steps=120, run__eval_every_steps=120)
    assert result.metrics["ccc_valence"] > 0.6
    assert result.metrics["diversity"] > 0.1


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_a_killed_run_goes_on_bit_for_bit_with_both_optimisers_and_the_sheets(whole, videos, tmp_path):
    _, result, _ = whole
    for stop in (1, 3):
        assert not fit(videos, tmp_path, run__stop_after_steps=stop)[1].finished
    _, parts = fit(videos, tmp_path)
    assert parts.finished and equal(result.state, parts.state) and parts.metrics == result.metrics
    sheets = np.asarray(result.state.model_state["sheets"])
    assert sheets.shape == (2, 64, 16, 16, 3) and all(sheet.any() for sheet in sheets)


def test_eight_devices_train_as_one(whole, videos, tmp_path):
    _, result, _ = whole
    _, eight = fit(videos, tmp_path, devices=8)
    for name in ("loss", "judged_real_fake", "diversity"):
        assert eight.metrics[name] == pytest.approx(result.metrics[name], rel=2e-3, abs=1e-4)


@pytest.fixture(scope="module")
def step_of(videos):
    """One training step of a variant on one batch: the states before and after, and the logs."""

    def step(**changes):
        config = config_of(videos, **changes)
        run = Run(config, systems.build(config, videos.recipe), videos, data_mesh(jax.devices()[:1]))
        state = run.initial_state()
        before = jax.device_get(state)
        batch = next(run.batches("train", train=True))
        arrays = put_batch({k: v for k, v in batch.items() if v.dtype.kind != "U"}, run.mesh)
        after, logs = make_train_step(run.program, run.mesh, config.seed)(state, arrays)
        return before, jax.device_get(after), jax.device_get(logs)

    return step


def test_a_generator_step_leaves_the_discriminator_and_its_statistics_alone(step_of):
    alone = step_of(model__generator_updates=0)
    both = step_of()  # two of them
    # The discriminator's step comes first; what follows changes neither its weights nor its running statistics.
    for name in ("params", "opt_state"):
        a, b = getattr(alone[1], name)["discriminator"], getattr(both[1], name)["discriminator"]
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)
    stats = [state.model_state["batch_stats"]["discriminator"] for state in (alone[1], both[1])]
    for x, y in zip(*map(jax.tree.leaves, stats), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-7)
    assert not equal(stats[0], alone[0].model_state["batch_stats"]["discriminator"])
    # Without a step of its own the generator stays as it was, statistics included.
    for part in (lambda s: s.params["generator"], lambda s: s.model_state["batch_stats"]["generator"]):
        assert equal(part(alone[0]), part(alone[1])) and not equal(part(both[0]), part(both[1]))
    assert both[1].opt_state["generator"] != {} and float(both[2]["match_weight"]) == 10


def test_unlabelled_videos_count_in_the_adversarial_loss_alone(videos):
    config = config_of(videos, model__label_fraction=0.5)
    system = systems.build(config, videos.recipe)
    columns = videos.columns("train")
    weights = system.sample_weights(columns)
    known = np.asarray(labelled(jnp.asarray(columns["sequence"]), 0.5)) > 0
    assert 0 < known.sum() < len(known)
    assert all(len(set(known[columns["sequence"] == s])) == 1 for s in range(6))
    assert weights[known].sum() == pytest.approx(weights[~known].sum()) == pytest.approx(0.5)


def test_a_share_of_the_videos_keeps_its_labels_and_never_none():
    videos = np.arange(1, 1001)
    for fraction in (1e-6, 0.01, 0.1, *np.random.default_rng(0).uniform(0, 1, 40)):
        kept = np.cumsum(labelled(jnp.arange(1000), float(fraction)))
        assert kept.min() >= 1 and np.abs(kept - fraction * videos).max() <= 4


def test_a_report_has_sheets_and_metrics_that_show_a_collapse(whole, videos):
    system, _, workdir = whole
    restored = read_variables(workdir, "best")
    found = evaluate(workdir, restored, system, videos, "validation")["metrics"]
    page = next(workdir.rglob("index.html")).parent
    assert {"samples_1.png", "samples_1_values.png", "sheet_000002.png", "sheet_000004.png"} <= {
        p.name for p in page.iterdir()
    }
    assert found["loss"] == pytest.approx(1 - found["ccc_mean"])
    assert 0 <= found["judged_real_fake"] <= 1 and found["diversity"] > 0
    assert found["discriminator_accuracy"] == pytest.approx(
        (found["judged_real_real"] + 1 - found["judged_real_fake"]) / 2
    )
    analysis = system.analysis(system, restored.variables, videos, "validation")
    drawn = analysis.sections(workdir.parent / "figures", {}, read_log(workdir))
    assert [len(section.pictures) for section in drawn] == [1, 2, 8]
    same = np.repeat(np.random.default_rng(0).normal(size=(1, 64)), 20, axis=0)
    assert spread_of(same) == pytest.approx(0, abs=1e-12)


def test_a_discriminator_of_capsules_is_trained_saved_and_read(tmp_path):
    videos = make_videos(tmp_path / "videos", {"train": (10,) * 6, "validation": (4,)}, pixels=32)
    sizes = {"image_size": 32, "model__discriminator_channels": 2, "batch_size": 8, "num_steps": 2}
    system, result = fit(videos, tmp_path / "run", "affwild_capsgan_va", **sizes, model__sheet_steps=())
    assert result.finished and np.isfinite(result.metrics["loss"])
    (row,) = [row for row in read_log(tmp_path / "run") if row["kind"] == "train"][-1:]
    assert 0 <= row["generator_adversarial_loss"] <= 0.81  # the margin of a length of 0
    restored = read_variables(tmp_path / "run", "best")
    trained = {"params": result.state.params, **result.state.model_state}
    judge, image = jax.jit(system.networks.judge), jnp.zeros((1, 32, 32, 3))
    assert equal(judge(trained, image), judge(restored.variables, image))
    small = config_of(videos, "affwild_capsgan_va", image_size=16)
    with pytest.raises(ConfigError, match="capsules reads 32 pixels"):
        systems.build(small, videos.recipe)


def test_impossible_sizes_and_steps_are_one_line(videos):
    for change, message in (
        ({"image_size": 48}, "the generator draws 16, 32"),
        ({"model__sheet_steps": (0,)}, "sheet_steps"),
        ({"model__smooth_side": "left"}, "smooth_side"),
        ({"model__label_fraction": 0.0}, "label_fraction"),
    ):
        with pytest.raises(ConfigError, match=message):
            systems.build(config_of(videos, **change), videos.recipe)
