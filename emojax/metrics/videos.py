"""From predictions of frames or clips to those of videos, and how sure they are (image_sequences spec 3, 5.3)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def vote(probabilities: np.ndarray, video: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The class that most units of a video vote for; of tied classes that with the larger summed probability.

    Args:
        probabilities: ``[N, C]`` of the units.
        video: ``[N]`` number of each unit's video.

    Returns:
        Numbers of the videos ``[V]`` in rising order, class by vote ``[V]``, and class of the mean probability ``[V]``.
    """
    videos, member = np.unique(video, return_inverse=True)
    votes, summed = (np.zeros((len(videos), probabilities.shape[1])) for _ in range(2))
    np.add.at(votes, (member, probabilities.argmax(axis=1)), 1)
    np.add.at(summed, member, probabilities)
    tied = votes == votes.max(axis=1, keepdims=True)
    return videos, np.where(tied, summed, -np.inf).argmax(axis=1), summed.argmax(axis=1)


def first_of(values: np.ndarray, video: np.ndarray) -> np.ndarray:
    """The value of each video ``[V]``, in rising order of its number, from those of its units ``[N]``."""
    return values[np.unique(video, return_index=True)[1]]


def bootstrap_interval(
    correct: np.ndarray, group: np.ndarray, *, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the accuracy when whole groups (subjects) are drawn anew.

    Args:
        correct: ``[N]`` whether each unit is right.
        group: ``[N]`` number of each unit's group: units of one group are alike.
        samples: draws.
        seed: of the draws.
    """
    _, member = np.unique(group, return_inverse=True)
    right = np.bincount(member, weights=correct.astype(np.float64))
    sizes = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(0, len(sizes), (samples, len(sizes)))
    low, high = np.quantile(right[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), (0.025, 0.975))
    return float(low), float(high)


def video_metrics(
    probabilities: np.ndarray, labels: np.ndarray, video: np.ndarray, subject: np.ndarray
) -> Mapping[str, object]:
    """What section 5.3 asks for besides the metrics of the units.

    Args:
        probabilities: ``[N, C]``.
        labels: ``[N]`` true classes.
        video, subject: ``[N]`` numbers.

    Returns:
        ``video_accuracy`` (vote), ``video_accuracy_mean`` (mean probability), ``video_confusion_matrix`` [C][C],
        ``units``, ``videos``, ``subjects``, ``chance``, ``majority`` (accuracy of always naming the commonest class),
        ``accuracy_low`` and ``accuracy_high`` (see `bootstrap_interval`). JSON-able.
    """
    from emojax.metrics.expression import confusion_matrix

    _, voted, mean = vote(probabilities, video)
    truth, classes = first_of(labels, video), probabilities.shape[1]
    low, high = bootstrap_interval(probabilities.argmax(axis=1) == labels, subject)
    return {
        "video_accuracy": float(np.mean(voted == truth)),
        "video_accuracy_mean": float(np.mean(mean == truth)),
        "video_confusion_matrix": confusion_matrix(truth, voted, classes).tolist(),
        "units": len(labels),
        "videos": len(truth),
        "subjects": len(np.unique(subject)),
        "chance": 1 / classes,
        "majority": float(np.bincount(labels, minlength=classes).max() / len(labels)),
        "accuracy_low": low,
        "accuracy_high": high,
    }
