"""One person in one video: where the faces and the labels are (affwild_gan spec 1.2, 1.3)."""

from __future__ import annotations

import dataclasses
import re

_SIDE = re.compile(r"^(?P<video>.+)_(?P<side>left|right)$")
CATEGORY_NAMES = {  # as people write them -> index of AFFWILD_CLASSES
    **{"neutral": 0, "happy": 1, "happiness": 1, "sad": 2, "sadness": 2, "angry": 3, "anger": 3},
    **{"fear": 4, "surprise": 5, "surprised": 5, "disgust": 6, "disgusted": 6},
}


@dataclasses.dataclass(frozen=True)
class Track:
    """Frames of one person in one video, numbered from 1 at 30 frames a second.

    Attributes:
        name: of its files and folder, e.g. `video55` or `video55_left`.
        split: `train`, `extra` (training, the small set), `validation` or `test`.
        num_frames: frames to account for.
        faces: folder of its cropped faces; empty where they are cut out of `video`.
        video: the film; empty where there are cropped faces.
        boxes: CSV of the faces found in the film.
        side: `left` or `right` where the film shows two people; empty for one.
        valence, arousal: files of joystick annotations, one an annotator.
        rows: text file of one line a frame, valence and arousal; or two files, one for each.
        surviving: a line of `rows` belongs to the next frame that has a face (the layout of the thesis), instead of
            line i to frame i (the public layout).
        categories: CSV of categories by frame; empty without.
        person: who it is, `name` if nobody says it.
    """

    name: str
    split: str
    num_frames: int
    faces: str = ""
    video: str = ""
    boxes: str = ""
    side: str = ""
    valence: tuple[str, ...] = ()
    arousal: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    surviving: bool = False
    categories: str = ""
    person: str = ""


def video_of(name: str) -> str:
    """The film of a track: `video55_left` -> `video55`."""
    match = _SIDE.match(name)
    return match["video"] if match else name


def side_of(name: str, names: set[str]) -> str:
    """Which person of the film a track is, of all names of tracks: `left`, `right`, or empty for the only one.

    Where one of two tracks names its side, the other is the other person (spec 1.2, step 6).
    """
    match = _SIDE.match(name)
    if match:
        return match["side"]
    if f"{name}_left" in names:
        return "right"
    return "left" if f"{name}_right" in names else ""
