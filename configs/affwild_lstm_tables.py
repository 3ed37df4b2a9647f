"""Numbers that thesis 003 prints (affwild_cnn_rnn spec 6.1 to 6.3), and which metric each column is.

Tables 5.x are of the validation split, C.1 to C.4 of the training split, C.5 to C.8 of the test split.
"""

from __future__ import annotations

from collections.abc import Mapping

from emojax.labels import AFFWILD_CLASSES

RECALLS = tuple(f"recall_{name}" for name in AFFWILD_CLASSES)
SCORES = tuple(
    f"{kind}_{name}" for name in (*AFFWILD_CLASSES, "average") for kind in ("precision", "recall", "f1")
)
VALUES = ("ccc_valence", "ccc_arousal", "mse_valence", "mse_arousal")
ACCURACIES = (*RECALLS, "accuracy")

# Recall of each category, and the share of all frames that is right.
# fmt: off
ACCURACY = {
    "5.1": {
        "cat_vgg16_fc1": (0.08, 0.00, 0.77, 0.00, 0.00, 0.00, 0.00, 0.35),
        "cat_vgg16_fc2": (0.29, 0.00, 0.86, 0.02, 0.05, 0.00, 0.09, 0.47),
        "cat_xcep_fc1": (0.24, 0.00, 0.50, 0.00, 0.00, 0.00, 0.00, 0.32),
        "cat_xcep_fc2": (0.42, 0.00, 0.44, 0.00, 0.00, 0.00, 0.00, 0.34),
        "cat_vgg19_fc1": (0.02, 0.00, 1.00, 0.00, 0.00, 0.00, 0.00, 0.51),
        "cat_vgg19_fc2": (0.26, 0.00, 0.24, 0.00, 0.00, 0.00, 0.00, 0.19),
    },
    "5.3": {
        "comb_vgg16_fc1": (0.30, 0.00, 0.90, 0.01, 0.01, 0.00, 0.00, 0.54),
        "comb_vgg16_fc3": (0.32, 0.00, 0.97, 0.00, 0.00, 0.00, 0.00, 0.57),
        "comb_xcep_fc2": (0.09, 0.00, 0.81, 0.00, 0.00, 0.00, 0.00, 0.43),
        "comb_xcep_fc3": (0.23, 0.00, 0.89, 0.00, 0.00, 0.00, 0.00, 0.51),
        "comb_vgg19_fc1": (0.39, 0.00, 0.93, 0.15, 0.25, 0.00, 0.00, 0.59),
        "comb_vgg19_fc2": (0.36, 0.00, 0.84, 0.11, 0.18, 0.00, 0.00, 0.53),
    },
    "C.1": {
        "cat_vgg16_fc1": (0.52, 0.00, 0.98, 0.00, 0.00, 0.00, 0.00, 0.52),
        "cat_vgg16_fc2": (0.90, 0.00, 0.97, 0.55, 0.56, 0.00, 0.71, 0.78),
        "cat_xcep_fc1": (0.44, 0.00, 0.77, 0.01, 0.00, 0.00, 0.00, 0.42),
        "cat_xcep_fc2": (0.58, 0.00, 0.70, 0.06, 0.00, 0.00, 0.00, 0.44),
        "cat_vgg19_fc1": (0.43, 0.00, 0.97, 0.01, 0.00, 0.00, 0.00, 0.49),
        "cat_vgg19_fc2": (0.78, 0.00, 0.78, 0.00, 0.00, 0.00, 0.00, 0.53),
    },
    "C.3": {
        "comb_vgg16_fc1": (0.89, 0.00, 0.97, 0.64, 0.57, 0.33, 0.67, 0.80),
        "comb_vgg16_fc3": (0.91, 0.00, 0.99, 0.50, 0.41, 0.00, 0.23, 0.75),
        "comb_xcep_fc2": (0.59, 0.00, 0.81, 0.02, 0.01, 0.00, 0.00, 0.48),
        "comb_xcep_fc3": (0.28, 0.00, 0.79, 0.02, 0.01, 0.00, 0.00, 0.38),
        "comb_vgg19_fc1": (0.91, 0.00, 0.97, 0.68, 0.80, 0.65, 0.71, 0.84),
        "comb_vgg19_fc2": (0.94, 0.01, 0.98, 0.61, 0.78, 0.14, 0.73, 0.82),
    },
    "C.5": {
        "cat_vgg16_fc1": (0.05, 0.00, 0.96, 0.00, 0.00, 0.00, 0.00, 0.27),
        "cat_vgg16_fc2": (0.24, 0.00, 0.77, 0.07, 0.00, 0.00, 0.15, 0.32),
        "cat_xcep_fc1": (0.07, 0.00, 0.52, 0.00, 0.00, 0.00, 0.00, 0.17),
        "cat_xcep_fc2": (0.41, 0.00, 0.76, 0.00, 0.00, 0.00, 0.00, 0.37),
        "cat_vgg19_fc1": (0.09, 0.00, 1.00, 0.00, 0.00, 0.00, 0.00, 0.30),
        "cat_vgg19_fc2": (0.72, 0.00, 0.87, 0.00, 0.00, 0.00, 0.00, 0.52),
    },
    "C.7": {
        "comb_vgg16_fc1": (0.18, 0.00, 0.62, 0.01, 0.00, 0.00, 0.06, 0.24),
        "comb_vgg16_fc3": (0.12, 0.00, 0.81, 0.00, 0.00, 0.00, 0.00, 0.26),
        "comb_xcep_fc2": (0.14, 0.00, 0.84, 0.00, 0.00, 0.00, 0.00, 0.28),
        "comb_xcep_fc3": (0.15, 0.00, 0.72, 0.00, 0.00, 0.00, 0.00, 0.25),
        "comb_vgg19_fc1": (0.13, 0.00, 0.86, 0.02, 0.00, 0.00, 0.06, 0.29),
        "comb_vgg19_fc2": (0.09, 0.00, 0.74, 0.19, 0.13, 0.00, 0.05, 0.25),
    },
}
# CCC of valence and arousal, mean square error of valence and arousal.
VALENCE_AROUSAL = {
    "5.2": {
        "va_vgg16_fc1": (0.04, 0.02, 0.40, 0.14),
        "va_vgg16_fc2": (0.09, 0.09, 0.32, 0.11),
        "va_xcep_fc1": (-0.03, -0.13, 0.31, 0.12),
        "va_xcep_fc2": (-0.01, -0.03, 0.30, 0.10),
        "va_vgg19_fc1": (0.11, 0.14, 0.32, 0.11),
        "va_vgg19_fc2": (0.16, 0.17, 0.31, 0.09),
    },
    "5.6": {
        "comb_vgg16_fc1": (0.13, 0.04, 0.38, 0.19),
        "comb_vgg16_fc3": (0.07, 0.13, 0.36, 0.10),
        "comb_xcep_fc2": (-0.03, 0.00, 0.34, 0.11),
        "comb_xcep_fc3": (0.02, 0.01, 0.32, 0.11),
        "comb_vgg19_fc1": (0.14, 0.20, 0.33, 0.12),
        "comb_vgg19_fc2": (0.14, 0.20, 0.33, 0.10),
    },
    "C.2": {
        "va_vgg16_fc1": (0.86, 0.76, 0.07, 0.04),
        "va_vgg16_fc2": (0.83, 0.66, 0.08, 0.05),
        "va_xcep_fc1": (0.03, 0.05, 0.31, 0.11),
        "va_xcep_fc2": (0.01, 0.01, 0.29, 0.10),
        "va_vgg19_fc1": (0.73, 0.60, 0.11, 0.06),
        "va_vgg19_fc2": (0.87, 0.72, 0.07, 0.04),
    },
    "C.4": {
        "comb_vgg16_fc1": (0.78, 0.68, 0.11, 0.05),
        "comb_vgg16_fc3": (0.74, 0.57, 0.11, 0.06),
        "comb_xcep_fc2": (0.11, 0.11, 0.27, 0.09),
        "comb_xcep_fc3": (0.07, 0.07, 0.27, 0.09),
        "comb_vgg19_fc1": (0.83, 0.71, 0.09, 0.05),
        "comb_vgg19_fc2": (0.80, 0.67, 0.10, 0.05),
    },
    "C.6": {
        "va_vgg16_fc1": (0.04, 0.03, 0.46, 0.18),
        "va_vgg16_fc2": (0.01, -0.09, 0.43, 0.15),
        "va_xcep_fc1": (0.02, 0.06, 0.29, 0.10),
        "va_xcep_fc2": (0.00, 0.01, 0.32, 0.10),
        "va_vgg19_fc1": (-0.05, -0.01, 0.58, 0.20),
        "va_vgg19_fc2": (-0.05, 0.01, 0.43, 0.13),
    },
    "C.8": {
        "comb_vgg16_fc1": (-0.03, 0.02, 0.63, 0.27),
        "comb_vgg16_fc3": (-0.06, -0.15, 0.55, 0.20),
        "comb_xcep_fc2": (0.02, 0.07, 0.36, 0.12),
        "comb_xcep_fc3": (-0.05, 0.03, 0.39, 0.12),
        "comb_vgg19_fc1": (-0.05, 0.05, 0.54, 0.26),
        "comb_vgg19_fc2": (-0.12, -0.02, 0.59, 0.18),
    },
}
# fmt: on
# Table 5.5, of the best combined system: precision, recall, F1 of each category, and the mean weighted by frames.
BEST_COMBINED = {
    "neutral": (0.57, 0.39, 0.46),
    "happy": (0.00, 0.00, 0.00),
    "sad": (0.64, 0.93, 0.76),
    "angry": (0.15, 0.15, 0.15),
    "fear": (0.26, 0.25, 0.26),
    "surprise": (0.00, 0.00, 0.00),
    "disgust": (0.00, 0.00, 0.00),
    "average": (0.49, 0.59, 0.52),
}
# Families at equal depth (spec 6.4).
_PAIRED = ("vgg16_fc1", "vgg19_fc1", "vgg19_fc2", "xcep_fc2")
_ALONE, _TOGETHER = (tuple(f"{family}_{name}" for name in _PAIRED) for family in ("cat", "comb"))
# Tables that print rows of others again -> table -> its rows.
REPRINTED = {
    "5.4": {"5.1": ("cat_vgg16_fc2",), "5.3": ("comb_vgg19_fc1",)},
    "5.7": {"5.2": ("va_vgg19_fc2",), "5.6": ("comb_vgg19_fc2",)},
    "pairs": {"5.1": _ALONE, "5.3": _TOGETHER},
}
# The same systems on another split: table -> (training split, test split).
OTHER_SPLITS = {
    "5.1": ("C.1", "C.5"),
    "5.2": ("C.2", "C.6"),
    "5.3": ("C.3", "C.7"),
    "5.6": ("C.4", "C.8"),
    "5.4": ("5.4-train", "5.4-test"),
    "5.7": ("5.7-train", "5.7-test"),
    "pairs": ("pairs-train", "pairs-test"),
}


def printed(system: str) -> dict[str, dict[str, float]]:
    """Table -> what it prints of a system, by metric; accuracies and recalls in percent."""
    found = {}
    for tables, metrics, scale in ((ACCURACY, ACCURACIES, 100), (VALENCE_AROUSAL, VALUES, 1)):
        for number, rows in tables.items():
            if system in rows:
                found[number] = _numbers(metrics, rows[system], scale)
    for number, sources in REPRINTED.items():
        for source, systems in sources.items():
            if system in systems:
                found[number] = found[source]
                for mine, theirs in zip(OTHER_SPLITS[number], OTHER_SPLITS[source]):
                    found[mine] = found[theirs]
    if system == "comb_vgg19_fc1":
        values = [value for of_category in BEST_COMBINED.values() for value in of_category]
        found["5.5"] = _numbers(SCORES, values, 100)
    return found


def _numbers(metrics: tuple[str, ...], values, scale: float) -> Mapping[str, float]:
    return {metric: round(scale * value, 2) for metric, value in zip(metrics, values, strict=True)}
