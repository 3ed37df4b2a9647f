"""The report of a BoLD system: which figures it has and what they say."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, ClassVar

import numpy as np

from emojax.graphs.skeletons import BODY_18
from emojax.labels import BOLD_POSITIVE_FROM
from emojax.report import bodies, cards, curves, modalities, people
from emojax.report.page import Picture, Section, Table, write_report
from emojax.report.partitions import partition_figure
from emojax.systems.bodies.inputs import features_of, image_streams, sampled_place
from emojax.systems.bodies.measure import jaccard_indices, predicted_sets, present

_MOST_COLUMNS, _PEOPLE = 8, 6
_SEEN = {
    "rgb": "",
    "diff": "Shown is the sampled frame; the network sees five differences around it.",
    "flow": "Hue is the direction of motion, strength its speed: full from six pixels a frame. Even blue stands for a "
    "face that was not found: it is stored as 0.",
}
_CURVES = ("kind", "step", "epoch", "loss", "ers", "map", "mra", "mr2")


@dataclasses.dataclass(frozen=True)
class BodyReport:
    """See `emojax.systems.measure.Report`."""

    system: Any
    columns: ClassVar = ("frame",)  # of the first record of each example
    reads: ClassVar = ("snippet_weights", "strip")

    def write(self, folder, variables, outputs, results, log, read_records) -> None:
        system, folder = self.system, pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        metrics, split = results["metrics"], results["split"]
        sections = [
            _training(folder, log),
            _score(folder, metrics),
            _categories(folder, system, outputs, metrics),
            _dimensions(folder, system, outputs, metrics),
            _people(folder, system, outputs, read_records),
            _clips(folder, system, outputs, read_records),
            _skeletons(folder, system, variables, outputs),
        ]
        write_report(
            folder,
            f"{results['system']}: step {results['step']}",
            [section for section in sections if section.pictures],
            subtitle=f"{results['protocol']}, {split['records']:,} people in clips",
            key_figures={
                "ERS": (f"{metrics['ers']:.4f}", "half mean R2, half the mean of mAP and mRA"),
                "mAP": f"{metrics['map']:.4f}",
                "mean ROC-AUC": f"{metrics['mra']:.4f}",
                "mean R2": f"{metrics['mr2']:.4f}",
                "Jaccard index": f"{metrics['jaccard']:.3f}",
            },
            config=system.config.to_dict(),
            provenance={
                "checkpoint": f"{results['checkpoint']}, step {results['step']}",
                "records": f"{split['records']:,}, content hash {split['content_hash'][:16]}",
                "protocol": results["protocol"],
                "evaluated": f"{results['date']} on {results['device']}",
                "initialised from": system.origin(),
            },
        )

    def write_ensemble(self, folder, outputs, members, results) -> None:
        """Figures of an ensemble: which category which member knows, and what the ensemble gains.

        Args:
            folder: where to.
            outputs: of the ensemble.
            members: name -> outputs of the same people.
            results: what ``metrics.json`` holds.
        """
        folder, names = pathlib.Path(folder), self.system.labels.classes
        folder.mkdir(parents=True, exist_ok=True)
        scores = {name: self.system.measure.metrics(one) for name, one in members.items()}
        found = {name: [of["per_category"][c]["ap"] for c in names] for name, of in scores.items()}
        each = [results["metrics"]["per_category"][c] for c in names]
        chance = [c["count"] / len(outputs["categories"]) for c in each]
        knowledge = modalities.knowledge_figure(folder / "members.png", found, chance, names)
        gain = modalities.gain_figure(folder / "gain.png", [c["ap"] for c in each], found, names)
        parts = ("ers", "mr2", "map", "mra")
        rows = [(name, *(of[part] for part in parts)) for name, of in scores.items()]
        rows.append(("ensemble", *(results["metrics"][part] for part in parts)))
        table = Table(rows, ("", "ERS", "mean R2", "mAP", "mean ROC-AUC"))
        pictures = [
            Picture(knowledge, "AP of each member above that of a random order."),
            Picture(gain, "Against the member with the best mean AP."),
        ]
        write_report(
            folder,
            f"{results['system']}: ensemble of {len(members)}",
            [
                _score(folder, results["metrics"]),
                Section("Members", tables=[table], pictures=pictures),
                _categories(folder, self.system, outputs, results["metrics"]),
                _dimensions(folder, self.system, outputs, results["metrics"]),
            ],
            subtitle=results["protocol"],
            key_figures={
                "ERS": (f"{results['metrics']['ers']:.4f}", "half mean R2, half the mean of mAP and mRA")
            },
            config=results["config"],
            provenance={"members": ", ".join(f"{n} ({w:g})" for n, w in results["members"].items())},
        )


def _training(folder: pathlib.Path, log: list[dict]) -> Section:
    if not log:
        return Section("Training")
    rows = [{k: v for k, v in row.items() if k in _CURVES} for row in log]
    path = curves.training_figure(folder / "training.png", rows)
    return Section("Training", pictures=[Picture(path, "Training means and validation scores.", wide=True)])


def _score(folder: pathlib.Path, metrics) -> Section:
    path = bodies.score_figure(folder / "score.png", metrics)
    caption = "Half the mean R2, a quarter each of mean AP and mean ROC-AUC."
    return Section("Score", pictures=[Picture(path, caption)])


def _categories(folder: pathlib.Path, system, outputs, metrics) -> Section:
    names = system.labels.classes
    each = [metrics["per_category"][name] for name in names]
    path = bodies.category_figure(
        folder / "categories.png",
        [c["ap"] for c in each],
        [c["roc_auc"] for c in each],
        names,
        counts=[c["count"] for c in each],
        total=len(outputs["categories"]),
    )
    rows = [
        (n, c["count"], c["ap"], "-" if c["roc_auc"] is None else c["roc_auc"]) for n, c in zip(names, each)
    ]
    jaccard = people.jaccard_figure(folder / "jaccard.png", jaccard_indices(outputs))
    caption = f"A category counts as present from a confidence of {BOLD_POSITIVE_FROM:g}."
    return Section(
        "Categories",
        tables=[Table(rows, ("category", "people", "AP", "ROC-AUC"), caption)],
        pictures=[
            Picture(path, "Average precision and area under the ROC curve.", wide=True),
            Picture(jaccard, "Label sets at the thresholds where precision equals recall on validation."),
        ],
    )


def _dimensions(folder: pathlib.Path, system, outputs, metrics) -> Section:
    names = system.labels.dimensions
    predicted = np.asarray(outputs["dimensions"])
    path = people.dimension_error_figure(folder / "dimensions.png", predicted, outputs["vad"], names)
    values = bodies.value_figure(folder / "values.png", predicted, outputs["vad"], names)
    r2 = [metrics[f"r2_{name}"] for name in names]
    bars = bodies.r2_figure(folder / "r2.png", r2, names)
    caption = "Absolute errors on [0, 1]; the line is the error of always predicting the split's mean."
    return Section(
        "Valence, arousal, dominance",
        tables=[Table(list(zip(names, r2)), ("dimension", "R2"))],
        pictures=[
            Picture(bars, "0 is what always predicting the split's mean gives, 1 is perfect."),
            Picture(values, "Predicted against true; dashed: the split's mean.", wide=True),
            Picture(path, caption, wide=True),
        ],
    )


def card_rows(count: int) -> np.ndarray:
    """People drawn at random, the same in every run."""
    return np.sort(np.random.default_rng(0).permutation(count)[:_PEOPLE])


def card_text(system, outputs, rows: np.ndarray) -> cards.Answers:
    """What a system says of some people, and how well its label sets agree with the crowd's."""
    return cards.Answers(
        predicted_sets(outputs)[rows],
        np.asarray(outputs["dimensions"])[rows],
        jaccard_indices(outputs)[rows],
    )


