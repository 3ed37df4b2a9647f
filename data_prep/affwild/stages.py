"""How many films, people and frames each stage of the database keeps, beside table 3.4 (affwild_gan spec 1.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data_prep.affwild.films import probe
from data_prep.affwild.tracks import Track, video_of
from emojax.data.film_counts import FilmCount
from emojax.errors import Skip


def count_tracks(tracks: Sequence[Track], faces: Mapping[str, int]) -> list[FilmCount]:
    """Counts of each track; `faces`: track -> faces that were kept."""
    return [
        FilmCount(t.name, video_of(t.name), t.split, _rate(t), t.num_frames, faces.get(t.name, 0))
        for t in tracks
    ]


def _rate(track: Track) -> float | None:
    try:
        return round(probe(track.video)[0], 3) if track.video else None
    except Skip:
        return None


def stage_table(counts: Sequence[FilmCount]) -> list[str]:
    """Lines: films and frames of each stage, beside the published ones.

    A film of two people counts once before the face detection, and twice after it.
    """
    films = list({count.video: count for count in counts}.values())
    kept = [count for count in counts if count.faces]
    stages = [
        ("initial films", [f for f in films if f.set != "extra"], "frames", 78, 479_022),
        ("extra films", [f for f in films if f.set == "extra"], "frames", 23, 85_556),
        ("before face detection", films, "frames", 101, 564_578),
        ("after face detection", kept, "faces", 106, 507_208),
        ("  small training set", [c for c in kept if c.set == "extra"], "faces", 23, 80_280),
        ("  big training set", [c for c in kept if c.set in ("train", "extra")], "faces", 92, 482_982),
        ("  validation set", [c for c in kept if c.set == "validation"], "faces", None, None),
        ("  testing set", [c for c in kept if c.set == "test"], "faces", 14, 24_226),
    ]
    lines = [f"{'stage':<24}{'videos':>8}{'published':>11}{'frames':>11}{'published':>11}"]
    for name, rows, field, videos, frames in stages:
        cells = (len(rows), videos, sum(getattr(row, field) for row in rows), frames)
        texts = ["-" if cell is None else f"{cell:,}" for cell in cells]
        lines.append(f"{name:<24}{texts[0]:>8}{texts[1]:>11}{texts[2]:>11}{texts[3]:>11}")
    return [*lines, "Published: table 3.4 and section 4.2 of the thesis. It has no validation set."]
