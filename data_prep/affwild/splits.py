"""Chooses the splits of a database of films: `python -m data_prep.affwild.splits --raw DIR`.

Many splits by film are drawn; of those in which every split has every category that the database has, the one is kept
whose labels are distributed most alike (affwild_cnn_rnn spec 1.6): the least sum of the Jensen-Shannon divergences
between split and database, of seven categories and of valence and arousal in 20 bins each.

With --people nobody is in two splits: films that share a person stay together.
"""

from __future__ import annotations

import argparse
import collections
import csv
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from data_prep.affwild.frames import read_frames
from data_prep.affwild.raw import find_films
from data_prep.affwild.tracks import Track, video_of
from emojax import cli
from emojax.errors import DataError, Skip
from emojax.files import write_csv
from emojax.labels import AFFWILD_CLASSES

NAMES = ("train", "validation", "test")
_BINS = 20
_KINDS = {"category": len(AFFWILD_CLASSES), "valence": _BINS, "arousal": _BINS}


def label_counts(tracks: Sequence[Track]) -> dict[str, dict[str, np.ndarray]]:
    """Film -> counts of its frames by category, valence and arousal; films without any usable frame are left out."""
    counts: dict[str, dict[str, np.ndarray]] = {}
    for track in tracks:
        values, categories = [], []
        for frame in read_frames(track, 0, track.num_frames, "interpolate"):
            try:
                if frame.problem is None and frame.face is not None:
                    values.append(frame.valence_arousal())
                    categories.append(-1 if frame.category is None else frame.category)
            except Skip:
                continue
        if not values:
            continue
        bins = np.clip(((np.array(values) + 1) / 2 * _BINS).astype(int), 0, _BINS - 1)
        found = {
            "category": np.bincount([c for c in categories if c >= 0], minlength=_KINDS["category"]),
            "valence": np.bincount(bins[:, 0], minlength=_BINS),
            "arousal": np.bincount(bins[:, 1], minlength=_BINS),
        }
        film = counts.setdefault(video_of(track.name), {kind: np.zeros(n, int) for kind, n in _KINDS.items()})
        for kind, more in found.items():
            film[kind] = film[kind] + more
    return counts


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence of two histograms, in bits; 0 where one is empty."""
    if not p.sum() or not q.sum():
        return 0.0
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def bits(a):
        there = a > 0
        return float(np.sum(a[there] * np.log2(a[there] / middle[there])))

    return (bits(p) + bits(q)) / 2


def choose(
    counts: Mapping[str, Mapping[str, np.ndarray]],
    people: Mapping[str, str],
    ratios: Sequence[float] = (0.6, 0.2, 0.2),
    draws: int = 2000,
    seed: int = 0,
) -> tuple[dict[str, str], float]:
    """Film -> split, and the sum of divergences.

    Args:
        counts: as `label_counts`.
        people: film -> who is in it; films of the same people stay together. A film without an entry is its own.
        ratios: shares of the films, of `NAMES`.
        draws: how many splits are tried.
        seed: of the draws.

    Raises:
        DataError: fewer groups of people than splits, or no draw has every category in every split.
    """
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for film in sorted(counts):
        groups[people.get(film, film)].append(film)
    if len(groups) < len(NAMES):
        raise DataError(f"{len(groups)} groups of people cannot be divided into {len(NAMES)} splits.")
    whole = {kind: sum(film[kind] for film in counts.values()) for kind in _KINDS}
    table = {
        kind: np.array([sum(counts[f][kind] for f in films) for films in groups.values()]) for kind in _KINDS
    }
    rng, best = np.random.default_rng(seed), None
    ends = np.clip(np.round(np.cumsum(ratios) * len(groups)).astype(int), [1, 2, 3], len(groups))
    for _ in range(draws):
        parts = np.split(rng.permutation(len(groups)), ends[:-1])
        hists = [{kind: table[kind][part].sum(axis=0) for kind in _KINDS} for part in parts]
        there = whole["category"] > 0
        if not all(len(part) for part in parts) or not all((h["category"][there] > 0).all() for h in hists):
            continue
        total = sum(divergence(h[kind], whole[kind]) for h in hists for kind in _KINDS)
        if best is None or total < best[0]:
            best = (total, parts)
    if best is None:
        raise DataError(
            f"None of the {draws} divisions tried has every category of the database in every split. Annotate more "
            "films, or write splits.csv by hand."
        )
    films = list(groups.values())
    chosen = {film: name for name, part in zip(NAMES, best[1]) for i in part for film in films[i]}
    return chosen, best[0]


def read_people(path: pathlib.Path) -> dict[str, str]:
    """Track or film -> who is in it, from a CSV with the columns video and person.

    Raises:
        DataError: the file cannot be read, or a row lacks one of them, or says another person of the same track.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"Cannot read {path}: {error}. It is a CSV with the columns video,person.") from None
    people: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        video, person = ((row.get(name) or "").strip() for name in ("video", "person"))
        if not video or not person:
            raise DataError(
                f"{path} line {number}: a row names a video and a person, as in video7_left,anne."
            )
        if people.setdefault(video, person) != person:
            raise DataError(
                f"{path} line {number}: {video} shows {people[video]} and {person}. Of two people in one film the one "
                f"on the left is {video_of(video)}_left."
            )
    return people


