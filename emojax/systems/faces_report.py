"""The report of a face system: which figures it has and what they say."""

from __future__ import annotations

import pathlib

import numpy as np

from emojax.metrics.similarity import cosine_similarity
from emojax.report import classification, curves, matrices, samples, valence_arousal
from emojax.report.page import Picture, Section, write_report

_SAMPLES = 18


def write(system, folder, variables, outputs, results: dict, log: list[dict], read_records) -> None:
    """Writes the PNGs and ``index.html`` of an evaluation into `folder`; arguments as `System.write_report`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sections = [_training(folder, log)]
    if "probabilities" in outputs:
        sections.append(_expression(folder, system, outputs, results["metrics"]))
    if "valence_arousal" in outputs:
        sections.append(_dimensions(folder, system, outputs))
    vectors = system.label_vectors(variables)
    if vectors is not None:
        sections.append(_graph(folder, system, vectors))
    if "probabilities" in outputs:
        sections.append(_samples(folder, system, outputs, read_records))
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
    return Section(
        "Expression",
        pictures=[
            Picture(confusion, "Confusion matrix in percent of each row; rows are the truth."),
            Picture(bars, "Accuracy and F1 of each class; the lines are their means."),
        ],
    )


def _dimensions(folder: pathlib.Path, system, outputs) -> Section:
    truth = np.stack([outputs[d] for d in system.labels.dimensions], axis=-1)
    predicted = valence_arousal.prediction_figure(
        folder / "valence_arousal.png", outputs["valence_arousal"], truth, system.labels.dimensions
    )
    plane = valence_arousal.class_scatter_figure(
        folder / "plane.png", *outputs["valence_arousal"].T, outputs["label"], system.labels.classes,
        title="Predicted valence and arousal of each true expression",
    )  # fmt: skip
    return Section(
        "Valence and arousal",
        pictures=[
            Picture(predicted, "Predicted against true values; the line is a perfect prediction.", wide=True),
            Picture(plane, "Where the predictions of each expression lie.", wide=True),
        ],
    )


def _graph(folder: pathlib.Path, system, vectors: np.ndarray) -> Section:
    nodes, classes = (*system.labels.classes, *system.labels.dimensions), len(system.labels.classes)
    similarity = matrices.similarity_heatmaps(
        folder / "similarity.png",
        {system.config.name: cosine_similarity(vectors)},
        nodes,
        num_classes=classes,
    )
    pictures = [
        Picture(similarity, "Cosine similarity of the learned vectors of expressions and dimensions.")
    ]
    if system.adjacency is not None:
        options = system.config.model.gcn
        title = f"Label graph A'' (tau {options.tau:g}, p {options.p:g}{', transposed' if options.transpose else ''})"
        graph = matrices.adjacency_heatmap(
            folder / "label_graph.png", system.adjacency, nodes, num_classes=classes, title=title
        )
        pictures.insert(0, Picture(graph, "What each node (row) receives from each other (column)."))
    return Section("Labels", pictures=pictures)


def _samples(folder: pathlib.Path, system, outputs, read_records) -> Section:
    labels, predicted = outputs["label"], outputs["probabilities"].argmax(axis=1)
    chosen = np.sort(np.random.default_rng(0).permutation(len(labels))[:_SAMPLES])
    values = {}
    if "valence_arousal" in outputs:
        truth = np.stack([outputs[d] for d in system.labels.dimensions], axis=-1)
        values = {"truth_values": truth[chosen], "predicted_values": outputs["valence_arousal"][chosen]}
    path = samples.sample_figure(
        folder / "samples.png",
        read_records(outputs["index"][chosen], ["image"])["image"],
        labels[chosen],
        predicted[chosen],
        system.labels.classes,
        **values,
    )
    return Section(
        "Samples", pictures=[Picture(path, "Records drawn at random, the same in every run.", wide=True)]
    )
