"""The report of a people system: which figures it has and what they say."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import numpy as np

from emojax.graphs.cooccurrence import conditional_probability
from emojax.metrics.multilabel import break_even_thresholds, jaccard_index
from emojax.models.constants import CONSTANTS
from emojax.models.gcn import dense_adjacency
from emojax.report import curves, heat, people, style
from emojax.report.matrices import adjacency_heatmap
from emojax.report.page import Picture, Section, Table, write_report
from emojax.systems.people.inputs import mask_boxes
from emojax.systems.people.network import label_vectors
from emojax.systems.people.objective import category_scores

_PEOPLE = 12
_MAPPED = 4
# Not the whole loss: in training it has terms (attention, embedding) that the evaluation does without.
_CURVES = ("kind", "step", "epoch", "loss_categories", "map", "aae")


@dataclasses.dataclass(frozen=True)
class PeopleReport:
    """See `emojax.systems.measure.Report`."""

    system: Any
    columns: ClassVar = ()
    reads: ClassVar = ()

    def write(self, folder, variables, outputs, results, log, read_records) -> None:
        system, folder = self.system, pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        scores = category_scores(system.config, outputs["logits"])
        sections = [
            _training(folder, log),
            _categories(folder, system, outputs, scores, results["metrics"]),
            _dimensions(folder, system, outputs),
            _labels(folder, system, variables),
            _maps(folder, system, variables, outputs, scores, read_records),
            _people(folder, system, outputs, scores, read_records),
        ]
        split = results["split"]
        write_report(
            folder,
            f"{results['system']}: step {results['step']}",
            [s for s in sections if s.pictures],
            subtitle=f"{results['protocol']}, {split['records']:,} people",
            key_figures=_key_figures(results["metrics"]),
            config=system.config.to_dict(),
            provenance={
                "checkpoint": f"{results['checkpoint']}, step {results['step']}",
                "records": f"{split['records']:,}, content hash {split['content_hash'][:16]}",
                "protocol": results["protocol"],
                "evaluated": f"{results['date']} on {results['device']}",
                "initialised from": system.origin(),
            },
        )


def _key_figures(metrics: Mapping) -> dict:
    figures = {
        "mAP": (f"{100 * metrics['map']:.2f} %", f"interpolated {100 * metrics['map_interpolated']:.2f}"),
        "Jaccard index": f"{metrics['jaccard']:.3f}",
    }
    if "aae" in metrics:
        figures["mean AAE"] = (f"{metrics['aae']:.4f}", "values in [0, 1]")
        figures["mAP / AAE"] = f"{metrics['map_over_aae']:.2f}"
    return figures


def _training(folder: pathlib.Path, log: list[dict]) -> Section:
    if not log:
        return Section("Training")
    rows = [{k: v for k, v in row.items() if k in _CURVES} for row in log]
    path = curves.training_figure(folder / "training.png", rows)
    caption = "Training means, and validation after each epoch."
    return Section("Training", pictures=[Picture(path, caption, wide=True)])


def _categories(folder: pathlib.Path, system, outputs, scores: np.ndarray, metrics: Mapping) -> Section:
    names, truth = system.labels.classes, outputs["categories"]
    each = [metrics["per_category"][n] for n in names]
    bars = people.average_precision_figure(
        folder / "average_precision.png",
        [c["ap"] for c in each],
        names,
        counts=[c["count"] for c in each],
        total=len(truth),
    )
    thresholds = outputs.get("thresholds")
    thresholds = break_even_thresholds(scores, truth) if thresholds is None else thresholds
    jaccard = people.jaccard_figure(folder / "jaccard.png", jaccard_index(scores >= thresholds, truth > 0))
    rows = [(n, c["count"], 100 * c["ap"], 100 * c["ap_interpolated"]) for n, c in zip(names, each)]
    header = ("category", "people", "AP %", "interpolated AP %")
    caption = "AP as scikit-learn has it (steps, the convention of the published tables) and interpolated."
    return Section(
        "Categories",
        tables=[Table(rows, header, caption)],
        pictures=[
            Picture(bars, "Average precision; the mark is what a random order gives.", wide=True),
            Picture(jaccard, "Label sets at the thresholds where precision equals recall on validation."),
        ],
    )


def _dimensions(folder: pathlib.Path, system, outputs) -> Section:
    if "dimensions" not in outputs:
        return Section("Valence, arousal, dominance")
    path = people.dimension_error_figure(
        folder / "dimensions.png", outputs["dimensions"], outputs["vad"], system.labels.dimensions
    )
    caption = "Absolute errors on [0, 1]; the line is the error of always predicting the split's mean."
    return Section("Valence, arousal, dominance", pictures=[Picture(path, caption, wide=True)])


def _labels(folder: pathlib.Path, system, variables) -> Section:
    names, options = system.labels.classes, system.config.model.gcn
    together = np.array(system.statistics["cooccurrence"])
    conditional, counts = conditional_probability(together), np.diag(together)
    heat_map = people.conditional_figure(folder / "cooccurrence.png", conditional, names, counts=counts)
    graph = people.label_graph_figure(
        folder / "label_graph.png", conditional, names, counts=counts, tau=options.tau
    )
    pictures = [
        Picture(graph, f"An arrow to each category that at least {options.tau:g} of the people have, too."),
        Picture(heat_map, "Share of the people with the row's category who have the column's."),
    ]
    if system.config.model.labels == "gcn":
        matrix = adjacency_heatmap(
            folder / "label_gcn.png",
            dense_adjacency(variables[CONSTANTS]["labels"]["gcn"]),
            names,
            num_classes=len(names),
            title=f"ML-GCN's normalised matrix (tau {options.tau:g}, p {options.p:g})",
        )
        pictures.append(Picture(matrix, "What each label (row) receives from each other (column)."))
    return Section("Labels in the training data", pictures=pictures)


def _chosen(outputs, count: int) -> np.ndarray:
    """Rows drawn at random, the same in every run."""
    return np.sort(np.random.default_rng(0).permutation(len(outputs["index"]))[:count])


def _people(folder: pathlib.Path, system, outputs, scores: np.ndarray, read_records) -> Section:
    rows = _chosen(outputs, _PEOPLE)
    records = read_records(outputs["index"][rows], ["context", "body_box"])
    values = None
    if "dimensions" in outputs:
        values = (outputs["dimensions"][rows], outputs["vad"][rows])
    path = people.people_figure(
        folder / "people.png",
        records["context"],
        records["body_box"],
        np.clip(scores[rows], 0, 1),
        outputs["categories"][rows],
        system.labels.classes,
        values=values,
        dimensions=system.labels.dimensions,
    )
    return Section("People", pictures=[Picture(path, "Drawn at random, the same in every run.", wide=True)])


def _raised_categories(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Of each person the true category whose score stands highest above its mean: ``[N]``."""
    return np.where(truth > 0, scores - scores.mean(axis=0), -np.inf).argmax(axis=1)


