"""The course of classes, valence and arousal of one video, as a picture."""

from __future__ import annotations

import pathlib
from collections import defaultdict

import numpy as np

from emojax.files import replacing
from emojax.labels import Labels
from emojax.prediction.tables import Row

_POINTS = 4000  # of each line: more cannot be seen in a picture


class Timeline:
    """Collects the predictions of a video; keeps numbers alone, some 100 bytes a face."""

    def __init__(self, labels: Labels):
        self._labels = labels
        self._tracks: dict[int, list[np.ndarray]] = defaultdict(list)

    def add(self, row: Row) -> None:
        """Adds a face."""
        values = [*row.probabilities.values(), *row.values.values()]
        self._tracks[row.track or 0].append(np.array([row.seconds or 0.0, *values], np.float32))

    def write(self, path: pathlib.Path, title: str) -> bool:
        """Draws the person who is seen longest; False where the video has no face."""
        if not self._tracks:
            return False
        number, rows = max(self._tracks.items(), key=lambda item: (len(item[1]), -item[0]))
        table = np.stack(rows)[:: -(-len(rows) // _POINTS)]
        people = f", person {number} of {len(self._tracks)}" if len(self._tracks) > 1 else ""
        _draw(path, f"{title}{people}", table, self._labels)
        return True


def _draw(path: pathlib.Path, title: str, table: np.ndarray, labels: Labels) -> None:
    import matplotlib  # a second that only a timeline pays

    matplotlib.use("Agg")
    from matplotlib import pyplot

    seconds, values = table[:, 0], table[:, 1:]
    num_values = min(len(labels.dimensions), values.shape[1])
    num_classes = values.shape[1] - num_values
    if num_classes not in (0, len(labels.classes)):  # a system without values
        num_classes, num_values = values.shape[1], 0
    panels = [p for p in (num_classes, num_values) if p]
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(10, 2.8 * len(panels)), sharex=True, squeeze=False, layout="constrained"
    )
    axes = iter(axes[:, 0])
    if num_classes:
        axis = next(axes)
        axis.stackplot(seconds, values[:, :num_classes].T, labels=labels.classes, alpha=0.85)
        axis.set(ylabel="probability", ylim=(0, 1))
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    if num_values:
        axis = next(axes)
        for name, line in zip(labels.dimensions, values[:, num_classes:].T):
            axis.plot(seconds, line, label=name)
        axis.axhline(0, color="grey", linewidth=0.5)
        axis.set(ylabel="value", ylim=(-1.05, 1.05))
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axis.set_xlabel("seconds")
    figure.suptitle(title)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    pyplot.close(figure)
