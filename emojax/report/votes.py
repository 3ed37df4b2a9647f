"""Figures of classes predicted frame by frame in videos, and of the votes of the frames (image_sequences spec 7)."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from emojax.report import style

_MOST_COLUMNS = 6


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


def vote_gain_figure(
    path: str | pathlib.Path,
    units: np.ndarray,
    videos: np.ndarray,
    names: Sequence[str],
    *,
    unit: str,
) -> pathlib.Path:
    """Accuracy of the single units beside that of the videos that they vote for: of all, and of each class.

    Args:
        path: PNG to write.
        units: confusion matrix ``[C, C]`` of frames or clips, rows are the truth.
        videos: that of videos.
        names: of the C classes.
        unit: what the units are, e.g. ``frames``.
    """
    labels = ["All", *(style.shorten(style.capital(name), 20) for name in names)]
    at, thick = np.arange(len(labels)), 0.4
    with style.figure(path, 1.6 + 0.55 * len(labels), 3.4) as fig:
        ax = fig.add_subplot()
        for i, (label, counts) in enumerate({unit: units, "videos by vote": videos}.items()):
            counts = np.asarray(counts, np.float64)
            shares = [
                np.trace(counts) / max(counts.sum(), 1),
                *(np.diag(counts) / np.maximum(counts.sum(1), 1)),
            ]
            ax.bar(
                at + (i - 0.5) * thick,
                100 * np.array(shares),
                thick * 0.92,
                color=style.colour(i),
                label=label,
            )
        ax.axvline(0.5, color=style.FAINT)
        ax.set_xticks(at, labels, rotation=40, ha="right")
        ax.set(ylabel="accuracy, %", ylim=(0, 100), xlim=(-0.6, len(labels) - 0.4))
        ax.grid(axis="y")
        style.titled(
            ax, "What the vote adds", f"{int(np.sum(units)):,} {unit}, {int(np.sum(videos)):,} videos"
        )
        style.legend_above(ax, 2)
    return pathlib.Path(path)


def frames_figure(
    path: str | pathlib.Path,
    images: Sequence[np.ndarray],
    predicted: Sequence[str],
    right: Sequence[bool],
    notes: Sequence[str],
    *,
    title: str,
) -> pathlib.Path:
    """Frames in a grid; under each its class as predicted, blue where that is right, above it a note.

    Args:
        path: PNG to write.
        images: uint8 ``[H, W, 3]`` RGB.
        predicted: class of each.
        right: whether it is the true one.
        notes: of each, e.g. the number of the frame.
        title: of the figure.
    """
    columns = min(len(images), _MOST_COLUMNS)
    rows = -(-len(images) // columns)
    with style.figure(path, max(1.6 * columns, 4.4), 2.0 * rows + 0.5) as fig:
        axes = fig.subplots(rows, columns, squeeze=False)
        for ax in axes.flat:
            style.hide(ax)
        for ax, image, name, is_right, note in zip(axes.flat, images, predicted, right, notes):
            ax.imshow(image, interpolation="nearest")
            ax.set_title(note, fontsize=8.5, fontweight="normal", color=style.MUTED, pad=4)
            colour = style.RIGHT if is_right else style.WRONG
            ax.set_xlabel(style.shorten(style.capital(name), 20), fontsize=8.5, color=colour)
        style.heading(fig, title)
    return pathlib.Path(path)
