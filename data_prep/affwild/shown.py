"""Frames that show what the face detection found, for figures 3.11 and 3.12 of the thesis (affwild_gan spec 7)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from data_prep.affwild.films import film
from data_prep.affwild.frames import Frame, read_frames
from data_prep.affwild.tracks import Track
from emojax.data.found_faces import FoundFace
from emojax.errors import Skip

_SHOWN = 2  # films
_AFTER = 30  # faces: a second into the film, where it is that long
_HEIGHT = 480  # of a stored frame at most


def frames_to_show(tracks: Sequence[Track], matching: str) -> list[FoundFace]:
    """A frame of each of the first films that can be read and have a face."""
    shown: dict[str, FoundFace] = {}
    for track in tracks:
        if len(shown) == _SHOWN:
            break
        if track.video and track.video not in shown and (found := _found(track, matching)):
            shown[track.video] = found
    return list(shown.values())


def _found(track: Track, matching: str) -> FoundFace | None:
    try:
        seen: list[Frame] = []
        for frame in read_frames(track, 0, track.num_frames, matching):
            if frame.problem is None and frame.face is not None:
                seen.append(frame)
            if len(seen) == _AFTER:
                break
        if not seen:
            return None
        picture, box = film(track.video).frame(seen[-1].number), seen[-1].face
    except Skip:
        return None
    scale = min(_HEIGHT / len(picture), 1.0)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    corners = tuple(scale * value for value in box[:4])
    return FoundFace(seen[-1].source, cv2.cvtColor(small, cv2.COLOR_BGR2RGB), corners)
