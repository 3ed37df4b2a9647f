"""Finds a database of faces in films: films with joystick annotations, or cropped faces with a label a frame.

Three layouts are read (data_prep/affwild/README.md shows them): films; the folders of the thesis (affwild_gan spec
1.3); and cropped faces with the text files of Aff-Wild and Aff-Wild2.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Sequence

from data_prep.affwild.films import frames_at_30, probe
from data_prep.affwild.frames import label_rows
from data_prep.affwild.pictures import face_files
from data_prep.affwild.tracks import Track, side_of, video_of
from data_prep.locate import holdings
from emojax.errors import DataError, Skip

SPLITS = ("train", "extra", "validation", "test")
FILMS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
# The thesis watches its testing set while it trains: here that is the validation split.
_THESIS = {"train": "", "extra": "extra_", "validation": "test_"}
_PUBLIC = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}
_LAYOUTS = (
    "videos/ with annotations/NAME_valence.txt, frames/ with labels/ (the thesis's layout), or cropped_aligned/ with "
    "annotations/ (Aff-Wild2's)"
)


@dataclasses.dataclass(frozen=True)
class Raw:
    """What there is.

    Attributes:
        tracks: by name.
        digest: of all files of labels.
    """

    tracks: tuple[Track, ...]
    digest: str


def find_raw(raw: pathlib.Path) -> Raw:
    """The people of a database.

    Raises:
        DataError: no known layout, no track, a person in two splits, or a list that cannot be read.
    """
    raw = raw.absolute()
    if not raw.is_dir():
        raise DataError(f"There is no folder {raw}. Give the folder of the database as --raw.")
    if (raw / "videos").is_dir():
        tracks = _films(raw)
    elif any((raw / f"{prefix}frames").is_dir() for prefix in _THESIS.values()):
        tracks = _thesis(raw)
    else:
        tracks = _public(raw)
    if not tracks:
        raise DataError(
            f"{raw} holds no annotated video; it holds {holdings(raw)}. It should hold {_LAYOUTS}."
        )
    tracks = sorted(tracks, key=lambda track: (SPLITS.index(track.split), track.name))
    require_disjoint(tracks)
    return Raw(tuple(tracks), _digest(raw, tracks))


def require_disjoint(tracks: Sequence[Track]) -> None:
    """Raises DataError where a film or a person is in two splits; `train` and `extra` are both for training."""
    for what, name_of in (("film", lambda t: video_of(t.name)), ("person", lambda t: t.person)):
        seen: dict[str, Track] = {}
        for track in tracks:
            other = seen.setdefault(name_of(track) or track.name, track)
            if _trains(other) != _trains(track) or (other.split != track.split and not _trains(track)):
                raise DataError(
                    f"The {what} {name_of(track)} is in two splits: {other.name} in {other.split}, {track.name} in "
                    f"{track.split}. Results would be too good: put both into one."
                )


def _trains(track: Track) -> bool:
    return track.split in ("train", "extra")


def read_splits(path: pathlib.Path) -> dict[str, tuple[str, str]]:
    """Name of a track or film -> (split, person), from a CSV with the columns video, split and, maybe, person."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(
            f"Cannot read {path}: {error}. It is a CSV with the columns video,split[,person]."
        ) from None
    splits: dict[str, tuple[str, str]] = {}
    for number, row in enumerate(rows, 2):
        name, split = (row.get("video") or "").strip(), (row.get("split") or "").strip().lower()
        if not name or split not in SPLITS:
            raise DataError(
                f"{path} line {number}: a row names a video and its split, one of {', '.join(SPLITS)}; "
                f"this one has {name!r} and {split!r}."
            )
        if splits.setdefault(name, (split, ""))[0] != split:
            raise DataError(f"{path} line {number}: {name} is in two splits.")
        splits[name] = (split, (row.get("person") or "").strip())
    return splits


def find_films(raw: pathlib.Path) -> list[Track]:
    """The people of all films, whatever the split (`train` for all).

    Raises:
        DataError: there are no annotated films.
    """
    tracks = _film_tracks(raw, lambda name: ("train", "")) if (raw / "videos").is_dir() else []
    if not tracks:
        raise DataError(
            f"{raw} holds no annotated film (videos/ and annotations/); it holds {holdings(raw)}."
        )
    return tracks


def _films(raw: pathlib.Path) -> list[Track]:
    splits_file = raw / "splits.csv"
    if not splits_file.is_file():
        raise DataError(
            f"{raw} has no splits.csv, which says of each video to which split it belongs (columns video,split). "
            "Write it, or let it be chosen: python -m data_prep.affwild.splits --help"
        )
    splits = read_splits(splits_file)

    def split_of(name: str) -> tuple[str, str]:
        known = splits.get(name) or splits.get(video_of(name))
        if known is None:
            raise DataError(f"{splits_file} does not say to which split {name} belongs.")
        return known

    return _film_tracks(raw, split_of)


