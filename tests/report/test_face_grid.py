"""Faces on a grid: every face once, each in the cell that its place on the map is nearest to."""

from __future__ import annotations

import numpy as np
import pytest

from emojax.report import face_grid, style
from emojax.report.features import tsne


def test_points_of_a_grid_keep_their_cells_whatever_their_order_and_scale():
    steps = np.linspace(-3, 5, 4)
    points = np.stack(np.meshgrid(steps, 10 * steps), axis=-1).reshape(-1, 2)
    order = np.random.default_rng(0).permutation(16)
    assert face_grid.grid_cells(points[order]).tolist() == order.tolist()


def test_the_assignment_uses_each_cell_once_and_no_exchange_of_two_is_better():
    points = np.random.default_rng(1).uniform(0, 1, (25, 2)) ** 3
    cells = face_grid.grid_cells(points)
    assert sorted(cells) == list(range(25))
    unit = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    places = np.stack([cells % 5, cells // 5], axis=1) / 4
    costs = ((unit[:, None] - places[None]) ** 2).sum(axis=-1)
    own = np.diag(costs)
    assert (costs + costs.T + 1e-9 >= own[:, None] + own[None]).all()


def test_each_face_stands_in_its_cell():
    faces = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(3, axis=3)
    picture = face_grid.faces_on_grid(faces, np.array([3, 0, 2, 1]))
    assert picture[..., 0].tolist() == [[1, 3], [2, 0]]


@pytest.mark.parametrize(("count", "side"), [(55, 7), (9000, 20), (1, 1), (3, 1)])
def test_the_grid_is_the_largest_square_up_to_the_tool_s(count, side):
    assert face_grid.square(count) == side


def test_two_clusters_stay_apart_on_the_map_and_the_figures_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "DPI", 40)
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    points = tsne(labels[:, None] * 20 + rng.normal(size=(40, 5)))
    means = np.stack([points[labels == c].mean(axis=0) for c in (0, 1)])
    spread = np.linalg.norm(points - means[labels], axis=1).mean()
    assert np.linalg.norm(means[0] - means[1]) > 2 * spread
    colours = {"category": labels, "valence": labels - 0.5, "person": np.array(["a", "b"])[labels]}
    face_grid.map_figure(tmp_path / "map.png", {"x": points}, colours, ("one", "two"), title="Map")
    face_grid.grid_figure(tmp_path / "grid.png", {"a": np.zeros((4, 4, 3), np.uint8)}, side=2, title="Grid")
    assert (tmp_path / "map.png").stat().st_size > 1000 and (tmp_path / "grid.png").is_file()
