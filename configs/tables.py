"""What the theses' tables print. Their rows and numbers are those of the `VARIANTS` that name the table.

Sources: emotion_gcn spec 1.2, 1.4 and 7; context_emotion spec 1.3 and 7.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from configs import affwild_lstm_tables as lstm
from configs import affwild_tables as films


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a metric of `metrics.json` is printed.

    Attributes:
        title: of its columns.
        scale: of the printed value; 100 where the theses print percent and a metrics file has shares.
        digits: after the point, of means and spreads.
        path: where it stands in `part`, when not under its own name.
        part: of `metrics.json`: `metrics`, or `curves`, statistics of the log of the run.
        brief: printed as one column, ``ours (published)``.
    """

    title: str
    scale: float = 1.0
    digits: int = 3
    path: tuple[str, ...] = ()
    part: str = "metrics"
    brief: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """One table of a thesis.

    Attributes:
        title: what it compares.
        metrics: what it prints, keys of `METRICS`; of these a row shows the ones it has a number for.
        split: of the data that is evaluated.
        beside: tables of the same rows on other splits, which are filled in with this one.
        remark: what a reader of the published numbers should know, e.g. that they contradict others.
    """

    title: str
    metrics: tuple[str, ...] = ("accuracy",)
    split: str = "validation"
    beside: tuple[str, ...] = ()
    remark: str = ""


METRICS = {
    "accuracy": Metric("accuracy (%)", 100, 2),
    "svm_accuracy": Metric("SVM accuracy (%)", 100, 2),
    "aff_wild2_score": Metric("0.67 F1 + 0.33 accuracy (%)", 100, 2),
    "ccc_valence": Metric("CCC valence"),
    "ccc_arousal": Metric("CCC arousal"),
    "ccc_mean": Metric("mean CCC"),
    "mse_valence": Metric("MSE valence"),
    "mse_arousal": Metric("MSE arousal"),
    "map": Metric("mAP (%)", 100, 2),
    "aae": Metric("mean AAE", digits=4),
    "ers": Metric("ERS", digits=4),
    "mr2": Metric("mean R2", digits=4),
    "mra": Metric("mean ROC-AUC", digits=4),
}


def _of_category(metric: str) -> Metric:
    """Metric of a name like ``recall_happy``; ``recall_average`` and so on are means weighted by frames."""
    kind, name = metric.split("_")
    path = (f"weighted_{kind}",) if name == "average" else ("per_class", name, kind)
    title = f"{name} (%)" if kind == "recall" else f"{name}, {kind} (%)"
    return Metric(title, 100, 0, path=path, brief=True)


METRICS |= {name: _of_category(name) for name in dict.fromkeys((*lstm.RECALLS, *lstm.SCORES))}


def _of_curve(curve: str, statistic: str) -> Metric:
    """Statistic of a logged value over the whole run."""
    names = {"std": "standard deviation", "adversarial_error": "discriminator error, real or fake"}
    title = f"{names.get(curve, curve.replace('_', ' '))}, {names.get(statistic, statistic)}"
    return Metric(title, digits=2, path=(*films.CURVES[curve], statistic), part="curves")


METRICS |= {f"{curve}_{s}": _of_curve(curve, s) for curve in films.CURVES for s in films.STATISTICS}
METRICS |= {
    "ccc_maximum": Metric("mean CCC, maximum", path=("eval", "ccc_mean", "maximum"), part="curves"),
    "ccc_average": Metric("mean CCC, mean", path=("eval", "ccc_mean", "mean"), part="curves"),
    "judged_real_real": Metric("real faces taken for real", digits=2),
    "judged_real_fake": Metric("generated faces taken for real", digits=2),
}

_CCC = ("ccc_valence", "ccc_arousal")

EMOTION_GCN = {
    "3.1": Table("baselines"),
    "3.2": Table("soft and logit loss"),
    "4.1": Table("metric learning"),
    "5.1": Table("multi-task learning"),
    "5.2": Table("samplers and focal loss"),
    "5.3": Table("metric learning with multi-task learning"),
    "5.4": Table("softmax and SVM on the same features", ("accuracy", "svm_accuracy")),
    "6.1": Table("ablation, categorical model", ("accuracy", "aff_wild2_score")),
    "6.2": Table("hyper-parameters of the label GCN"),
    "6.3": Table("ablation, dimensional model", _CCC),
    "6.4.3": Table("edges between expressions (a number of section 6.4.3)"),
    "6.5": Table("BReG-NeXt backbone"),
}


