"""The report of a face system: which figures it has and what they say."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, ClassVar

import numpy as np

from emojax.metrics.similarity import cosine_similarity
from emojax.models.constants import CONSTANTS
from emojax.models.gcn import dense_adjacency
from emojax.report import classification, curves, features, heat, matrices, samples, valence_arousal
from emojax.report.page import Picture, Section, write_report
from emojax.report.preparation import mask_overlay
from emojax.systems.faces.checks import MASK_FEATURE
from emojax.systems.faces.heads import num_regions
from emojax.systems.faces.metric_terms import CENTRES

_SAMPLES = 18
_LARGE_SAMPLES = 4  # with all their probabilities, or with their masks


@dataclasses.dataclass(frozen=True)
class FaceReport:
    """See `emojax.systems.measure.Report`; the figures by age group are drawn where the data have ages."""

    system: Any
    columns: ClassVar = ("age",)
    reads: ClassVar = ("embedding", "face_mask")

    def write(self, folder, variables, outputs, results, log, read_records) -> None:
        system, folder = self.system, pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        sections = [_training(folder, log)]
        if "probabilities" in outputs:
            sections.append(_expression(folder, system, outputs, results["metrics"]))
        dimensions = set(system.labels.dimensions)
        if dimensions and dimensions <= outputs.keys():
            sections.append(_dimensions(folder, system, outputs, results["metrics"]))
        vectors = system.label_vectors(variables)
        if vectors is not None:
            sections.append(_graph(folder, system, variables, vectors))
        if "label" in outputs:
            sections.append(_features(folder, system, variables, outputs))
        if "probabilities" in outputs:
            sections.append(_samples(folder, system, outputs, read_records))
        if "face_mask" in outputs:
            sections.append(_masks(folder, outputs, read_records))
        write_report(
            folder,
            f"{results['system']}: step {results['step']}",
            [s for s in sections if s.pictures],
            subtitle=f"{results['protocol']}, {results['split']['records']:,} records",
            key_figures={n.replace("_", " "): _shown(n, results["metrics"][n]) for n in system.headline},
            config=system.config.to_dict(),
            provenance={
                "checkpoint": f"{results['checkpoint']}, step {results['step']}",
                "records": f"{results['split']['records']:,}, content hash {results['split']['content_hash'][:16]}",
                "protocol": results["protocol"],
                "evaluated": f"{results['date']} on {results['device']}",
                "initialised from": system.origin(),
            },
        )


def _shown(name: str, value: float) -> str:
    return f"{value:.3f}" if name.startswith("ccc") else f"{100 * value:.2f} %"


def _training(folder: pathlib.Path, log: list[dict]) -> Section:
    if not log:
        return Section("Training")
    path = curves.training_figure(folder / "training.png", log)
    return Section(
        "Training", pictures=[Picture(path, "Training means and validation after each epoch.", wide=True)]
    )


def _expression(folder: pathlib.Path, system, outputs, metrics: dict) -> Section:
    names, counts = system.labels.classes, np.array(metrics["confusion_matrix"])
    per_class = [metrics["per_class"][n] for n in names]
    scores = {"accuracy": [c["accuracy"] for c in per_class], "F1": [c["f1"] for c in per_class]}
    confusion = classification.confusion_figure(folder / "confusion.png", counts, names)
    bars = classification.per_class_figure(
        folder / "per_class.png", scores, names, counts=[c["count"] for c in per_class]
    )
    pictures = [
        Picture(confusion, "Confusion matrix in percent of each row; rows are the truth."),
        Picture(bars, "Accuracy and F1 of each class; the lines are their means."),
    ]
    ages = outputs.get("age", np.zeros(0))
    if (ages >= 0).any():
        correct = outputs["probabilities"].argmax(axis=1) == outputs["label"]
        path = classification.age_figure(folder / "ages.png", ages, outputs["label"], correct, names)
        caption = "Expressions and accuracy in each age group; the numbers count the records."
        pictures.append(Picture(path, caption, wide=True))
    return Section("Expression", pictures=pictures)


def _dimensions(folder: pathlib.Path, system, outputs, metrics: dict) -> Section:
    truth = [outputs[d] for d in system.labels.dimensions]
    pictures = []
    if "label" in outputs:
        labelled = valence_arousal.scatter_figure(
            folder / "labels.png", *truth, outputs["label"], system.labels.classes,
            title="Expressions in the plane of the true values",
        )  # fmt: skip
        pictures.append(Picture(labelled, "True valence, arousal and expression of each record."))
    regions = num_regions(system.config)
    if regions:
        path = valence_arousal.sector_figure(folder / "regions.png", *truth, num_sectors=regions)
        caption = f"The regions; {metrics['region_accuracy']:.1%} of the records are classified correctly."
        pictures.append(Picture(path, caption, wide=True))
    if "valence_arousal" in outputs:
        pictures += _predicted_dimensions(folder, system, outputs)
    return Section("Valence and arousal", pictures=pictures)


def _predicted_dimensions(folder: pathlib.Path, system, outputs) -> list[Picture]:
    truth = np.stack([outputs[d] for d in system.labels.dimensions], axis=-1)
    predicted = valence_arousal.prediction_figure(
        folder / "valence_arousal.png", outputs["valence_arousal"], truth, system.labels.dimensions
    )
    pictures = [
        Picture(predicted, "Predicted against true values; the line is a perfect prediction.", wide=True)
    ]
    if "label" in outputs:
        plane = valence_arousal.class_scatter_figure(
            folder / "plane.png", *outputs["valence_arousal"].T, outputs["label"], system.labels.classes,
            title="Predicted valence and arousal of each true expression",
        )  # fmt: skip
        caption = "Where the predictions of each expression lie; those outside the square are not drawn."
        pictures.append(Picture(plane, caption, wide=True))
    return pictures


def _graph(folder: pathlib.Path, system, variables, vectors: np.ndarray) -> Section:
    names, classes = (*system.labels.classes, *system.labels.dimensions), len(system.labels.classes)
    nodes = names[: len(vectors)]  # a graph of classes alone has no others
    similarity = matrices.similarity_heatmaps(
        folder / "similarity.png",
        {system.config.name: cosine_similarity(vectors)},
        nodes,
        num_classes=classes,
    )
    pictures = [
        Picture(similarity, "Cosine similarity of the learned vectors of expressions and dimensions.")
    ]
    if CONSTANTS in variables:
        matrix = dense_adjacency(variables[CONSTANTS]["head"]["gcn"])
        options = system.config.model.gcn
        kind = ", transposed" * options.transpose + ", shuffled" * bool(options.shuffle_seed)
        title = f"Label graph A'' (tau {options.tau:g}, p {options.p:g}{kind})"
        graph = matrices.adjacency_heatmap(
            folder / "label_graph.png", matrix, nodes, num_classes=classes, title=title
        )
        pictures.insert(0, Picture(graph, "What each node (row) receives from each other (column)."))
    return Section("Labels", pictures=pictures)


def feature_set(variables, outputs) -> features.FeatureSet:
    """Features of the records with the centres of the metric loss, or the means of the classes without one."""
    x, labels = outputs["embedding"], outputs["label"]
    if CENTRES in variables:
        centres = np.asarray(variables[CENTRES]["metric"])  # [C, D], or [C, K, D]
        centres = centres.reshape(len(centres), -1, centres.shape[-1])
        owners = np.repeat(np.arange(len(centres)), centres.shape[1])
        return features.FeatureSet(x, labels, centres.reshape(-1, centres.shape[-1]), owners)
    there = np.unique(labels)
    means = np.stack([x[labels == c].mean(axis=0) for c in there])
    return features.FeatureSet(x, labels, means, there)


def _features(folder: pathlib.Path, system, variables, outputs) -> Section:
    one = {system.config.name: feature_set(variables, outputs)}
    path = features.feature_figure(folder / "features.png", one, system.labels.classes)
    squares = "the learned centres of the metric loss" if CENTRES in variables else "the means of the classes"
    caption = (
        f"What the head sees of each record, on a plane that keeps neighbours together; squares: {squares}."
    )
    return Section("Features", pictures=[Picture(path, caption)])


def draw_records(count: int, number: int) -> np.ndarray:
    """Up to `number` of `count` records at random, the same in every run, in order."""
    return np.sort(np.random.default_rng(0).permutation(count)[:number])


def _samples(folder: pathlib.Path, system, outputs, read_records) -> Section:
    labels, predicted = outputs["label"], outputs["probabilities"].argmax(axis=1)
    chosen = draw_records(len(labels), _SAMPLES)
    values = {}
    if "valence_arousal" in outputs:
        truth = np.stack([outputs[d] for d in system.labels.dimensions], axis=-1)
        values = {"truth_values": truth[chosen], "predicted_values": outputs["valence_arousal"][chosen]}
    images = read_records(outputs["index"][chosen], ["image"])["image"]
    names = system.labels.classes
    grid = samples.sample_figure(
        folder / "samples.png", images, labels[chosen], predicted[chosen], names, **values
    )
    few = chosen[:_LARGE_SAMPLES]
    bars = samples.probability_figure(
        folder / "probabilities.png",
        images[: len(few)],
        outputs["probabilities"][few],
        names,
        truth=labels[few],
    )
    return Section(
        "Samples",
        pictures=[
            Picture(grid, "Records drawn at random, the same in every run.", wide=True),
            Picture(bars, "The first of them with the probability of each class."),
        ],
    )


def _masks(folder: pathlib.Path, outputs, read_records) -> Section:
    chosen = draw_records(len(outputs["label"]), _LARGE_SAMPLES)
    records = read_records(outputs["index"][chosen], ["image", MASK_FEATURE])
    rows = [
        (image, mask_overlay(image, truth), mask_overlay(image, predicted))
        for image, truth, predicted in zip(
            records["image"], records[MASK_FEATURE], outputs["face_mask"][chosen]
        )
    ]
    columns = ("Picture", "True mask", "Predicted mask")
    path = heat.picture_grid(
        folder / "masks.png", rows, [""] * len(rows), columns, title="Eye and mouth masks"
    )
    return Section("Masks", pictures=[Picture(path, "Eyes and mouth as given and as predicted.")])