def _people(folder: pathlib.Path, system, outputs, read_records) -> Section:
    """Cards of some people with the system's label sets (thesis 000, figure 5.5)."""
    rows = card_rows(len(outputs["vad"]))
    path = cards.cards_figure(
        folder / "people.png",
        middle_pictures(system, outputs, rows, read_records),
        present(outputs)[rows],
        np.asarray(outputs["vad"])[rows],
        {system.config.name: card_text(system, outputs, rows)},
        system.labels,
    )
    caption = (
        "Drawn at random, the same in every run. Right categories are green, wrong ones red, at the thresholds where "
        "precision equals recall on validation."
    )
    return Section("People", pictures=[Picture(path, caption, wide=True)])


def middle_pictures(system, outputs, rows: np.ndarray, read_records) -> list[np.ndarray] | None:
    """The body in the middle of each clip; None where the data have no such picture."""
    config, recipe = system.config, system.recipe
    rgb = config.model.net == "tsn" and config.model.modality == "rgb"
    names = image_streams(config) if rgb else ("body",)
    name = "body" if "body" in names else names[0]
    if name not in recipe.features or (recipe.build.get("frames") == "sampled" and not rgb):
        return None
    records = [of_person[of_person >= 0] for of_person in np.asarray(outputs["record"])[rows]]
    return list(read_records(np.array([r[len(r) // 2] for r in records]), [name])[name])


def _clips(folder: pathlib.Path, system, outputs, read_records) -> Section:
    """Snippets of the clips whose best category was found most and least surely."""
    if system.config.model.net != "tsn" or "snippet_weights" not in outputs:
        return Section("Clips")
    chosen, names = _examples(system, outputs)
    weights = np.asarray(outputs["snippet_weights"])[chosen]
    count = weights.shape[1]
    columns = np.unique(np.linspace(0, count - 1, min(count, _MOST_COLUMNS)).astype(int))
    stacks = np.asarray(outputs["record"])[chosen].reshape(len(chosen), count, -1)
    first = np.asarray(outputs["frame"])[chosen] - stacks[:, 0, 0]
    records = stacks[:, columns, sampled_place(system.config)]
    pictures, kind = [], system.config.model.modality
    for stream, feature in features_of(system.config).items():
        images = read_records(records.ravel(), [feature])[feature]
        shown = [bodies.flow_picture(image) for image in images] if kind == "flow" else list(images)
        strips = [shown[i : i + len(columns)] for i in range(0, len(shown), len(columns))]
        path = bodies.snippet_figure(
            folder / f"clips_{stream}.png",
            strips,
            weights[:, columns],
            records + first[:, None],
            names,
            title=f"{stream}: {len(columns)} of {count} snippets and their weights",
        )
        caption = f"What the stream {stream} sees; below, the weight of each snippet in the consensus. {_SEEN[kind]}"
        pictures.append(Picture(path, caption, wide=True))
    return Section("Clips", pictures=pictures)


def _skeletons(folder: pathlib.Path, system, variables, outputs) -> Section:
    """Some people over time, with what the network has learned of their bones."""
    if "strip" not in outputs:
        return Section("Skeletons")
    chosen, names = _examples(system, outputs)
    trunk = variables["params"]["trunk"]
    learned = [np.asarray(value) for name, value in trunk.items() if name.startswith("edge_importance")]
    matrices = np.asarray(variables["constants"]["trunk"]["matrices"])
    importance = bodies.bone_importance(learned, matrices, BODY_18.edges) if learned else None
    path = bodies.skeleton_figure(
        folder / "skeletons.png", np.asarray(outputs["strip"])[chosen], BODY_18.edges, importance, names
    )
    caption = "The darker and thicker a bone, the larger its learned importance: the mean over units and directions."
    config = system.config.model
    graph = partition_figure(
        folder / "partition.png", matrices, BODY_18.edges, f"The {config.partition} partition of the skeleton"
    )
    said = "The thicker a ring or an arrow, the larger its weight, before edge importance."
    if config.partition == "spatial":
        said += " As in the public code, a bone that does not touch the neck or its neighbours counts as from farther."
    return Section("Skeletons", pictures=[Picture(path, caption, wide=True), Picture(graph, said)])


def _examples(system, outputs) -> tuple[np.ndarray, list[str]]:
    """Numbers of the people whose strongest category has the highest and the lowest scores, and what to write."""
    scores = 1 / (1 + np.exp(-np.asarray(outputs["logits"], np.float64)))
    truth, classes = np.asarray(outputs["categories"]), system.labels.classes
    strongest = np.nan_to_num(truth).argmax(axis=1)
    sure = scores[np.arange(len(scores)), strongest]
    order = np.argsort(-sure, kind="stable")
    chosen = np.array(list(dict.fromkeys((order[0], order[1 % len(order)], order[-1]))))
    names = [f"{classes[strongest[i]]}\nscore {sure[i]:.2f}" for i in chosen]
    return chosen, names