def _emotic(title: str, *metrics: str) -> Table:
    return Table(title, metrics, "test")


EMOTIC = {
    "4.1": _emotic("EMOTIC baseline, quoted", "map"),
    "4.2": _emotic("EMOTIC baseline, quoted", "aae"),
    "4.3": _emotic("EmotiCon, quoted", "map"),
    "4.4": _emotic("context", "map"),
    "4.5": _emotic("context", "aae"),
    "4.6": _emotic("face", "map"),
    "4.7": _emotic("face", "aae"),
    "4.8": _emotic("pose", "map"),
    "4.9": _emotic("pose", "aae"),
    "4.10": _emotic("scene scores and attributes", "map"),
    "4.11": _emotic("scene scores and attributes", "aae"),
    "4.12": _emotic("depth", "map"),
    "4.13": _emotic("depth", "aae"),
    "4.14": _emotic("attention branch", "map"),
    "4.15": _emotic("attention branch", "aae"),
    "4.16": _emotic("deeper backbones", "map", "aae"),
    "4.17": _emotic("ML-GCN", "map"),
    "4.18": _emotic("ML-GCN", "aae"),
    "4.19": _emotic("embedding loss", "map"),
    "4.20": _emotic("embedding loss", "aae"),
    "4.21": _emotic("comparison with published work: the thesis's row", "map"),
    "4.22": _emotic("comparison with published work: the thesis's row", "aae"),
}

_ERS = ("ers", "mr2", "map", "mra")

BOLD = {
    "5.3": Table("TSN on RGB", _ERS),
    "5.4": Table("TSN on RGB by number of segments", _ERS),
    "5.5": Table("TSN on RGB by consensus", _ERS),
    "5.6": Table("TSN on optical flow, pre-training of the context stream", _ERS),
    "5.7": Table("TSN on optical flow, pre-training of the face stream", _ERS),
    "5.8": Table("TSN on optical flow", _ERS),
    "5.9": Table("TSN on RGB differences", _ERS),
    "5.10": Table("ST-GCN", _ERS),
    "5.11": Table("Laban features", _ERS),
    "5.12": Table("late fusion", _ERS),
}

# Frames or clips of the test subjects (image_sequences spec 5.2).
SASE = {  # remarks: image_sequences spec 5.2, 6 and 9
    number: Table(title, split="test", remark=remark)
    for number, title, remark in (
        (
            "7.1",
            "SASE-FE, 6 emotions: freezing and pooling of VGG-Face",
            "Accuracies of frames: they are multiples of 1/5,101. The three rows with 3 FC lie within 2 points of each "
            "other: in the library that the thesis seems to use, pooling is without effect there, so they may be one "
            "system run three times.",
        ),
        (
            "7.2",
            "SASE-FE, 6 emotions: frontalised faces",
            "The thesis draws its conclusion on soft symmetry from an experiment without it; later tables use none.",
        ),
        (
            "7.3",
            "SASE-FE, 6 emotions: two streams",
            "0.583 is below the single frontal stream of table 7.2 (0.595): two streams do not gain here.",
        ),
        (
            "7.4",
            "SASE-FE, 12 classes: still images",
            "Accuracies of 2,184 frames, not the 5,101 of tables 7.1 to 7.3: other videos. Face and Frontalization "
            "differ by 0.6 points, within the noise. The text speaks of two frontalised streams, the table of Face and "
            "Frontalization; and of 10 points that geometry adds, the table of 1.3.",
        ),
        (
            "7.5",
            "SASE-FE, 12 classes: sequences",
            "The text names this very table for the CNN of the recurrent systems; it must be the frontal one of 7.4.",
        ),
        (
            "7.6",
            "OULU-CASIA: still images",
            "The caption says temporal; these are single frames. Accuracies of about 440 frames of the people on whom "
            "the thesis chose its checkpoint; tables 7.9 and 7.10 contradict two of them.",
        ),
        ("7.7", "OULU-CASIA: sequences", ""),
        (
            "7.8",
            "the best of each family",
            "Frames and sequences stand side by side: their numbers of units differ.",
        ),
        (
            "7.9",
            "OULU-CASIA: confusion matrix of the plain CNN (its own matrix says 20.04 %)",
            "The matrix has 90 of 449 frames right, 20.0 %, not the 23.9 or 26.6 % of table 7.6, and the thesis does "
            "not name its input; the number beside ours is that of Face in table 7.6.",
        ),
        (
            "7.10",
            "OULU-CASIA: confusion matrix with geometry (its own matrix says 30.92 %)",
            "The matrix has 141 of 456 frames right, 30.9 %, not the 44.1 % of table 7.6, and its rows count other "
            "frames than those of table 7.9.",
        ),
    )
}