def groups_of(people: Mapping[str, str]) -> dict[str, str]:
    """Film -> the first film of its group: films that share a person, also by way of others, are one group.

    Args:
        people: track or film -> person.
    """
    group: dict[str, str] = {}

    def first(film: str) -> str:
        while group.setdefault(film, film) != film:
            film = group[film]
        return film

    seen: dict[str, str] = {}
    for track, person in sorted(people.items()):
        film = video_of(track)
        one, other = sorted((first(film), first(seen.setdefault(person, film))))
        group[other] = one
    return {film: first(film) for film in group}


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m data_prep.affwild.splits", __doc__)
    add = parser.add_argument
    add("--raw", type=cli.path, required=True, metavar="DIR", help="folder with videos/ and annotations/")
    add("--out", type=cli.path, metavar="CSV", help="file to write [splits.csv in the folder]")
    add(
        "--people",
        type=cli.path,
        metavar="CSV",
        help="who is in a film: columns video,person; a film of two people has a row for each track",
    )
    add("--draws", type=cli.whole_number(1), default=2000, metavar="N", help="splits that are tried [2000]")
    add("--seed", type=cli.whole_number(0), default=0, metavar="N", help="seed of the random choice [0]")
    return parser


def _rows(chosen: Mapping[str, str], people: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """A row each film, and each further track whose person is known."""
    films = [(film, split, people.get(film, "")) for film, split in chosen.items()]
    tracks = [
        (t, chosen[video_of(t)], p) for t, p in people.items() if t not in chosen and video_of(t) in chosen
    ]
    return sorted(films + tracks)


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv)


def _run(args: argparse.Namespace) -> None:
    out = args.out or args.raw / "splits.csv"
    if out.exists():
        raise DataError(f"{out} exists. Delete it to choose anew, or give another --out.")
    tracks = find_films(pathlib.Path(args.raw))
    counts = label_counts(tracks)
    people = read_people(args.people) if args.people else {}
    chosen, total = choose(counts, groups_of(people), draws=args.draws, seed=args.seed)
    write_csv(out, ["video", "split", "person"], _rows(chosen, people))
    print(f"{out}: sum of divergences {total:.4f} bits")
    for name in NAMES:
        films = [film for film, split in chosen.items() if split == name]
        of_split = sum(counts[film]["category"] for film in films)
        frames = sum(int(counts[film]["valence"].sum()) for film in films)
        classes = ", ".join(f"{c} {n:,}" for c, n in zip(AFFWILD_CLASSES, of_split))
        print(f"  {name}: {len(films)} films, {frames:,} frames; {classes}")


if __name__ == "__main__":
    raise SystemExit(main())
