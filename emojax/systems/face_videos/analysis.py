"""What a trained network has learned, in figures: maps of features and what its units answer to (affwild_cnn_rnn 7)."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from emojax.data.dataset import Dataset
from emojax.data.decode import read_features
from emojax.metrics.category_va import consistency, quadrant_shares
from emojax.metrics.neighbours import chance_purity, neighbour_purity
from emojax.models.maximise import displayed, maximise, saliency
from emojax.report import face_grid, units
from emojax.report.features import tsne
from emojax.report.page import Picture, Section, Table
from emojax.systems.face_videos.inputs import TRUNK_COLUMN, VALUES
from emojax.systems.face_videos.measure import by_record, truth_of
from emojax.systems.face_videos.report import dimension_section, trace_section, training_section
from emojax.systems.face_videos.units import unit_scores

_PANELS = 4  # further random samples
_PANEL_SIDE = 8
_HEADS = {"logits": "category", "dimensions": "valence and arousal"}


@dataclasses.dataclass(frozen=True)
class FrameAnalysis:
    """Figures of one run on a split of its data.

    Attributes:
        system: a `FaceVideoSystem`.
        variables: trained.
        dataset: its data.
        split: that is shown.
        seed: of the samples.
    """

    system: Any
    variables: Mapping
    dataset: Dataset
    split: str
    seed: int = 0

    def sections(
        self, folder: pathlib.Path, outputs: Mapping[str, np.ndarray], log: Sequence[Mapping] = ()
    ) -> list[Section]:
        """Curves of the run, maps of features, units, and whether categories and values agree.

        Args:
            folder: of the PNGs.
            outputs: all that the system predicts of the split, by window or by frame.
            log: of the run.
        """
        frames = by_record(outputs)
        columns = self.dataset.columns(self.split)
        frames |= {name: columns[name][frames["index"]] for name in ("frame", "video_id") if name in columns}
        found = []
        if "dimensions" in frames:
            metrics = self.system.measure.metrics(frames)
            found = [dimension_section(folder, frames, metrics), trace_section(folder, frames)]
        found += self._maps(folder, frames)
        if "logits" in frames and not self.system.config.model.cached:
            found.append(self._units(folder, frames))
        if "logits" in frames and "dimensions" in frames:
            found.append(self._agreement(frames))
        return [training_section(folder, log), *found] if log else found

    def _maps(self, folder: pathlib.Path, frames: Mapping[str, np.ndarray]) -> list[Section]:
        """Faces on grids by the features of the trunk, and scatter plots of every layer's features."""
        names = {
            "frames drawn at random": self.sample(frames),
            "one frame of each video": self.one_a_video(frames),
        }
        pictures = []
        for i, (what, chosen) in enumerate(names.items()):
            panel = {what: self._grid(frames, chosen)}
            path = folder / f"tsne_{('random', 'one_per_video')[i]}.png"
            title = f"t-SNE of the trunk's features, {len(chosen)} frames"
            face_grid.grid_figure(path, panel, side=face_grid.square(len(chosen)), title=title)
            pictures.append(Picture(path, f"{what.capitalize()}: near faces have near features."))
        more = self._more(frames)
        if more:
            title = "Further random samples"
            path = face_grid.grid_figure(folder / "tsne_more.png", more, side=_PANEL_SIDE, title=title)
            pictures.append(Picture(path, "Do similar faces stay together in other samples?", wide=True))
        grids = Section("Faces by the features of the trunk", pictures=pictures)
        return [grids, self._scatter(folder, frames, names["frames drawn at random"])]

    def sample(self, frames: Mapping[str, np.ndarray], most: int = 20, draw: int = 0) -> np.ndarray:
        """Rows of a square number of random frames."""
        count = face_grid.square(len(frames["index"]), most) ** 2
        return np.random.default_rng((self.seed, draw)).permutation(len(frames["index"]))[:count]

    def one_a_video(self, frames: Mapping[str, np.ndarray]) -> np.ndarray:
        """Rows of one random frame of each person in a video, cut to a square number."""
        rng = np.random.default_rng(self.seed)
        rows = [rng.choice(np.flatnonzero(frames["sequence"] == n)) for n in np.unique(frames["sequence"])]
        return rng.permutation(rows)[: face_grid.square(len(rows)) ** 2]

    def _more(self, frames: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if len(frames["index"]) < _PANEL_SIDE**2:
            return {}
        chosen = [self.sample(frames, _PANEL_SIDE, draw) for draw in range(1, _PANELS + 1)]
        return {f"sample {i}": self._grid(frames, rows) for i, rows in enumerate(chosen, 1)}

    def _grid(self, frames: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        records = frames["index"][rows]
        cells = face_grid.grid_cells(tsne(self.trunk(records), seed=self.seed))
        return face_grid.faces_on_grid(self.faces(records), cells)

    def faces(self, records: Sequence[int]) -> np.ndarray:
        """Pictures ``[N, H, W, 3]`` uint8 of records."""
        return read_features(self.dataset, self.split, ("image",), np.asarray(records).tolist())["image"]

    def trunk(self, records: np.ndarray) -> np.ndarray:
        """Features of the trunk ``[N, D]``, stored ones where the run reads those."""
        if self.system.config.model.cached:
            return self.dataset.columns(self.split)[TRUNK_COLUMN][records]
        images = self.faces(records)
        batch = {"image": images if self.system.config.model.window == 1 else images[:, None]}
        return np.asarray(jax.jit(self.system.trunk_features)(self.variables, batch))

    def _scatter(self, folder: pathlib.Path, frames: Mapping, rows: np.ndarray) -> Section:
        records = frames["index"][rows]
        layers = {"trunk": self.trunk(records), "recurrent layer": frames["states"][rows]}
        layers |= {
            f"last hidden layer, {what}": frames[f"{head}_hidden"][rows]
            for head, what in _HEADS.items()
            if f"{head}_hidden" in frames
        }
        if self.system.config.model.cell == "none":
            layers["last dense layer"] = layers.pop("recurrent layer")
        columns = self.dataset.columns(self.split)
        colours = {"category": columns["label"][records]} if "label" in columns else {}
        colours |= {name: frames[name][rows].astype(float) for name in VALUES}
        colours["person"] = columns["subject"][records]
        path = face_grid.map_figure(
            folder / "tsne_scatter.png",
            {name: tsne(features, seed=self.seed) for name, features in layers.items()},
            colours,
            self.system.labels.classes,
            title=f"t-SNE of {len(rows)} frames",
        )
        return Section(
            "Features of each layer",
            tables=[purity_table(layers, {k: colours[k] for k in ("category", "person") if k in colours})],
            pictures=[Picture(path, "One row a layer; the colours of a column mean the same.", wide=True)],
        )

    def _units(self, folder: pathlib.Path, frames: Mapping) -> Section:
        classes = self.system.labels.classes
        size = self.system.config.image_size
        score = unit_scores(self.system, self.variables, np.arange(len(classes)))
        pictures, reached, before = maximise(score, (len(classes), size, size, 3), jax.random.key(self.seed))
        path = units.unit_figure(folder / "units.png", displayed(pictures), classes, reached)
        likeliest = [int(np.argmax(frames["logits"][:, c])) for c in range(len(classes))]
        faces = self.faces(frames["index"][likeliest])
        maps = saliency(score, faces)
        seen = units.saliency_figure(folder / "saliency.png", faces, maps, classes)
        rows = [(name, float(a), float(b)) for name, a, b in zip(classes, before, reached)]
        return Section(
            "What the units of the categories answer to",
            tables=[Table(rows, ("unit", "score of the noise at the start", "score reached"))],
            pictures=[
                Picture(
                    path, "Pictures that maximise each unit, shown in every frame of a window.", wide=True
                ),
                Picture(
                    seen,
                    "The frame that each unit answers to most, and the pixels on which its answer depends.",
                    wide=True,
                ),
            ],
        )

    def _agreement(self, frames: Mapping[str, np.ndarray]) -> Section:
        """Consistency of predicted categories and predicted values (spec 7.2)."""
        truth, labels = truth_of(frames), frames["label"]
        shares = quadrant_shares(truth, labels, len(self.system.labels.classes))
        rows = [
            ("predicted", consistency(frames["dimensions"], frames["logits"].argmax(axis=1), shares)),
            ("annotated", consistency(truth, labels, shares)),
        ]
        caption = (
            "Share of the frames whose values lie in a quadrant with at least 10 % of the annotated frames of their "
            "category."
        )
        return Section(
            "Do categories and values agree?",
            tables=[Table(rows, ("category and values", "consistent"), caption)],
        )


def purity_table(layers: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]) -> Table:
    """Purity of the 10 nearest neighbours in each layer, by each label, beside chance."""
    rows = []
    for name, features in layers.items():
        rows += [
            (name, by, neighbour_purity(features, values), chance_purity(values))
            for by, values in labels.items()
        ]
    return Table(
        rows, ("features", "label", "purity", "by chance"), "Share of the 10 nearest with the same label."
    )
