"""One frame of Aff-Wild2: its annotation rows and its face file.

Row i after the header of a text file of one video (i from 0) belongs to the face of frame i + 1, e.g. `00001.jpg` for
row 0; the rows of the file of the multi-task challenge name their frames. Frames without a detected face have no file
(spec emotion_gcn 1.4).
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import os
import re
from collections.abc import Iterator, Sequence

from emojax.errors import DataError, Skip
from emojax.files import read_regular

OTHER = 7
# Aff-Wild2's code -> index of `emojax.labels.AFFECTNET_CLASSES` (spec emotion_gcn 1.4).
CODE_TO_CLASS = (0, 6, 5, 4, 1, 2, 3)
NOT_ANNOTATED = -1  # of an expression
INVALID = -5.0  # of valence or arousal
FACE_FILES = "00001.jpg (also .png, .bmp) or frame_det_00_000001.bmp"
_FACE_FILE = re.compile(r"(?:frame_det_\d+_)?(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE)
_MAX_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class Video:
    """One subject of one video that has annotations.

    Attributes:
        name: of its annotation files and folder, e.g. `video55` or `video55_left`.
        expression: path of its expression annotation, or None.
        va: path of its valence-arousal annotation, or None.
        faces: folder of its faces, or None.
        num_frames: frames to account for: the longer annotation, or the highest number of a face file.
        twin: the validation video that this training video is, or empty.
        multi_task: path of the file of the multi-task challenge that has its rows; instead of the other two.
    """

    name: str
    expression: str | None
    va: str | None
    faces: str | None
    num_frames: int
    twin: str = ""
    multi_task: str | None = None


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        video: the video.
        number: from 1.
        expression, va: its annotation rows, None past the end of a file or without one.
        files: names of its face files: none, one, or more where nobody can tell which is meant.
    """

    video: Video
    number: int
    expression: str | None
    va: str | None
    files: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Relative path that identifies the face, stored as `source_id`."""
        return f"{self.video.name}/{self.files[0] if self.files else face_name(self.number)}"

    @property
    def image(self) -> str | None:
        """Path of the face; None where the video has no folder of faces."""
        name = self.files[0] if self.files else face_name(self.number)
        return self.video.faces and os.path.join(self.video.faces, name)

    def expression_code(self) -> int:
        """Aff-Wild2's code 0..6.

        Raises:
            Skip: `past_expression_annotation` (`no_row`), `malformed_row`, `no_expression`, `class_not_used` (Other) or
                `unknown_expression`.
        """
        if self.expression is None:
            raise self._without_row("expression")
        try:
            code = float(self.expression)
        except ValueError:
            code = float("nan")
        if not code.is_integer():
            raise Skip("malformed_row", f"expression {self.expression[:40]!r} is no whole number")
        if code == NOT_ANNOTATED:
            raise Skip("no_expression", "expression -1")
        if code == OTHER:
            raise Skip("class_not_used", "expression 7 (Other)")
        if not 0 <= code < len(CODE_TO_CLASS):
            raise Skip("unknown_expression", f"expression {self.expression[:40]} is none of the codes 0..7")
        return int(code)

    def valence_arousal(self) -> tuple[float, float]:
        """Both in [-1, 1].

        Raises:
            Skip: `no_va_annotation` (no file for the video), `past_va_annotation` (`no_row`), `malformed_row`, `no_va`
                (-5) or `va_out_of_range`.
        """
        if self.video.va is None and self.video.multi_task is None:
            raise Skip("no_va_annotation", f"{self.video.name} has an expression annotation alone")
        if self.va is None:
            raise self._without_row("va")
        try:
            valence, arousal = (float(value) for value in self.va.split(","))
        except ValueError:
            raise Skip("malformed_row", f"valence and arousal {self.va[:40]!r} are no two numbers") from None
        if INVALID in (valence, arousal):
            raise Skip("no_va", f"valence {valence:g}, arousal {arousal:g}")
        if not (abs(valence) <= 1 and abs(arousal) <= 1):
            raise Skip("va_out_of_range", f"valence {valence:g}, arousal {arousal:g}")
        return valence, arousal

    def _without_row(self, kind: str) -> Skip:
        if self.video.multi_task:
            return Skip("no_row", f"{self.video.multi_task} has no row of this frame")
        return Skip(f"past_{kind}_annotation", f"{getattr(self.video, kind)} ends before this frame")


def face_name(number: int) -> str:
    """File name of a frame's face."""
    return f"{number:05d}.jpg"


