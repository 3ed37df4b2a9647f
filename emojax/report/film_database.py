"""How a database of films came about and what is in it: rates, detection, sizes, labels (affwild_gan spec 7)."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LogNorm

from emojax.data.dataset import Dataset
from emojax.data.film_counts import FilmCount, read_film_counts
from emojax.report import style, traces
from emojax.report.film_faces import face_pictures
from emojax.report.page import Picture, Section

_VALUES = ("valence", "arousal")
_BINS = 40
_SETS = {"train": "initial", "extra": "extra"}  # as the thesis calls them
_TRACED = 3  # videos


def database_sections(folder: pathlib.Path, dataset: Dataset) -> list[Section]:
    """Films, labels in the plane and over time, sizes of the faces."""
    columns = {name: dataset.columns(name) for name in dataset.splits if dataset.split(name).num_records}
    counts = read_film_counts(dataset.path)
    pictures = []
    if any(count.frames_per_second for count in counts):
        path = rate_figure(folder / "frames_per_second.png", counts)
        pictures.append(Picture(path, "Frames a second of the films, before they become 30.", wide=True))
    if counts:
        path = detection_figure(folder / "detection.png", counts)
        pictures.append(
            Picture(path, "Frames with a face and labels; of two people in a film, those of both.", wide=True)
        )
    if all("crop_width" in of for of in columns.values()):
        path = crop_figure(folder / "crop_sizes.png", _by_video(columns, ("crop_width", "crop_height")))
        pictures.append(Picture(path, "Faces as they were cut out, before they get one size.", wide=True))
    pictures += face_pictures(folder, dataset, columns["train"])
    values = _by_set(columns, counts)
    plane = plane_figure(folder / "plane_of_each_set.png", values)
    return [
        Section("Films", pictures=pictures),
        Section(
            "Valence and arousal",
            pictures=[
                Picture(plane, "Frames in the plane, and of each dimension alone.", wide=True),
                *_annotation_traces(folder, columns["train"]),
            ],
        ),
    ]


def rate_figure(path: str | pathlib.Path, counts: Sequence[FilmCount]) -> pathlib.Path:
    """Films by their frames a second (figs 3.2, 3.9)."""
    rates = {c.video: round(c.frames_per_second, 2) for c in counts if c.frames_per_second}
    known, films = np.unique(list(rates.values()), return_counts=True)
    with style.figure(path, 6.4, 3.2) as fig:
        ax = fig.add_subplot()
        ax.bar([f"{rate:g}" for rate in known], films, 0.7, color=style.BLUE)
        for i, number in enumerate(films):
            ax.text(i, number, str(number), ha="center", va="bottom", fontsize=8, color=style.MUTED)
        ax.set(xlabel="frames a second", ylabel="films", title=f"Frame rates of {len(rates):,} films")
    return pathlib.Path(path)


def detection_figure(path: str | pathlib.Path, counts: Sequence[FilmCount]) -> pathlib.Path:
    """Frames of each film before and after the faces were found (fig. 3.13)."""
    films: dict[str, list[int]] = {}
    for count in counts:
        both = films.setdefault(count.video, [0, 0])
        both[0] += count.frames
        both[1] += count.faces
    films = {
        name: films[name] for name in sorted(films, key=lambda name: (len(name), name))
    }  # video9, video10
    before, after = np.array(list(films.values())).T
    loss = 1 - after.sum() / max(before.sum(), 1)
    with style.figure(path, min(4 + 0.12 * len(films), 14), 3.4) as fig:
        ax = fig.add_subplot()
        at = np.arange(len(films))
        ax.bar(at - 0.2, before, 0.4, color=style.FAINT, label=f"before, {before.sum():,}")
        ax.bar(at + 0.2, after, 0.4, color=style.BLUE, label=f"after, {after.sum():,}")
        ax.set_xticks(at, style.short_names(list(films), 12), rotation=90, fontsize=6)
        ax.set(xlim=(-0.8, len(films) - 0.2), ylabel="frames")
        ax.set_title(f"Frames before and after the face detection: {loss:.1%} lost")
        style.legend_above(ax, 2)
    return pathlib.Path(path)


def crop_figure(path: str | pathlib.Path, sizes: Mapping[str, np.ndarray]) -> pathlib.Path:
    """Smallest, mean and largest width and height of the faces of each video (fig. 4.4).

    Args:
        path: PNG to write.
        sizes: video -> ``[N, 2]`` widths and heights in pixels.
    """
    order = sorted(sizes, key=lambda name: sizes[name][:, 0].mean())
    with style.figure(path, 8.4, 4.6) as fig:
        for d, (ax, name) in enumerate(zip(fig.subplots(2, 1, sharex=True), ("width", "height"))):
            low, mean, high = ([f(sizes[video][:, d]) for video in order] for f in (np.min, np.mean, np.max))
            at = np.arange(len(order))
            ax.vlines(at, low, high, color=style.SKY, linewidth=2.5, label="smallest to largest")
            ax.plot(at, mean, "o", color=style.BLUE, markersize=3, label="mean")
            ax.set(ylabel=f"{name} (pixels)", ylim=(0, None))
            ax.grid(axis="y")
        ax.set(xlabel="videos, by mean width")
        ax.legend(loc="lower left", ncols=2)
        smallest = min(int(of.min()) for of in sizes.values())
        style.heading(
            fig, f"Sizes of the faces of {len(order):,} videos; the smallest side is {smallest} pixels"
        )
    return pathlib.Path(path)


def plane_figure(path: str | pathlib.Path, values: Mapping[str, np.ndarray]) -> pathlib.Path:
    """Frames of each set in the plane, with the distribution of each dimension at the edges (figs 3.8, 3.10, 4.1, 4.2).

    Args:
        path: PNG to write.
        values: set -> valence and arousal ``[N, 2]``.
    """
    edges = np.linspace(-1, 1, _BINS + 1)
    with style.figure(path, 3.4 * len(values) + 0.6, 3.8) as fig:
        for part, (name, of) in zip(np.atleast_1d(fig.subfigures(1, len(values))), values.items()):
            axes = part.subplots(2, 2, width_ratios=(4, 1), height_ratios=(1, 4), squeeze=False)
            plane = axes[1, 0]
            counts = np.histogram2d(of[:, 0], of[:, 1], (edges, edges))[0].T
            norm = LogNorm(vmin=1, vmax=max(counts.max(), 2))
            plane.pcolormesh(
                edges, edges, np.where(counts > 0, counts, np.nan), norm=norm, cmap=style.DENSITY
            )
            plane.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="valence", ylabel="arousal")
            plane.axhline(0, color=style.FAINT, linewidth=1, zorder=0)
            plane.axvline(0, color=style.FAINT, linewidth=1, zorder=0)
            axes[0, 0].hist(of[:, 0], edges, color=style.BLUE)
            axes[1, 1].hist(of[:, 1], edges, color=style.VERMILLION, orientation="horizontal")
            axes[0, 0].set(xlim=(-1, 1))
            axes[1, 1].set(ylim=(-1, 1))
            for ax in (axes[0, 0], axes[1, 1], axes[0, 1]):
                style.hide(ax)
            style.heading(part, f"{style.capital(name)}, {style.count(len(of))}")
    return pathlib.Path(path)


def _by_set(columns: Mapping, counts: Sequence[FilmCount]) -> dict[str, np.ndarray]:
    """Valence and arousal of the initial and the extra set, of all splits, and of what is trained on."""
    sets = {count.video_id: _SETS.get(count.set, count.set) for count in counts}
    found = {name: np.stack([of[v] for v in _VALUES], axis=1) for name, of in columns.items()}
    names = [sets.get(str(video), "train") for video in columns["train"]["video_id"]]
    of_train = {name: found["train"][np.array(names) == name] for name in dict.fromkeys(names)}
    whole = {"training": found.pop("train")}
    return {**(of_train if len(of_train) > 1 else {}), **whole, **found}


def _by_video(columns: Mapping, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Video -> values of these columns ``[N, D]``."""
    found = {}
    for of in columns.values():
        for video in np.unique(of["video_id"]):
            rows = of["video_id"] == video
            found[str(video)] = np.stack([of[name][rows] for name in names], axis=1)
    return found


def _annotation_traces(folder: pathlib.Path, columns: Mapping) -> list[Picture]:
    """Labels over the frames of the training videos whose labels move most (figs 3.4 to 3.7)."""
    found = _by_video({"train": columns}, ("frame", *_VALUES))
    most = sorted(found, key=lambda video: -found[video][:, 1:].std(axis=0).sum())[:_TRACED]
    pictures = []
    for i, video in enumerate(most, 1):
        frames, values = found[video][:, 0].astype(int), found[video][:, 1:]
        path = traces.trace_figure(folder / f"annotation_{i}.png", frames, {"annotated": values}, title=video)
        pictures.append(Picture(path, f"{video}: annotated valence and arousal.", wide=True))
    return pictures