def _film_tracks(raw: pathlib.Path, split_of: Callable[[str], tuple[str, str]]) -> list[Track]:
    films = {path.stem: path for path in (raw / "videos").iterdir() if path.suffix.lower() in FILMS}
    passes = {kind: _passes(raw / "annotations", kind) for kind in ("valence", "arousal")}
    names = set(passes["valence"]) | set(passes["arousal"])
    tracks = []
    for name in sorted(names):
        known = split_of(name)
        film = films.get(name) or films.get(video_of(name))
        tracks.append(
            Track(
                name=name,
                split=known[0],
                num_frames=_length(film),
                video=os.fspath(film or raw / "videos" / f"{video_of(name)}.avi"),
                boxes=os.fspath(raw / "boxes" / f"{video_of(name)}.csv"),
                side=side_of(name, names),
                valence=passes["valence"].get(name, ()),
                arousal=passes["arousal"].get(name, ()),
                categories=_categories(raw, name),
                person=known[1] or name,
            )
        )
    return tracks


def _length(film: pathlib.Path | None) -> int:
    """Frames at 30 a second; 1 for a film that is missing or unreadable, so that it is counted once."""
    try:
        return frames_at_30(*probe(film)) if film else 1
    except Skip:
        return 1


def _passes(annotations: pathlib.Path, kind: str) -> dict[str, tuple[str, ...]]:
    """Name of a track -> its joystick files of one dimension, one an annotator (in a folder each, or one without)."""
    found: dict[str, list[str]] = {}
    for path in sorted([*annotations.glob(f"*_{kind}.txt"), *annotations.glob(f"*/*_{kind}.txt")]):
        found.setdefault(path.stem.removesuffix(f"_{kind}"), []).append(os.fspath(path))
    return {name: tuple(paths) for name, paths in found.items()}


def _categories(raw: pathlib.Path, name: str) -> str:
    path = raw / "categories" / f"{name}.csv"
    return os.fspath(path) if path.is_file() else ""


def _thesis(raw: pathlib.Path) -> list[Track]:
    tracks = []
    for split, prefix in _THESIS.items():
        faces, labels = raw / f"{prefix}frames", raw / f"{prefix}labels"
        if not faces.is_dir():
            continue
        if not labels.is_dir():
            raise DataError(
                f"{raw} has a folder {faces.name}, but no {labels.name}: the faces have no labels."
            )
        for path in sorted(labels.glob("*.txt")):
            tracks.append(_cropped(raw, path.stem, split, faces / path.stem, (path,), surviving=True))
    return tracks


def _public(raw: pathlib.Path) -> list[Track]:
    annotations = raw / "annotations"
    faces = {p.name: p for root in ("cropped_aligned", "faces") for p in (raw / root).glob("*") if p.is_dir()}
    tracks = []
    for path in sorted(annotations.rglob("*.txt")):
        folders = [part.lower().split("_")[0] for part in path.relative_to(annotations).parts[:-1]]
        split = next((_PUBLIC[name] for name in folders if name in _PUBLIC), None)
        if "arousal" in folders or split is None:
            continue
        files: tuple[pathlib.Path, ...] = (path,)
        if "valence" in folders:
            files = (path, path.parent.parent / "arousal" / path.name)
        tracks.append(
            _cropped(raw, path.stem, split, faces.get(path.stem, raw / "cropped_aligned" / path.stem), files)
        )
    return tracks


def _cropped(
    raw: pathlib.Path,
    name: str,
    split: str,
    folder: pathlib.Path,
    files: Sequence[pathlib.Path],
    surviving: bool = False,
) -> Track:
    track = Track(
        name=name,
        split=split,
        num_frames=max(face_files(os.fspath(folder)), default=1) if folder.is_dir() else 1,
        faces=os.fspath(folder),
        rows=tuple(map(os.fspath, files)),
        surviving=surviving,
        categories=_categories(raw, name),
        person=name,
    )
    if surviving:
        return track
    try:  # labels beyond the last face are frames, too
        return dataclasses.replace(track, num_frames=max(track.num_frames, len(label_rows(track))))
    except Skip:
        return track


def _digest(raw: pathlib.Path, tracks: Sequence[Track]) -> str:
    digest = hashlib.sha256()
    for track in tracks:
        digest.update(f"{track.name} {track.split} {track.person} {track.num_frames}\n".encode())
        for path in (*track.valence, *track.arousal, *track.rows, track.boxes, track.categories):
            if path and os.path.isfile(path):
                content = pathlib.Path(path).read_bytes()
                digest.update(f"{os.path.relpath(path, raw)} {len(content)}\n".encode("utf-8", "replace"))
                digest.update(content)
    return digest.hexdigest()