@functools.lru_cache(maxsize=4)
def face_files(folder: str) -> dict[int, tuple[str, ...]]:
    """Frame number -> names of its face files, in a folder of one video.

    Raises:
        DataError: faces are numbered from 0.
    """
    files: dict[int, tuple[str, ...]] = {}
    for name in sorted(os.listdir(folder)):
        if match := _FACE_FILE.fullmatch(name):
            files[int(match[1])] = (*files.get(int(match[1]), ()), name)
    if 0 in files:
        raise DataError(
            f"The faces in {folder} are numbered from 0, those of Aff-Wild2 from 1 ({face_name(1)} is the first row "
            "of the annotation): every label would belong to the next frame. Use the data set's own faces."
        )
    return files


def read_frames(video: Video, start: int, stop: int) -> Iterator[Frame]:
    """Frames number start + 1 to stop of a video."""
    files = face_files(video.faces) if video.faces else {}
    if video.multi_task:
        rows = read_multi_task(video.multi_task)[video.name]
        for number in range(start + 1, stop + 1):
            yield Frame(video, number, *rows.get(number, (None, None)), files.get(number, ()))
        return
    expressions = read_rows(video.expression)[0][1:] if video.expression else []
    values = read_rows(video.va)[0][1:] if video.va else []
    for i in range(start, stop):
        yield Frame(video, i + 1, _item(expressions, i), _item(values, i), files.get(i + 1, ()))


def _item(rows: Sequence[str], i: int) -> str | None:
    return rows[i] if i < len(rows) else None


def read_rows(path: str) -> tuple[list[str], bytes]:
    """Lines without those that are empty at the end, and the bytes of the file; DataError if it cannot be read."""
    try:
        content = read_regular(path, _MAX_BYTES)
    except OSError as error:
        raise DataError(
            f"Cannot read {path}: {error.strerror or error}. Take the file as distributed."
        ) from None
    lines = [line.strip() for line in content.decode("utf-8-sig", "replace").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines, content


@functools.lru_cache(maxsize=2)
def read_multi_task(path: str) -> dict[str, dict[int, tuple[str, str]]]:
    """Video -> frame number -> (expression, "valence,arousal") of a file of the multi-task challenge.

    Raises:
        DataError: its header lacks a column, or a row names no face.
    """
    lines, _ = read_rows(path)
    names = [name.strip().lower() for name in lines[0].split(",")] if lines else []
    try:
        image, valence, arousal, expression = (
            names.index(n) for n in ("image", "valence", "arousal", "expression")
        )
    except ValueError:
        raise DataError(
            f"{path} begins with {', '.join(names)[:60]!r}; a file of the multi-task challenge begins with "
            "image,valence,arousal,expression. Take the file as distributed."
        ) from None
    videos: dict[str, dict[int, tuple[str, str]]] = collections.defaultdict(dict)
    for number, line in enumerate(lines[1:], 2):
        cells = line.split(",")
        video, _, name = cells[min(image, len(cells) - 1)].strip().replace("\\", "/").rpartition("/")
        match = _FACE_FILE.fullmatch(name)
        if not match or not video or len(cells) < len(names[: expression + 1]):
            raise DataError(
                f"{path} line {number} names no face (VIDEO/{face_name(1)}): {line[:80]!r}. Mend it."
            )
        row = cells[expression].strip(), f"{cells[valence].strip()},{cells[arousal].strip()}"
        videos[video.rpartition("/")[2]][int(match[1])] = row
    return dict(videos)