def _film_tables() -> Mapping[str, Table]:
    """Those of thesis 002, each with the test split beside it (affwild_gan spec 6)."""
    errors, losses = (
        tuple(f"{curve}_{statistic}" for curve in curves for statistic in films.STATISTICS)
        for curves in (
            ("training_error", "testing_error"),
            ("generator_error", "discriminator_error", "adversarial_error"),
        )
    )
    judged = tuple(films.JUDGED)
    printed = {
        "2.24": ("CNNs on Aff-Wild, quoted", films.VALUES, films.VALUES),
        "2.25": ("CNN-RNNs on Aff-Wild, quoted", films.VALUES, films.VALUES),
        "2.27": ("CNN-M on Aff-Wild, quoted", films.VALUES, films.VALUES),
        "6.1": ("CNN-M, small set: 1 - CCC over the run", errors, ("ccc_mean",)),
        "6.2": ("Regression GAN, small set: losses over the run", losses, ()),
        "6.3": ("Regression GAN, small set: 1 - CCC over the run", errors, ("ccc_mean",)),
        "6.4": ("Regression GAN, small set: faces that the discriminator takes for real", judged, judged),
        "6.5": ("Regression GAN, big set: losses over the run", losses, ()),
        "6.6": ("Regression GAN, big set: 1 - CCC over the run", errors, ("ccc_mean",)),
        "6.7": (
            "Regression GAN: best and mean CCC over the run",
            ("ccc_maximum", "ccc_average"),
            ("ccc_mean",),
        ),
    }
    tables = {}
    for number, (title, metrics, on_test) in printed.items():
        tables[number] = Table(title, metrics, beside=(f"{number}-test",) if on_test else ())
        if on_test:
            tables[f"{number}-test"] = Table(f"{title}; the checkpoint on the test split", on_test, "test")
    return tables


# Thesis 002 (affwild_gan spec 6).
AFFWILD = _film_tables()


def _lstm_tables() -> Mapping[str, Table]:
    """Those of thesis 003: 5.x of the validation split, with the same systems on the other two (spec 6.1 to 6.3)."""
    titles = {
        "5.1": ("category alone", lstm.ACCURACIES),
        "5.2": ("valence and arousal alone", lstm.VALUES),
        "5.3": ("category and VA together: category", lstm.ACCURACIES),
        "5.4": ("the best of category alone and of both together: category", lstm.ACCURACIES),
        "5.5": ("the best of both together: precision, recall and F1", lstm.SCORES),
        "5.6": ("category and VA together: valence and arousal", lstm.VALUES),
        "5.7": ("the best of VA alone and of both together: valence and arousal", lstm.VALUES),
        "pairs": ("category alone and both together, at equal depth (spec 6.4)", ("accuracy",)),
    }
    tables = {}
    for number, (title, metrics) in titles.items():
        others = lstm.OTHER_SPLITS.get(number, ())
        tables[number] = Table(title, metrics, beside=others)
        for other, split in zip(others, ("train", "test")):
            tables[other] = Table(f"{title}, {split} split", metrics, split)
    return tables


# Thesis 003 (affwild_cnn_rnn spec 6).
AFFWILD_LSTM = _lstm_tables()

# Thesis (`FAMILY` of the config files) -> number -> table.
TABLES = {
    "emotion_gcn": EMOTION_GCN,
    "emotic": EMOTIC,
    "bold": BOLD,
    "sase": SASE,
    "affwild": AFFWILD,
    "affwild_lstm": AFFWILD_LSTM,
}
