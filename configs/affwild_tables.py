"""What thesis 002 prints, table by table (affwild_gan spec 6.1 and 6.2).

Its chapter 6 prints minimum, mean and standard deviation of curves over the whole training: the errors of both
networks, and ``1 - CCC`` of the training batches and of the testing set, which it watches while it trains: here the
validation split. Tables ``N-test`` are the same systems on frames that were never watched.
"""

from __future__ import annotations

from collections.abc import Mapping

STATISTICS = ("minimum", "mean", "std")
# Curve -> kind of the row of the log, name of the value.
CURVES = {
    "training_error": ("train", "ccc_loss"),
    "testing_error": ("eval", "loss"),
    "generator_error": ("train", "generator_loss"),
    "discriminator_error": ("train", "loss"),
    "adversarial_error": ("train", "unsupervised_loss"),
}
VALUES = ("ccc_valence", "ccc_arousal", "mse_valence", "mse_arousal")

_CNNM = (0.15, 0.10, 0.13, 0.14)
QUOTED = {
    "2.24": {
        "affwild_vggface": (0.46, 0.35, 0.10, 0.09),
        "affwild_vgg16": (0.40, 0.30, 0.13, 0.11),
        "affwild_resnet50": (0.33, 0.24, 0.16, 0.13),
    },
    "2.25": {
        "affwild_cnn_gru": (0.57, 0.43, 0.08, 0.06),
        "affwild_cnn_lstm": (0.49, 0.38, 0.10, 0.09),
    },
    "2.27": {"affwild_cnnm_ft_fc": _CNNM, "affwild_cnnm_ft_all": _CNNM},
}
# System -> table -> curve -> minimum, mean, standard deviation.
OVER_THE_RUN = {
    "affwild_cnnm_small": {
        "6.1": {"training_error": (0.04, 0.19, 0.28), "testing_error": (0.58, 0.76, 0.1)},
    },
    "affwild_reggan_small": {
        "6.2": {"generator_error": (1.55, 3.7, 0.77), "discriminator_error": (0.35, 0.68, 0.26)},
        "6.3": {"training_error": (0.04, 0.12, 0.14), "testing_error": (0.66, 0.77, 0.2)},
    },
    "affwild_reggan_big": {
        "6.5": {"generator_error": (1.3, 2.66, 0.45), "discriminator_error": (0.41, 1.06, 0.2)},
        "6.6": {"training_error": (0.05, 0.24, 0.11), "testing_error": (0.4, 0.52, 0.2)},
    },
}
# System -> best and mean CCC of the testing set; table 6.7, for CNN-M from table 6.1.
CCC = {
    "affwild_cnnm_small": (0.42, 0.24),
    "affwild_reggan_small": (0.34, 0.23),
    "affwild_reggan_big": (0.6, 0.48),
}
JUDGED = {"judged_real_real": 0.99, "judged_real_fake": 0.07}  # table 6.4, read as spec G5 reads it


def printed(system: str) -> dict[str, Mapping[str, float]]:
    """Table -> what it prints of a system, by metric."""
    found: dict[str, Mapping[str, float]] = {}
    for number, rows in QUOTED.items():
        if system in rows:
            found[number] = found[f"{number}-test"] = dict(zip(VALUES, rows[system]))
    for number, curves in OVER_THE_RUN.get(system, {}).items():
        if "discriminator_error" in curves:  # with or without 1 - CCC, the thesis does not say (spec G15)
            curves = {**curves, "adversarial_error": curves["discriminator_error"]}
        found[number] = {
            f"{curve}_{statistic}": value
            for curve, values in curves.items()
            for statistic, value in zip(STATISTICS, values)
        }
    if system in CCC:
        best, mean = CCC[system]
        if "cnnm" not in system:
            found["6.7"] = {"ccc_maximum": best, "ccc_average": mean}
        for number in [n for n in found if "testing_error_mean" in found[n] or n == "6.7"]:
            found[f"{number}-test"] = {"ccc_mean": best}
    if system == "affwild_reggan_small":
        found["6.4"] = found["6.4-test"] = JUDGED
    return found
