"""Reads Aff-Wild2 as it was distributed: text files of labels, one a video, and folders of aligned faces.

Row i after the header of a text file (i from 0) belongs to the face file of frame i + 1, e.g. `00001.jpg`
for row 0. Frames without a detected face have no file (spec emotion_gcn 1.4).
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Iterator, Sequence

from data_prep.pipeline import Skip
from emojax.errors import DataError

SPLITS = ("train", "validation")
EXPRESSION_FOLDERS = ("EXPR_Set", "EXPR_Classification_Challenge", "EXPR_Recognition_Challenge")
VA_FOLDERS = ("VA_Set", "VA_Estimation_Challenge")
SPLIT_FOLDERS = {"train": ("Train_Set", "Training_Set"), "validation": ("Validation_Set",)}
# In the order of the codes. Releases from 2022 on add an eighth, Other.
EXPRESSION_HEADERS = (
    "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise",
    "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other",
)
OTHER = 7
VA_HEADERS = ("valence,arousal",)
# Aff-Wild2's code -> index of `emojax.labels.AFFECTNET_CLASSES` (spec emotion_gcn 1.4).
CODE_TO_CLASS = (0, 6, 5, 4, 1, 2, 3)
NOT_ANNOTATED = -1  # of an expression
INVALID = -5.0  # of valence or arousal
_MEND = "Give the folder of the unpacked annotations as --annotations."


@dataclasses.dataclass(frozen=True)
class Video:
    """One subject of one video that has an expression annotation.

    Attributes:
        name: of its annotation files and folder, e.g. `video55` or `video55_left`.
        expression: path of its expression annotation.
        va: path of its valence-arousal annotation, or None.
        faces: folder of its faces, or None.
        num_frames: frames to account for: the longer annotation, or the highest number of a face file.
        twin: the validation video that this training video is, or empty.
    """

    name: str
    expression: str
    va: str | None
    faces: str | None
    num_frames: int
    twin: str = ""


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of a video: its number from 1, and its annotation rows (None past the end of a file)."""

    video: Video
    number: int
    expression: str | None
    va: str | None

    @property
    def source(self) -> str:
        """Relative path that identifies the face, stored as `source_id`."""
        return f"{self.video.name}/{face_name(self.number)}"

    @property
    def image(self) -> str | None:
        return self.video.faces and os.path.join(self.video.faces, face_name(self.number))

    def expression_code(self) -> int:
        """Aff-Wild2's code 0..6.

        Raises:
            Skip: `past_expression_annotation`, `malformed_row`, `no_expression`, `class_not_used` (Other) or
                `unknown_expression`.
        """
        if self.expression is None:
            raise Skip("past_expression_annotation", f"{self.video.expression} ends before this frame")
        try:
            code = int(self.expression)
        except ValueError:
            raise Skip("malformed_row", f"expression {self.expression!r} is no whole number") from None
        if code == NOT_ANNOTATED:
            raise Skip("no_expression", "expression -1")
        if code == OTHER:
            raise Skip("class_not_used", "expression 7 (Other)")
        if not 0 <= code < len(CODE_TO_CLASS):
            raise Skip("unknown_expression", f"expression {code} is none of the codes 0..7")
        return code

    def valence_arousal(self) -> tuple[float, float]:
        """Both in [-1, 1].

        Raises:
            Skip: `no_va_annotation` (no file for the video), `past_va_annotation`, `malformed_row`, `no_va`
                (-5) or `va_out_of_range`.
        """
        if self.video.va is None:
            raise Skip("no_va_annotation", f"{self.video.name} has an expression annotation alone")
        if self.va is None:
            raise Skip("past_va_annotation", f"{self.video.va} ends before this frame")
        try:
            valence, arousal = (float(value) for value in self.va.split(","))
        except ValueError:
            raise Skip("malformed_row", f"valence and arousal {self.va!r} are no two numbers") from None
        if INVALID in (valence, arousal):
            raise Skip("no_va", f"valence {valence:g}, arousal {arousal:g}")
        if not (abs(valence) <= 1 and abs(arousal) <= 1):
            raise Skip("va_out_of_range", f"valence {valence:g}, arousal {arousal:g}")
        return valence, arousal


def face_name(number: int) -> str:
    """File name of a frame's face."""
    return f"{number:05d}.jpg"


def read_frames(video: Video, start: int, stop: int) -> Iterator[Frame]:
    """Frames number start + 1 to stop of a video."""
    expressions = _read_rows(video.expression)[0][1:]
    values = _read_rows(video.va)[0][1:] if video.va else []
    for i in range(start, stop):
        yield Frame(video, i + 1, _item(expressions, i), _item(values, i))


def _item(rows: Sequence[str], i: int) -> str | None:
    return rows[i] if i < len(rows) else None


