"""BoLD as distributed: videos, joints of the tracked people, annotations (context_emotion spec 1.4).

    videos/NAME.mp4  joints/NAME.npy  annotations/train.csv  annotations/val.csv  annotations/test_meta.csv

An annotation file has no header: video, person, first and last frame, 26 confidences in BoLD's order, valence, arousal
and dominance from 1 to 10, gender, age, ethnicity, confidence of the annotation. The test file stops after the frames:
its labels are not public.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
import pathlib

import numpy as np

from emojax.errors import DataError, Skip
from emojax.files import parse_npy, read_regular
from emojax.graphs.skeletons import BODY_18
from emojax.labels import BOLD_LABELS

SPLITS = {"train": "train.csv", "validation": "val.csv", "test": "test_meta.csv"}
# Annotated people of each split: lengths of the arrays that come with the authors' code (spec 1.4).
PEOPLE = {"train": 9222, "validation": 1153, "test": 2864}
NUM_JOINTS = len(BODY_18.joints)
_COLUMNS = ("video", "person_id", "min_frame", "max_frame")
_NUM_CLASSES = len(BOLD_LABELS.classes)
_LABELLED = len(_COLUMNS) + _NUM_CLASSES + 3
_FULL = _LABELLED + 4
_JOINT_COLUMNS = 2 + 3 * NUM_JOINTS
_MAX_JOINT_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class Instance:
    """One annotated person in one clip.

    Attributes:
        row: the fields of the annotation, as read.
        where: file and line, for messages.
        labelled: False in the test split.
        number: of the person in its annotation file, from 0.
    """

    row: tuple[str, ...]
    where: str
    labelled: bool
    number: int

    @property
    def clip(self) -> str:
        """Name of the clip relative to ``videos/``, with forward slashes."""
        return self.row[0].strip().replace("\\", "/")

    def person(self) -> int:
        return int(self._number("person_id", self.row[1]))

    def last_frame(self) -> int:
        return int(self._number("max_frame", self.row[3]))

    def confidences(self) -> np.ndarray:
        """``[26]`` float32 in [0, 1]; NaN without labels.

        Raises:
            Skip: `bad_row`, `confidence_out_of_range` or `no_category` (all are 0).
        """
        if not self.labelled:
            return np.full(_NUM_CLASSES, np.nan, np.float32)
        fields = self.row[len(_COLUMNS) : len(_COLUMNS) + _NUM_CLASSES]
        values = np.array([self._number(n, v) for n, v in zip(BOLD_LABELS.classes, fields)], np.float32)
        if (values < 0).any() or (values > 1).any():
            i = int(np.flatnonzero((values < 0) | (values > 1))[0])
            detail = f"the confidence of {BOLD_LABELS.classes[i]} is {fields[i]}, outside [0, 1]"
            raise Skip("confidence_out_of_range", detail)
        if not values.any():
            raise Skip("no_category", "the confidences of all 26 categories are 0")
        return values

    def values(self) -> np.ndarray:
        """Valence, arousal, dominance ``[3]`` float32 as value / 10; NaN without labels.

        Raises:
            Skip: `bad_row` or `value_out_of_range`.
        """
        if not self.labelled:
            return np.full(3, np.nan, np.float32)
        fields = self.row[_LABELLED - 3 : _LABELLED]
        values = np.array([self._number(n, v) for n, v in zip(BOLD_LABELS.dimensions, fields)], np.float32)
        if (values < 1).any() or (values > 10).any():
            raise Skip(
                "value_out_of_range", f"valence, arousal, dominance {', '.join(fields)}: they go from 1 to 10"
            )
        return values / 10

    def _number(self, name: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise Skip("bad_row", f"{name} is {text!r}, not a number") from None
        if not np.isfinite(value):
            raise Skip("bad_row", f"{name} is {text!r}, not a finite number")
        return value


@dataclasses.dataclass(frozen=True)
class Raw:
    """Where the parts of a BoLD folder are, and what is annotated.

    Attributes:
        videos: folder of the clips.
        joints: folder of the joint files.
        instances: split -> annotated people, those of a clip one after another.
        digest: SHA-256 of the annotation files.
    """

    videos: pathlib.Path
    joints: pathlib.Path
    instances: dict[str, list[Instance]]
    digest: str

    def video(self, clip: str) -> pathlib.Path:
        return self.videos / clip

    def joint_file(self, clip: str) -> pathlib.Path:
        return (self.joints / clip).with_suffix(".npy")


def find_bold(folder: pathlib.Path) -> Raw:
    """Finds the parts of BoLD in `folder` or one folder below it, and reads the annotations.

    Raises:
        DataError: a part is missing, an annotation file is damaged or has another number of columns.
    """
    root = _root(folder)
    digest, instances = hashlib.sha256(), {}
    for split, name in SPLITS.items():
        path = root / "annotations" / name
        if not path.is_file():
            if split == "test":
                continue
            raise DataError(
                f"{root / 'annotations'} holds no {name}. BoLD comes with {', '.join(SPLITS.values())}."
            )
        digest.update(path.read_bytes())
        instances[split] = _read_annotations(path, labelled=split != "test")
    return Raw(root / "videos", root / "joints", instances, digest.hexdigest())


def _root(folder: pathlib.Path) -> pathlib.Path:
    parts, synthetic = ("videos", "joints", "annotations"), "python -m data_prep.synthetic bold --out RAW"
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. A synthetic BoLD: {synthetic}")
    below = sorted(p for p in folder.iterdir() if p.is_dir())
    whole = [f for f in (folder, *below) if all((f / part).is_dir() for part in parts)]
    if len(whole) == 1 or folder in whole:
        return whole[0]
    if whole:
        raise DataError(
            f"{folder} holds several copies of BoLD: {', '.join(str(f) for f in whole)}. Name one of them."
        )
    there = ", ".join(p.name for p in below[:8]) or "no folders"
    raise DataError(
        f"{folder} is no BoLD: it needs the folders {', '.join(parts)} (there are: {there}). Give --raw the folder "
        f"that holds them, or make a synthetic one: {synthetic}"
    )


def _read_annotations(path: pathlib.Path, *, labelled: bool) -> list[Instance]:
    expected = (_LABELLED, _FULL) if labelled else (len(_COLUMNS),)
    instances = []
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        for line, row in enumerate(csv.reader(file), 1):
            if not row or (line == 1 and row[0].strip().lower() == "video"):
                continue
            if len(row) < min(expected):
                raise DataError(
                    f"{path}, line {line}: {len(row)} columns, but BoLD's annotation has {expected[-1]}: video, "
                    f"person, two frames{', 26 confidences, three values, four more' if labelled else ''}."
                )
            instances.append(Instance(tuple(row), f"{path.name} line {line}", labelled, len(instances)))
    if not instances:
        raise DataError(f"{path} holds no annotation.")
    return sorted(instances, key=lambda i: i.clip)  # stable: people of a clip in the order of the file


def read_joints(path: pathlib.Path) -> np.ndarray:
    """A joint file: rows of frame, person, 18 x (x, y, confidence), float64.

    Raises:
        Skip: `missing_joints` or `unreadable_joints`.
    """
    try:
        table = parse_npy(read_regular(path, _MAX_JOINT_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        raise Skip("missing_joints", f"no file {path}") from None
    except (OSError, ValueError) as error:
        raise Skip("unreadable_joints", f"{path}: {error}") from None
    if table.ndim != 2 or table.shape[1] != _JOINT_COLUMNS or table.dtype.kind not in "fiu" or not len(table):
        raise Skip(
            "unreadable_joints", f"{path} holds {table.dtype} {list(table.shape)}, not [N, {_JOINT_COLUMNS}]"
        )
    return table.astype(np.float64)


def track(table: np.ndarray, person: int, num_frames: int) -> np.ndarray:
    """The joints of one person by frame of the clip.

    Args:
        table: of `read_joints`; frame numbers count from that of the first row.
        person: its number.
        num_frames: frames of the clip.

    Returns:
        ``[num_frames, 18, 3]`` float32; zeros where the person is missing, and for a joint that is not finite.

    Raises:
        Skip: `unknown_person` (with those there are) or `person_never_visible`.
    """
    mine = table[table[:, 1] == person]
    if not len(mine):
        there = ", ".join(f"{p:g}" for p in np.unique(table[:, 1])[:8])
        raise Skip("unknown_person", f"the joints have no person {person}; there are {there}")
    frames = _frames(table, mine)
    inside = (frames >= 0) & (frames < num_frames)
    joints = np.zeros((num_frames, NUM_JOINTS, 3), np.float32)
    values = mine[inside, 2:].reshape(-1, NUM_JOINTS, 3)
    joints[frames[inside]] = np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, 0)
    if not (joints[..., 2] > 0).any():
        raise Skip("person_never_visible", f"person {person} has no joint in any frame of the clip")
    return joints


def require_frames(clip: str, last: int, table: np.ndarray, num_frames: int) -> None:
    """Raises Skip where a clip is shorter than its annotation says.

    BoLD does not say whether annotated frames count from 0 or from 1, nor whether from the beginning of the clip or, as
    those of the joints do, of its film: a clip is too short where it is by each of these.

    Args:
        clip: its name.
        last: the last annotated frame.
        table: of `read_joints`.
        num_frames: frames of the clip.
    """
    first = int(table[0, 0])
    if (last - first if last >= first else last) > num_frames:
        raise Skip(
            "fewer_frames_than_annotated", f"the annotation goes to frame {last}, {clip} has {num_frames}"
        )


def rows_outside(table: np.ndarray, person: int, num_frames: int) -> int:
    """How many joint rows of a person belong to no frame of the clip; see `track`."""
    frames = _frames(table, table[table[:, 1] == person])
    return int(np.count_nonzero((frames < 0) | (frames >= num_frames)))


def _frames(table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return (rows[:, 0] - table[0, 0]).astype(int)


def signature(raw: Raw, clip: str) -> bytes:
    """Changes when a clip's files change: their sizes."""
    sizes = []
    for path in (raw.video(clip), raw.joint_file(clip)):
        try:
            sizes.append(os.stat(path).st_size)
        except OSError:
            sizes.append(-1)
    return b"%d %d\n" % tuple(sizes)
