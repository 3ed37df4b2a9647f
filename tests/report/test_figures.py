"""Every figure is written, says what it should, survives bad input, and leaves nothing behind."""

from __future__ import annotations

import importlib.machinery
import struct
import sys
import types
import warnings

import matplotlib
import numpy as np
import pytest

from emojax.report import (
    classification,
    curves,
    features,
    karate,
    matrices,
    preparation,
    samples,
    style,
    valence_arousal,
)

SEVEN = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger")
LONG = tuple(f"a rather long category name number {i}" for i in range(26))


@pytest.fixture(autouse=True)
def warnings_are_errors_and_nothing_leaks(monkeypatch):
    monkeypatch.setattr(style, "DPI", 60)  # the same figures, drawn faster
    before = dict(matplotlib.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def size_of(path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def texts_of(monkeypatch, draw) -> str:
    """All texts of the one figure that `draw()` writes."""
    seen = []
    monkeypatch.setattr(style.Figure, "savefig", lambda fig, *_, **__: seen.append(fig))
    draw()
    (fig,) = seen
    return "\n".join(t.get_text() for t in fig.findobj(matplotlib.text.Text))


def log_rows() -> list[dict]:
    rows = []
    for step in range(1, 61):
        loss = float("nan") if step == 7 else 1 / step
        rows.append({"kind": "train", "step": step, "epoch": step / 20, "loss": loss, "loss_ccc": 1.0})
        if step % 20 == 0:
            scores = {"loss": 0.5, "accuracy": step / 100, "ccc_valence": None, "note": "text"}
            rows.append({"kind": "eval", "step": step, "epoch": step / 20, **scores})
    return rows


def plane(n: int, classes: int):
    rng = np.random.default_rng(0)
    points, labels = rng.uniform(-1, 1, (n, 2)), rng.integers(0, classes, n)
    labels[labels == 4] = 0  # one class is missing
    if n:
        points[0, 0] = np.nan
    return points, labels


def pictures(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 24, 24, 3), np.uint8)


def draw_samples(path, n: int, names):
    points, labels = plane(n, len(names))
    samples.sample_figure(
        path, pictures(n), labels, labels[::-1], names, truth_values=points, predicted_values=points
    )


def draw_features(path, n: int, names, centres=True):
    x = np.random.default_rng(0).normal(size=(n, 8))
    if n:
        x[0, 0] = np.inf
    extra = (np.zeros((2, 8)), np.array([0, 1])) if centres else (None, None)
    one = features.FeatureSet(x, plane(n, len(names))[1], *extra)
    features.feature_figure(path, {"run": one}, names)


def half_empty_counts(classes: int) -> np.ndarray:
    counts = np.arange(classes * classes).reshape(classes, classes)
    counts[classes // 2] = 0
    return counts


FIGURES = {
    "training": lambda p: curves.training_figure(p, log_rows()),
    "training, empty log": lambda p: curves.training_figure(p, []),
    "training, one row": lambda p: curves.training_figure(p, log_rows()[:1]),
    "focal": lambda p: curves.focal_figure(p),
    "confusion": lambda p: classification.confusion_figure(p, half_empty_counts(7), SEVEN),
    "confusion, 26 long names": lambda p: classification.confusion_figure(p, half_empty_counts(26), LONG),
    "confusion, nothing": lambda p: classification.confusion_figure(p, np.zeros((7, 7)), SEVEN),
    "confusions, three": lambda p: classification.confusion_figures(
        p, {f"run {i}": half_empty_counts(7) for i in range(3)}, SEVEN
    ),
    "confusions, none": lambda p: classification.confusion_figures(p, {}, SEVEN),
    "per class": lambda p: classification.per_class_figure(
        p, {"accuracy": [0.5] * 6 + [np.nan], "F1": [np.nan] * 7}, SEVEN, counts=range(7)
    ),
    "per class, 26": lambda p: classification.per_class_figure(p, {"accuracy": [0.5] * 26}, LONG),
    "label distribution": lambda p: classification.label_distribution_figure(
        p, {"train": range(7), "validation": [0] * 7}, SEVEN
    ),
    "age": lambda p: classification.age_figure(
        p, np.array([5, -1, np.nan, 70]), np.array([0, 1, 2, 25]), np.array([True] * 4), LONG
    ),
    "adjacency": lambda p: matrices.adjacency_heatmap(
        p, np.eye(9), (*SEVEN, "valence", "arousal"), num_classes=7
    ),
    "adjacency, all zero": lambda p: matrices.adjacency_heatmap(p, np.zeros((9, 9)), LONG[:9], num_classes=7),
    "similarity": lambda p: matrices.similarity_heatmaps(
        p, {"a": np.full((9, 9), np.nan)}, LONG[:9], num_classes=7
    ),
    "similarity, three": lambda p: matrices.similarity_heatmaps(
        p, {"a": np.eye(4), "b": np.eye(4), "c": -np.eye(4)}, LONG[:4], num_classes=2
    ),
    "ablation": lambda p: matrices.ablation_heatmap(
        p,
        {
            "tau": (np.array([[1, np.nan]]), ["L 1"], ["0", "0.1"]),
            "p": (np.full((1, 1), np.nan), ["x"], ["y"]),
        },
    ),
    "ablation, none": lambda p: matrices.ablation_heatmap(p, {}),
    "prediction": lambda p: valence_arousal.prediction_figure(p, *[plane(200, 7)[0]] * 2),
    "prediction, density": lambda p: valence_arousal.prediction_figure(p, *[plane(2000, 7)[0]] * 2),
    "prediction, one sample": lambda p: valence_arousal.prediction_figure(
        p, np.zeros((1, 2)), np.zeros((1, 2))
    ),
    "prediction, nothing": lambda p: valence_arousal.prediction_figure(p, *[np.zeros((0, 2))] * 2),
    "plane": lambda p: valence_arousal.scatter_figure(p, *plane(300, 26)[0].T, plane(300, 26)[1], LONG),
    "plane, nothing": lambda p: valence_arousal.scatter_figure(p, *[np.zeros(0)] * 3, SEVEN),
    "class planes": lambda p: valence_arousal.class_scatter_figure(
        p, *plane(300, 7)[0].T, plane(300, 7)[1], SEVEN
    ),
    "class planes, nothing": lambda p: valence_arousal.class_scatter_figure(p, *[np.zeros(0)] * 3, SEVEN),
    "sectors": lambda p: valence_arousal.sector_figure(p, *plane(300, 7)[0].T, num_sectors=12),
    "halves, nothing": lambda p: valence_arousal.sector_figure(p, *[np.zeros(0)] * 2, num_sectors=2),
    "samples": lambda p: draw_samples(p, 7, SEVEN),
    "samples, long names": lambda p: draw_samples(p, 3, LONG),
    "samples, none": lambda p: draw_samples(p, 0, SEVEN),
    "comparison": lambda p: samples.comparison_figure(
        p, pictures(3), plane(3, 7)[::-1], {"A": plane(3, 7)[::-1], "B": plane(3, 7)[::-1]}, SEVEN
    ),
    "probabilities": lambda p: samples.probability_figure(
        p, pictures(2), np.full((2, 26), np.nan), LONG, truth=np.array([0, 25])
    ),
    "probabilities, none": lambda p: samples.probability_figure(p, pictures(0), np.zeros((0, 7)), SEVEN),
    "mask": lambda p: preparation.mask_figure(p, pictures(1)[0], np.eye(7)),
    "alignment": lambda p: preparation.alignment_figure(
        p, {"a": pictures(1)[0], "b": pictures(1)[0, :9]}, {"b": np.ones((68, 2))}
    ),
    "alignment, no steps": lambda p: preparation.alignment_figure(p, {}),
    "features": lambda p: draw_features(p, 40, SEVEN),
    "features, four samples": lambda p: draw_features(p, 4, LONG, centres=False),
    "features, no samples": lambda p: draw_features(p, 0, SEVEN),
    "features, no runs": lambda p: features.feature_figure(p, {}, SEVEN),
    "karate": lambda p: karate.karate_figure(p, np.eye(3)[:, :2], np.ones((3, 3)), np.array([0, 1, 1])),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_written_without_warnings(name, tmp_path):
    path = tmp_path / "new folder" / "figure.png"
    FIGURES[name](path)
    width, height = size_of(path)
    assert width > 200 and height > 100
    assert path.stat().st_size > 1000  # more than a blank canvas


def test_augmentation_figure_shows_each_operation_and_the_draws(tmp_path, monkeypatch):
    text = texts_of(
        monkeypatch, lambda: preparation.augmentation_figure(tmp_path / "a.png", pictures(1)[0], draws=3)
    )
    for word in ("Original", "Flip", "Rotation", "Brightness", "Contrast", "Saturation", "Hue", "Draw 3"):
        assert word in text
    assert "Draw 4" not in text


def test_the_same_input_gives_the_same_file(tmp_path):
    for name in ("a.png", "b.png"):
        matrices.adjacency_heatmap(tmp_path / name, np.eye(9), LONG[:9], num_classes=7)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_confusion_figure_shows_row_percent_counts_and_accuracy(tmp_path, monkeypatch):
    counts = np.array([[3, 1, 0], [0, 0, 0], [10, 0, 30]])
    names = ("calm", "happy", "sad")
    text = texts_of(monkeypatch, lambda: classification.confusion_figure(tmp_path / "c.png", counts, names))
    cells = text.split("\n")
    assert {"75", "25", "Calm (4)", "Happy (0)", "Sad (40)"} <= set(cells)
    assert cells.count(style.NO_VALUE) == 3  # the class without samples
    assert "N = 44, accuracy 75.0%, class mean 75.0%" in text


def test_age_figure_has_the_groups_of_the_age_sampler_and_counts_the_known_ages(tmp_path, monkeypatch):
    ages, labels = np.array([5, 12, 19, 69, 70, 91, -1, np.nan]), np.arange(8) % 3
    correct = labels == 0
    draw = lambda: classification.age_figure(tmp_path / "a.png", ages, labels, correct, "abc")  # noqa: E731
    cells = texts_of(monkeypatch, draw)
    assert "N = 6" in cells
    for group in ("0-9\n(1)", "10-19\n(2)", "20-29\n(0)", "60-69\n(1)", "70+\n(2)"):
        assert group in cells


def test_prediction_figure_states_ccc_and_what_it_left_out(tmp_path, monkeypatch):
    truth = np.array([[0.0, 0], [0.5, 0.2], [-0.3, 0.4], [0.6, 0.1]])
    predicted = np.array([[0.1, 0], [0.4, 0.2], [-0.2, 0.4], [0.8, 0.1]])  # appendix A: CCC 0.936937
    both = [np.vstack([x, [[np.nan, 0.3]]]) for x in (predicted, truth)]
    text = texts_of(monkeypatch, lambda: valence_arousal.prediction_figure(tmp_path / "p.png", *both))
    assert "Valence: CCC 0.937" in text and "Arousal: CCC 1.000" in text
    assert "N = 4, 1 not finite left out" in text


def test_training_figure_names_the_best_evaluation(tmp_path, monkeypatch):
    text = texts_of(monkeypatch, lambda: curves.training_figure(tmp_path / "t.png", log_rows()))
    assert "accuracy, eval (best 0.600)" in text
    assert "60 steps" in text


def test_sample_figure_counts_the_right_ones(tmp_path, monkeypatch):
    draw = lambda: samples.sample_figure(  # noqa: E731
        tmp_path / "s.png", pictures(3), [0, 1, 2], [0, 1, 1], SEVEN
    )
    text = texts_of(monkeypatch, draw)
    assert "2 of 3 right" in text
    assert text.count(style.CHECK) == 2 and text.count(style.CROSS) == 1


def test_adjacency_figure_shows_weights_and_leaves_zeros_blank(tmp_path, monkeypatch):
    matrix = np.array([[0.3, 0.7], [0, 7 / 60]])
    text = texts_of(
        monkeypatch,
        lambda: matrices.adjacency_heatmap(tmp_path / "a.png", matrix, ("happy", "valence"), num_classes=1),
    ).split("\n")
    assert {"0.3", "0.7", "0.117", "Happy", "Valence"} <= set(text)


def test_class_colour_and_marker_pairs_are_distinct_for_26_classes():
    assert len({(style.colour(i), style.marker(i)) for i in range(26)}) == 26


def test_long_names_are_cut_with_an_ellipsis():
    assert style.shorten("abcdef", 4) == "abc…"
    assert style.shorten("abcd", 4) == "abcd"


class StandInUMAP:
    """Takes what `umap.UMAP` takes, and keeps it."""

    made: dict = None

    def __init__(self, n_neighbors=15, n_components=2, *, random_state=None, n_jobs=-1):
        type(self).made = {"n_components": n_components, "random_state": random_state, "n_jobs": n_jobs}

    def fit_transform(self, points):
        warnings.warn("Graph is not fully connected", UserWarning, stacklevel=2)  # as the real one does
        type(self).made["shape"] = points.shape
        return points[:, :2]


def install_umap(monkeypatch):
    module = types.ModuleType("umap")
    module.__spec__ = importlib.machinery.ModuleSpec("umap", None)
    module.UMAP = StandInUMAP
    monkeypatch.setitem(sys.modules, "umap", module)


def test_features_are_mapped_by_umap_where_it_is_installed(tmp_path, monkeypatch):
    install_umap(monkeypatch)
    points, method = features.embed(np.random.default_rng(0).normal(size=(40, 1024)), seed=3)
    assert method == "UMAP" and points.shape == (40, 2)
    assert StandInUMAP.made == {"n_components": 2, "random_state": 3, "n_jobs": 1, "shape": (40, 50)}

    one = features.FeatureSet(np.eye(12), np.arange(12) % 3, np.eye(12)[:3], np.arange(3))
    text = texts_of(monkeypatch, lambda: features.feature_figure(tmp_path / "a.png", {"x": one}, "abc"))
    assert "Feature space (UMAP)" in text
    assert StandInUMAP.made["shape"] == (15, 50)  # samples and centres in one map


def test_features_are_mapped_by_tsne_where_umap_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    one = features.FeatureSet(np.eye(12), np.arange(12) % 3)
    text = texts_of(monkeypatch, lambda: features.feature_figure(tmp_path / "a.png", {"x": one}, "abc"))
    assert "Feature space (t-SNE)" in text


def test_embedding_separates_distant_groups():
    rng = np.random.default_rng(0)
    groups = np.concatenate([rng.normal(size=(30, 6)), rng.normal(size=(30, 6)) + 50])
    points, method = features.embed(groups)
    assert method in ("UMAP", "t-SNE") and points.shape == (60, 2)
    gap = np.linalg.norm(points[:30].mean(0) - points[30:].mean(0))
    assert gap > 2 * max(half.std(axis=0).max() for half in (points[:30], points[30:]))
