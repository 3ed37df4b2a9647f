"""Class names and dimension names. Their order travels with every data set and checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from emojax.errors import DataError


@dataclasses.dataclass(frozen=True)
class Labels:
    """Names of the categories and of the continuous dimensions, in index order.

    Attributes:
        classes: category names; index i of a label or of a probability vector means ``classes[i]``.
        dimensions: names of the continuous outputs, e.g. ``("valence", "arousal")``.
    """

    classes: tuple[str, ...]
    dimensions: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping) -> Labels:
        return cls(tuple(value["classes"]), tuple(value["dimensions"]))

    def to_json(self) -> dict:
        return {"classes": list(self.classes), "dimensions": list(self.dimensions)}

    def require_equal(self, other: Labels, *, mine: str, theirs: str) -> None:
        """Raises DataError naming the first difference, e.g. two class orders that disagree."""
        for kind in ("classes", "dimensions"):
            a, b = getattr(self, kind), getattr(other, kind)
            if a == b:
                continue
            raise DataError(
                f"The {kind} differ, so predictions would be read under wrong names: "
                f"{mine} has {list(a)}, {theirs} has {list(b)}. "
                f"Use data prepared with the same {kind} in the same order."
            )


# Order of emotion_gcn spec 1.2 = AffectNet's own codes (thesis 001, l.1628). Contempt is code 7.
AFFECTNET_CLASSES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
VALENCE_AROUSAL = ("valence", "arousal")


def affectnet_labels(num_classes: int) -> Labels:
    """Labels of the 7-way or 8-way AffectNet task; Aff-Wild2 is remapped to the 7-way order."""
    if num_classes not in (7, 8):
        raise ValueError(f"AffectNet has 7 or 8 classes, not {num_classes}")
    return Labels(AFFECTNET_CLASSES[:num_classes], VALENCE_AROUSAL)


# context_emotion spec 1.2. EMOTIC's order is alphabetical; BoLD's is that of its CSV file.
EMOTIC_CATEGORIES = (
    *("affection", "anger", "annoyance", "anticipation", "aversion", "confidence", "disapproval"),
    *("disconnection", "disquietment", "doubt/confusion", "embarrassment", "engagement", "esteem"),
    *("excitement", "fatigue", "fear", "happiness", "pain", "peace", "pleasure", "sadness"),
    *("sensitivity", "suffering", "surprise", "sympathy", "yearning"),
)
BOLD_CATEGORIES = (
    *("peace", "affection", "esteem", "anticipation", "engagement", "confidence", "happiness"),
    *("pleasure", "excitement", "surprise", "sympathy", "doubt/confusion", "disconnection", "fatigue"),
    *("embarrassment", "yearning", "disapproval", "aversion", "annoyance", "anger", "sensitivity"),
    *("sadness", "disquietment", "fear", "pain", "suffering"),
)
# affwild_cnn_rnn spec 1.2: the order of its tables.
AFFWILD_CLASSES = ("neutral", "happy", "sad", "angry", "fear", "surprise", "disgust")
AFFWILD_LABELS = Labels(AFFWILD_CLASSES, VALENCE_AROUSAL)
VALENCE_AROUSAL_DOMINANCE = ("valence", "arousal", "dominance")
EMOTIC_LABELS = Labels(EMOTIC_CATEGORIES, VALENCE_AROUSAL_DOMINANCE)
BOLD_LABELS = Labels(BOLD_CATEGORIES, VALENCE_AROUSAL_DOMINANCE)
BOLD_POSITIVE_FROM = 0.5  # a crowd confidence of at least this counts as a positive label

# image_sequences spec 1.1: alphabetical. A class of SASE-FE is emotion + 6 * deceptive.
SASE_EMOTIONS = ("anger", "contempt", "disgust", "happiness", "sadness", "surprise")
OULU_EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
SASE_LABELS = Labels(tuple(f"{kind}_{name}" for kind in ("genuine", "deceptive") for name in SASE_EMOTIONS))
OULU_LABELS = Labels(OULU_EMOTIONS)


def class_permutation(wanted: Labels, stored: Labels) -> list[int]:
    """Where each wanted class stands among the stored: ``values[..., permutation]`` is in the wanted order.

    Raises:
        DataError: the two do not have the same classes.
    """
    if set(wanted.classes) != set(stored.classes):
        odd = sorted(set(wanted.classes) ^ set(stored.classes))
        raise DataError(f"Classes cannot be put into another order: only one of both sets has {odd}.")
    return [stored.classes.index(name) for name in wanted.classes]