def find_videos(videos: pathlib.Path, annotations: pathlib.Path) -> tuple[dict[str, list[Video]], str]:
    """The videos of each split of the expression annotation, by name, and a digest of all annotations used.

    Only names, headers and lengths are looked at here: the workers read the rows.

    Args:
        videos: folder of a folder of faces for every video, or of groups (`batch1`, ...) of such folders.
        annotations: folder of the annotation folders, as distributed.

    Raises:
        DataError: a folder is missing, there are two releases or copies of something, an annotation has
            another header, no video has faces, or faces are numbered from 0.
    """
    if not videos.is_dir():
        raise DataError(
            f"There is no folder {videos}. Give the folder of the cropped and aligned faces as --videos."
        )
    root = _annotation_root(annotations)
    expressions = _annotation_files(root, EXPRESSION_FOLDERS)
    values = _one_each(_annotation_files(root, VA_FOLDERS))
    names = {name for files in expressions.values() for name in files}
    folders = _face_folders(videos, names)
    twins = {subject_free(name): name for name in expressions["validation"]}
    digest = hashlib.sha256()
    found: dict[str, list[Video]] = {}
    for split in SPLITS:
        found[split] = []
        for name, path in sorted(expressions[split].items()):
            lengths = [_checked_length(path, EXPRESSION_HEADERS, digest)]
            if name in values:
                lengths.append(_checked_length(values[name], VA_HEADERS, digest))
            if name in folders:
                lengths.append(_last_face(folders[name]))
            twin = twins.get(subject_free(name), "") if split == "train" else ""
            video = Video(name, path, values.get(name), folders.get(name), max(lengths), twin)
            found[split].append(video)
    return found, digest.hexdigest()


def subject_free(name: str) -> str:
    """Name of the video without the subject: `video55_left` and `video55` are two people in one video."""
    return re.sub(r"_(left|right)$", "", name)


def _annotation_root(annotations: pathlib.Path) -> pathlib.Path:
    if not annotations.is_dir():
        raise DataError(f"There is no folder {annotations}. {_MEND}")
    inner = annotations / "annotations"
    return inner if inner.is_dir() else annotations


def _annotation_files(root: pathlib.Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Split -> video -> path of its text file, for one kind of label."""
    kind = _only_folder(root, names)
    files = {}
    for split in SPLITS:
        folder = _only_folder(kind, SPLIT_FOLDERS[split])
        paths = [path for path in folder.glob("*.txt") if not path.name.startswith(".")]
        if not paths:
            raise DataError(f"{folder} holds no annotation (VIDEO.txt): the download is incomplete.")
        files[split] = {path.stem: os.fspath(path) for path in paths}
    return files


def _only_folder(root: pathlib.Path, names: Sequence[str]) -> pathlib.Path:
    there = [root / name for name in names if (root / name).is_dir()]
    if not there:
        raise DataError(
            f"{root} has no folder {' or '.join(names)}. {_MEND} It holds {', '.join(EXPRESSION_FOLDERS[:2])} "
            f"or the like, and {' or '.join(VA_FOLDERS)}. Without Aff-Wild2, draw a synthetic one: "
            "python -m data_prep.synthetic affwild2 --out DIR"
        )
    if len(there) > 1:
        raise DataError(f"{root} holds both {there[0].name} and {there[1].name}. Keep the release you want.")
    return there[0]


def _one_each(splits: dict[str, dict[str, str]]) -> dict[str, str]:
    """Video -> path, whichever split its valence and arousal are in."""
    both = sorted(set.intersection(*(set(files) for files in splits.values())))
    if both:
        a, b = (splits[split][both[0]] for split in SPLITS)
        raise DataError(
            f"{len(both)} videos have valence and arousal twice, e.g. {a} and {b}. Remove the wrong one of each."
        )
    return {name: path for files in splits.values() for name, path in files.items()}


def _face_folders(videos: pathlib.Path, names: set[str]) -> dict[str, str]:
    """Video -> its folder of faces, in `videos` or one folder further down."""
    folders = [path for path in videos.iterdir() if path.is_dir()]
    groups = [path for path in folders if path.name not in names]
    inside = [path for group in groups for path in group.iterdir() if path.is_dir()]
    found: dict[str, list[str]] = collections.defaultdict(list)
    for path in [*folders, *inside]:
        if path.name in names:
            found[path.name].append(os.fspath(path))
    for paths in found.values():
        if len(paths) > 1:
            raise DataError(f"There are two folders of faces of one video, {paths[0]} and {paths[1]}.")
    if not found:
        raise DataError(
            f"{videos} has no folder of any annotated video, e.g. {min(names)}/. Give the folder of the "
            "cropped and aligned faces (VIDEO/00001.jpg) as --videos."
        )
    return {name: paths[0] for name, paths in found.items()}


def _last_face(folder: str) -> int:
    """Highest number of a face file, 0 without any."""
    numbers = [int(match[1]) for name in os.listdir(folder) if (match := _FACE_FILE.fullmatch(name))]
    if 0 in numbers:
        raise DataError(
            f"The faces in {folder} are numbered from 0, those of Aff-Wild2 from 1 (00001.jpg is the first row "
            "of the annotation): every label would belong to the next frame. Use the data set's own faces."
        )
    return max(numbers, default=0)


_FACE_FILE = re.compile(r"(\d+)\.jpg")


def _checked_length(path: str, headers: Sequence[str], digest) -> int:
    """Rows after the header; adds name and content of the file to the digest."""
    lines, content = _read_rows(path)
    digest.update(f"{'/'.join(pathlib.Path(path).parts[-3:])} {len(content)}\n".encode("utf-8", "replace"))
    digest.update(content)
    first = lines[0] if lines else ""
    columns = [part.strip() for part in first.lower().rstrip(" ,").split(",")]
    if columns not in [header.lower().split(",") for header in headers]:
        raise DataError(
            f"{path} begins with {first[:60]!r}, not with the header {headers[0]}: which row belongs to which "
            "frame, and what it means, would be a guess. Take the file as distributed."
        )
    return len(lines) - 1


def _read_rows(path: str) -> tuple[list[str], bytes]:
    """Lines without those that are empty at the end, and the bytes of the file."""
    with open(path, "rb") as file:
        content = file.read()
    lines = [line.strip() for line in content.decode("utf-8-sig", "replace").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines, content
