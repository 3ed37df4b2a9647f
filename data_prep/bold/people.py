"""The people of a clip, all found in one pass over its frames."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from data_prep.bold.clips import MAX_FRAMES, count_frames, encode_pictures, read_frames, stream_pictures
from data_prep.bold.flow import NO_MOTION, with_flow
from data_prep.bold.raw import Instance, Raw, read_joints, track
from emojax.data.select import Segments
from emojax.errors import Skip
from emojax.vision.skeleton_boxes import PUBLISHED, Margins, body_box

MODALITIES = ("rgb", "flow", "skeleton")
FRAMES = ("all", "sampled")
FILLS = ("minimum", "neutral")
SAMPLED_SEGMENTS = 25  # of validation and test (spec 1.5)
_SAMPLED = Segments(SAMPLED_SEGMENTS, window=5, spare=1)  # as the systems of RGB and of flow read
_FLOW_NEIGHBOURS = 2


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records.

    Attributes:
        size: side of the pictures in pixels.
        encoding: `jpeg` or `raw`.
        modalities: of `MODALITIES`; without `rgb` and `flow` the records hold no picture, and clips are only counted.
        flow_side: shorter side of the frames that flow is computed on; 0 for their own.
        flow_fill: of the masked person in flow images: their `minimum`, as the published systems have it, or `neutral`,
            no motion (spec 10, G11). Faces that are not there are 0 or neutral.
        frames: `all`, or `sampled`: validation and test keep the pictures that evaluation with 25 segments reads.
        margins: of the boxes of body, mask and face.
        track: keep the frames from the first to the last in which the person is tracked, not the whole clip (spec 10,
            G13); with `frames` `all` only.
    """

    size: int = 224
    encoding: str = "jpeg"
    modalities: tuple[str, ...] = ("rgb", "skeleton")
    flow_side: int = 0
    flow_fill: str = "minimum"
    frames: str = "all"
    margins: Margins = PUBLISHED
    track: bool = False

    @property
    def pictures(self) -> bool:
        return "rgb" in self.modalities or "flow" in self.modalities


@dataclasses.dataclass(frozen=True)
class Person:
    """What was found of one person: of each frame the encoded pictures, and whether the body was visible."""

    pictures: list[dict[str, bytes]]
    visible: list[bool]


class ClipPeople:
    """The annotated people of one clip; its frames are decoded once, when the first of them is asked for."""

    def __init__(self, raw: Raw, instances: Sequence[Instance], options: Options, split: str):
        self._raw, self._instances, self.options, self._split = raw, instances, options, split

    @functools.cached_property
    def table(self) -> np.ndarray:
        """See `read_joints`."""
        return read_joints(self._raw.joint_file(self._instances[0].clip))

    @functools.cached_property
    def num_frames(self) -> int:
        """Frames that can be decoded; raises Skip as `read_frames`."""
        if self.options.pictures:
            return len(next(iter(self.found.values())).pictures)
        return count_frames(self._raw.video(self._instances[0].clip))

    @functools.cached_property
    def found(self) -> dict[int, Person]:
        """The people by number; those without joints are left out, unless nobody has any."""
        options = self.options
        tracks = self._tracks()
        people = {person: Person([], []) for person in tracks}
        path = self._raw.video(self._instances[0].clip)
        wanted = None
        if options.frames == "sampled" and self._split != "train":
            wanted = sampled_frames(count_frames(path))
        for number, (frame, flow) in enumerate(self._frames(path)):
            for person, joints in tracks.items():
                pictures = frame_pictures(frame, flow, joints[number], options)
                people[person].pictures.append(_kept(pictures, number, wanted))
                height, width = frame.shape[:2]
                people[person].visible.append(
                    body_box(joints[number], width, height, options.margins) is not None
                )
        return people

    def _tracks(self) -> dict[int, np.ndarray]:
        tracks, error = {}, None
        for instance in self._instances:
            try:
                person = instance.person()
                tracks[person] = track(self.table, person, MAX_FRAMES)
            except Skip as skip:
                error = skip
        if not tracks:
            raise error
        return tracks

    def _frames(self, path) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        if "flow" in self.options.modalities:
            return with_flow(read_frames(path), self.options.flow_side)
        return ((frame, None) for frame in read_frames(path))


def sampled_frames(num_frames: int) -> dict[str, frozenset[int]]:
    """Modality -> frames whose pictures evaluation with `SAMPLED_SEGMENTS` reads."""
    centres = _SAMPLED.places(num_frames)
    around = centres[:, None] + np.arange(-_FLOW_NEIGHBOURS, _FLOW_NEIGHBOURS + 1)
    around = np.clip(around, 0, num_frames - 1)
    return {"rgb": frozenset(centres.tolist()), "flow": frozenset(around.ravel().tolist())}


def frame_pictures(
    frame: np.ndarray, flow: np.ndarray | None, joints: np.ndarray, options: Options
) -> dict[str, bytes]:
    """Feature -> encoded picture of one person in one frame; of flow, plane x above plane y as one grey picture."""
    made = {}
    if "rgb" in options.modalities:
        pictures = stream_pictures(frame, joints, options.size, margins=options.margins)
        made = encode_pictures(pictures, options.encoding)
    if flow is None:
        return made
    neutral = options.flow_fill == "neutral"
    fill, nothing = (NO_MOTION, NO_MOTION) if neutral else (flow.min(axis=(0, 1)), 0)
    pictures = stream_pictures(
        flow, joints, options.size, margins=options.margins, fill=fill, nothing=nothing
    )
    planes = {
        f"flow_{name}": np.ascontiguousarray(np.moveaxis(picture, -1, 0)).reshape(-1, options.size)
        for name, picture in pictures.items()
    }
    return made | encode_pictures(planes, options.encoding)


def _kept(
    pictures: dict[str, bytes], number: int, wanted: Mapping[str, frozenset[int]] | None
) -> dict[str, bytes]:
    """The pictures, those of frames that nothing reads empty."""
    if wanted is None:
        return pictures
    kinds = {name: "flow" if name.startswith("flow_") else "rgb" for name in pictures}
    return {name: data if number in wanted[kinds[name]] else b"" for name, data in pictures.items()}
