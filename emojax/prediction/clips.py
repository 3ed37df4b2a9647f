"""Frames of each face or person of a video, gathered over time until a system that reads clips can answer."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence

from emojax.prediction.answers import Answer
from emojax.prediction.inputs import Frame
from emojax.prediction.model import Model
from emojax.prediction.readers import Record
from emojax.prediction.tracks import Tracker
from emojax.vision.faces import DetectedFace


@dataclasses.dataclass(frozen=True)
class Seen:
    """One face or person in one frame of a video, and the answer that belongs to it."""

    place: int  # among those of the frame
    face: DetectedFace
    answer: Answer


@dataclasses.dataclass(frozen=True)
class _Waiting:
    frame: int
    place: int
    face: DetectedFace
    record: Record


class Clips:
    """Answers for a whole video: pictures are kept until a clip is full, or its person is gone; then numbers alone.

    Attributes:
        seconds: number of a frame -> its time.

    Args:
        model: reads clips.
    """

    def __init__(self, model: Model):
        self._model, self._tracker = model, Tracker()
        self._waiting: dict[int, list[_Waiting]] = defaultdict(list)
        self._seen: dict[int, list[Seen]] = defaultdict(list)
        self.seconds: dict[int, float | None] = {}

    def add(self, frame: Frame, faces: Sequence[DetectedFace], records: Sequence[Record]) -> None:
        """The next frame of the video."""
        self.seconds[frame.number] = frame.seconds
        boxes = [face.box for face in faces]
        numbers = [n for n, _ in self._tracker.update(frame.seconds or 0.0, boxes, [[0.0]] * len(boxes))]
        for place, (number, face, record) in enumerate(zip(numbers, faces, records)):
            self._waiting[number].append(_Waiting(frame.number, place, face, record))
            if len(self._waiting[number]) >= self._model.clip_length:
                self._answer(number)
        for number in [n for n in self._waiting if not self._tracker.follows(n)]:
            self._answer(number)

    def finish(self) -> Mapping[int, list[Seen]]:
        """Frame -> what was seen in it, in the order of the detector; every frame that was added is there."""
        for number in list(self._waiting):
            self._answer(number)
        return {n: sorted(self._seen[n], key=lambda one: one.place) for n in self.seconds}

    def _answer(self, number: int) -> None:
        waiting = self._waiting.pop(number)
        answers = self._model.answers_of_clip([one.record for one in waiting])
        for one, answer in zip(waiting, answers):
            self._seen[one.frame].append(Seen(one.place, one.face, answer))