@dataclasses.dataclass(frozen=True)
class _View:
    """Pictures as one stream sees them, and what the network made of them.

    Attributes:
        title: of the column.
        stream: name of the stream.
        pictures: uint8 ``[n, H, W, 3]``.
        activation: ``[n, h, w, D]``, the stream's last feature map.
        attention: ``[n, h, w, 1]``; None for a stream without an attention branch.
    """

    title: str
    stream: str
    pictures: np.ndarray
    activation: np.ndarray
    attention: np.ndarray | None


def _maps(folder: pathlib.Path, system, variables, outputs, scores: np.ndarray, read_records) -> Section:
    """Class activation of body and context, the context with and without the agent, and attention maps."""
    shown = [s for s in ("body", "context") if s in system.streams]
    rows = _chosen(outputs, _MAPPED)
    best = _raised_categories(scores, outputs["categories"])[rows]
    records = read_records(
        outputs["index"][rows], sorted({*system.stream_inputs.features, "context", "body_box"})
    )
    views = _views(system, variables, records, shown) if shown else []
    names = [f"{style.capital(system.labels.classes[c])}\n{scores[r, c]:.2f}" for r, c in zip(rows, best)]
    pictures = []
    vectors = label_vectors(system.net, variables)
    if views and vectors:
        weights = [vectors[view.stream][best] for view in views]
        pictures.append(_activation_picture(folder, views, weights, names))
    attended = [view for view in views if view.attention is not None]
    if attended:
        pictures.append(_attention_picture(folder, attended))
    return Section("Where the streams look", pictures=pictures)


def _views(system, variables, records: Mapping, shown: list[str]) -> list[_View]:
    apply = jax.jit(system.apply)
    inputs = system.stream_inputs({k: records[k] for k in system.stream_inputs.features}, variables)
    said = jax.device_get(apply(variables, inputs))

    def view(title: str, stream: str, pictures: np.ndarray, said) -> _View:
        return _View(title, stream, pictures, said["maps"][stream], said["attention_maps"].get(stream))

    views = [view(stream, stream, records[stream], said) for stream in shown if stream != "context"]
    if "context" in shown:
        masked = np.asarray(mask_boxes(records["context"], records["body_box"]))
        # The network was trained on one of both; the other shows what the agent adds or hides.
        other = system.stream_inputs.image(
            records["context"] if system.stream_inputs.mask_context else masked
        )
        also = jax.device_get(apply(variables, {**inputs, "context": other}))
        plain, hidden = (also, said) if system.stream_inputs.mask_context else (said, also)
        views.append(view("context", "context", records["context"], plain))
        views.append(view("agent hidden", "context", masked, hidden))
    return views


def _activation_picture(folder: pathlib.Path, views: list[_View], weights: list, names: list[str]) -> Picture:
    """A person a row; of each view the picture and the map of the person's category."""
    maps = [
        [heat.class_activation(*pair) for pair in zip(view.activation, weight)]
        for view, weight in zip(views, weights)
    ]
    grid = _grid(views, [[heat.overlay(*pair) for pair in zip(v.pictures, m)] for v, m in zip(views, maps)])
    columns = [title for view in views for title in (view.title, "activation")]
    title = "Class activation of a true category, and its score"
    path = heat.picture_grid(folder / "class_activation.png", grid, names, columns, title=title)
    caption = (
        "Red: what speaks most for the category in this stream. Of each person the true category whose score stands "
        "highest above its mean."
    )
    return Picture(path, caption, wide=True)


def _attention_picture(folder: pathlib.Path, views: list[_View]) -> Picture:
    """The people of the class activation in the same order; an attention map belongs to no category."""
    maps = [
        [heat.overlay(p, m[..., 0], limits=(0, 1)) for p, m in zip(v.pictures, v.attention)] for v in views
    ]
    grid = _grid(views, maps)
    columns = [title for view in views for title in (view.title, "attention")]
    path = heat.picture_grid(
        folder / "attention.png",
        grid,
        [""] * len(grid),
        columns,
        title="Attention maps M of the attention branch",
    )
    caption = "Blue is 0, red is 1: the stream's features are multiplied by 1 + M."
    return Picture(path, caption, wide=len(views) > 1)


def _grid(views: list[_View], maps: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
    """A person a row: each view's picture with its map beside it."""
    columns = [column for view, of_view in zip(views, maps) for column in (view.pictures, of_view)]
    return [list(row) for row in zip(*columns)]
