"""Figures of classes predicted frame by frame in videos, and of the votes of the frames (image_sequences spec 7)."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from emojax.report import style


def vote_figure(
    path: str | pathlib.Path,
    strips: Sequence[Sequence[np.ndarray]],
    predicted: Sequence[Sequence[str]],
    truth: Sequence[str],
    votes: Sequence[str],
) -> pathlib.Path:
    """A row a video: some of its frames with the class predicted for each, and what the whole video votes for.

    Args:
        path: PNG to write.
        strips: frames of each video in their order, uint8 ``[H, W, 3]`` RGB; as many of each.
        predicted: class of each frame shown.
        truth: class of each video.
        votes: class that most frames of the video are taken for.
    """
    columns = max(map(len, strips))
    with style.figure(path, 1.75 * columns + 0.4, 2.25 * len(strips) + 0.5) as fig:
        axes = fig.subplots(len(strips), columns, squeeze=False)
        for ax in axes.flat:
            style.hide(ax)
        for row, strip in enumerate(strips):
            right = votes[row] == truth[row]
            mark = style.CHECK if right else style.CROSS
            note = f"{style.capital(truth[row])}; vote: {style.capital(votes[row])} {mark}"
            axes[row, 0].set_title(note, fontsize=9, color=style.RIGHT if right else style.WRONG, pad=8)
            for ax, image, name in zip(axes[row], strip, predicted[row]):
                colour = style.RIGHT if name == truth[row] else style.WRONG
                ax.imshow(image, interpolation="nearest")
                ax.set_xlabel(style.shorten(style.capital(name), 22), fontsize=8.5, color=colour)
        style.heading(fig, "Frames and the votes of their videos (blue: right)")
    return pathlib.Path(path)


def position_figure(
    path: str | pathlib.Path, position: np.ndarray, right: np.ndarray, by_vote: float, bins: int = 5
) -> pathlib.Path:
    """Accuracy of the frames by their place in the part of the video that is kept, and of the videos by vote.

    Args:
        path: PNG to write.
        position: ``[N]`` from 0, the first kept frame of its video, to 1, the last.
        right: ``[N]`` whether each frame is classified correctly.
        by_vote: accuracy of the videos by majority vote.
        bins: equal parts of the kept frames.
    """
    part = np.minimum((np.asarray(position) * bins).astype(int), bins - 1)
    totals = np.bincount(part, minlength=bins)
    hits = np.bincount(part, weights=np.asarray(right, np.float64), minlength=bins)
    shares = 100 * hits / np.maximum(totals, 1)
    with style.figure(path, 6.4, 3.0) as fig:
        ax = fig.subplots()
        ax.bar(np.arange(bins), shares, color=style.BLUE, width=0.7)
        ax.axhline(100 * np.mean(right), color=style.INK, lw=1, label="all frames")
        ax.axhline(100 * by_vote, color=style.VERMILLION, lw=1, ls="--", label="videos by vote")
        ax.set_xticks(
            np.arange(bins), [f"{100 * i // bins} to {100 * (i + 1) // bins} %" for i in range(bins)]
        )
        ax.set(xlabel="place in the kept part of the video", ylabel="accuracy, %", ylim=(0, 100))
        style.titled(ax, "Accuracy over the video", f"{len(part):,} frames")
        style.legend_above(ax, 2)
    return pathlib.Path(path)
