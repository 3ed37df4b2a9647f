"""Files in, tables and annotated files out: frames are read, faces found and cropped, batches predicted."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from emojax import progress
from emojax.errors import Skip
from emojax.prediction.answers import Answer
from emojax.prediction.boxes import GivenBoxes
from emojax.prediction.clips import Clips
from emojax.prediction.draw import VideoWriter, annotate, write_picture
from emojax.prediction.inputs import Frame, Video, is_video, read_picture
from emojax.prediction.model import Model
from emojax.prediction.readers import FaceReader, Record
from emojax.prediction.tables import Row, Tables
from emojax.prediction.timeline import Timeline
from emojax.prediction.tracks import Tracker
from emojax.vision.faces import DetectedFace

_FACES, _PIXELS = 32, 3 << 24  # frames wait until they hold so many faces, or so many pixels: 150 MB


@dataclasses.dataclass(frozen=True)
class Options:
    """What is written.

    Attributes:
        out: folder.
        annotated: whether annotated pictures and videos are.
        every: of so many frames of a video one is predicted.
        smooth: seconds, see `Tracker`; 0 for none.
        boxes: given faces; None to detect them.
    """

    out: pathlib.Path
    annotated: bool = True
    every: int = 1
    smooth: float = 0.0
    boxes: GivenBoxes | None = None


@dataclasses.dataclass
class Counts:
    """What became of the input; `skipped`: reason -> number, `examples`: reason -> first case."""

    pictures: int = 0
    videos: int = 0
    frames: int = 0
    faces: int = 0
    without_face: int = 0
    without_eyes: int = 0
    skipped: Counter = dataclasses.field(default_factory=Counter)
    examples: dict[str, str] = dataclasses.field(default_factory=dict)

    def skip(self, skip: Skip) -> None:
        self.skipped[skip.reason] += 1
        self.examples.setdefault(skip.reason, skip.detail)


class Session:
    """Predicts files one after the other.

    Args:
        model: the trained system.
        options: see `Options`.
        tables: where the rows go.
    """

    def __init__(self, model: Model, options: Options, tables: Tables):
        self._model, self._options, self._tables = model, options, tables
        self._names: Counter = Counter()
        self.counts = Counts()

    def predict(self, file: pathlib.Path) -> None:
        """Predicts one file; what cannot be read is counted."""
        try:
            if is_video(file):
                self._predict_video(file)
            else:
                self._predict_picture(file)
        except Skip as skip:
            self.counts.skip(skip)

    def _predict_picture(self, file: pathlib.Path) -> None:
        frame = read_picture(file, upright=self._options.boxes is None)
        self.counts.pictures += 1
        for shown, rows in self._rows([frame], None):
            if self._options.annotated:
                write_picture(self._path(file, ".jpg"), self._annotated(shown, rows))

    def _predict_video(self, file: pathlib.Path) -> None:
        options, before = self._options, self.counts.frames
        with contextlib.ExitStack() as stack:
            video = stack.enter_context(Video(file, options.every))
            writer, timeline = None, Timeline(self._model.labels)
            if options.annotated:
                rate = video.info.frames_per_second / options.every
                writer = stack.enter_context(VideoWriter(self._path(file, ".mp4"), rate))
            frames = self._shown(stack, video, file.name)
            tracker = Tracker(options.smooth)
            if self._model.reads_clips:
                rows_of_frames = self._clip_rows(stack, file, frames, tracker, draws=options.annotated)
            else:
                rows_of_frames = self._rows(frames, tracker)
            for shown, rows in rows_of_frames:
                for row in rows:
                    timeline.add(row)
                if writer:
                    writer.write(self._annotated(shown, rows))
            if self.counts.frames == before:
                raise Skip("no_video", f"{file} has no frame that can be decoded")
        self.counts.videos += 1
        timeline.write(self._path(file, ".timeline.png", new=not options.annotated), file.name)

    def _shown(self, stack: contextlib.ExitStack, video: Video, title: str) -> Iterable[Frame]:
        """The frames of a video behind a progress bar."""
        total = -(-video.info.num_frames // self._options.every) or None
        bar = progress.bar(iterable=video, total=total, desc=title, unit="frame")
        return stack.enter_context(contextlib.closing(bar))

    def _annotated(self, frame: Frame, rows: list[Row]) -> np.ndarray:
        return annotate(frame.image, rows, self._model.value_range)

    def _clip_rows(
        self, stack, file: pathlib.Path, frames: Iterable[Frame], tracker: Tracker, *, draws: bool
    ) -> Iterator[tuple[Frame, list[Row]]]:
        """As `_rows`, of a system that reads clips: the video is read to its end first, and again to draw on it."""
        clips = Clips(self._model)
        for frame in frames:
            clips.add(frame, *self._found(frame))
        seen = clips.finish()
        if draws:
            video = stack.enter_context(Video(file, self._options.every))
            again = self._shown(stack, video, f"{file.name}, drawing")
        else:
            again = (Frame(file, number, seconds, None) for number, seconds in clips.seconds.items())
        for frame in again:
            there = seen.get(frame.number, [])
            rows = self._as_rows(frame, [one.face for one in there], [one.answer for one in there], tracker)
            for row in rows:
                self._tables.write(row)
            yield frame, rows

    def _rows(self, frames: Iterable[Frame], tracker: Tracker | None) -> Iterator[tuple[Frame, list[Row]]]:
        """The frames in order, each with its faces; some frames are read ahead to fill batches."""
        waiting: list[tuple[Frame, list[DetectedFace], list[Record]]] = []
        for frame in frames:
            waiting.append((frame, *self._found(frame)))
            faces = sum(len(records) for _, _, records in waiting)
            if faces >= _FACES or len(waiting) * frame.image[..., 0].size >= _PIXELS // 3:
                yield from self._predicted(waiting, tracker)
                waiting = []
        yield from self._predicted(waiting, tracker)

    def _found(self, frame: Frame) -> tuple[list[DetectedFace], list[Record]]:
        boxes, reader = self._options.boxes, self._model.reader
        found = self._model.detector(frame.image) if boxes is None else boxes.of(frame)
        levels = isinstance(reader, FaceReader) and reader.crop.align != "none"
        faces, records = [], []
        for face in found:
            try:
                records.append(reader(frame.image, face, found))
            except Skip as skip:
                self.counts.skip(Skip(skip.reason, f"{frame.file}, frame {frame.number}: {skip.detail}"))
                continue
            faces.append(face)
            self.counts.without_eyes += face.landmarks is None and levels
        self.counts.frames += 1
        self.counts.faces += len(faces)
        self.counts.without_face += not faces
        return faces, records

    def _predicted(self, waiting, tracker: Tracker | None) -> Iterator[tuple[Frame, list[Row]]]:
        answers = iter(self._model.answers([record for _, _, records in waiting for record in records]))
        for frame, faces, _ in waiting:
            rows = self._as_rows(frame, faces, [next(answers) for _ in faces], tracker)
            for row in rows:
                self._tables.write(row)
            yield frame, rows

    def _as_rows(self, frame: Frame, faces, outputs: list[Answer], tracker: Tracker | None) -> list[Row]:
        numbers: list[int | None] = [None] * len(faces)
        if tracker is not None:
            flat = [np.array([*p.values(), *v.values()]) for p, v in outputs]
            followed = tracker.update(frame.seconds or 0.0, [face.box for face in faces], flat)
            numbers = [number for number, _ in followed]
            if self._options.smooth:
                outputs = [_renamed(output, smoothed) for output, (_, smoothed) in zip(outputs, followed)]
        return [
            Row(
                *(str(frame.file), frame.number, frame.seconds, number, face.box, face.score),
                *output,
                self._model.labels_of(output[0]),
            )
            for face, number, output in zip(faces, numbers, outputs)
        ]

    def _path(self, file: pathlib.Path, suffix: str, *, new: bool = True) -> pathlib.Path:
        """Where what belongs to a file is written: its name, with a number where another file has the same."""
        if new:
            self._names[file.name] += 1
        count = self._names[file.name]
        name = file.name if count == 1 else f"{file.stem}_{count}{file.suffix}"
        return self._options.out / "annotated" / f"{name}{suffix}"


def _renamed(output, values: np.ndarray):
    """A prediction with other numbers under the same names."""
    probabilities, dimensions = output
    split = len(probabilities)
    return dict(zip(probabilities, values[:split].tolist())), dict(zip(dimensions, values[split:].tolist()))
