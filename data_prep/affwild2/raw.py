"""Finds Aff-Wild2 as people have it: text files of labels, one a video, and folders of aligned faces."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from data_prep.affwild2.frames import FACE_FILES, Video, face_files, face_name, read_multi_task, read_rows
from data_prep.locate import find_entry, find_folders, holdings, only
from emojax.datasets import AFFWILD2
from emojax.errors import DataError

SPLITS = ("train", "validation")
EXPRESSION_FOLDERS = ("EXPR_Set", "EXPR_Classification_Challenge", "EXPR_Recognition_Challenge")
VA_FOLDERS = ("VA_Set", "VA_Estimation_Challenge")
MULTI_TASK_FOLDERS = ("MTL_Challenge",)
SPLIT_FOLDERS = {"train": ("Train_Set", "Training_Set"), "validation": ("Validation_Set",)}
# In the order of the codes. Releases from 2022 on add an eighth, Other.
EXPRESSION_HEADERS = (
    "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise",
    "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other",
)
VA_HEADERS = ("valence,arousal",)
_MEND = "Give the folder of the unpacked annotations as --annotations."


@dataclasses.dataclass(frozen=True)
class Found:
    """What there is of Aff-Wild2.

    Attributes:
        videos: split -> its videos, by name.
        labels: what they are annotated with: `expression`, `va`, or both.
        digest: of all annotations used.
        codes: split -> expression code as written -> number of frames, validation videos in training left out.
    """

    videos: Mapping[str, list[Video]]
    labels: tuple[str, ...]
    digest: str
    codes: Mapping[str, collections.Counter]


def find_videos(videos: pathlib.Path, annotations: pathlib.Path) -> Found:
    """Finds annotations and faces; workers read the rows.

    The splits are those of the expression annotation; of valence and arousal where there are no expressions. Where
    there are neither, the file of the multi-task challenge is taken.

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
    files = {
        "expression": _annotation_files(root, EXPRESSION_FOLDERS),
        "va": _annotation_files(root, VA_FOLDERS),
    }
    kinds = tuple(kind for kind, found in files.items() if found)
    digest = hashlib.sha256()
    if not kinds:
        kinds = tuple(files)
        videos_of = _multi_task_videos(root, digest)
    else:
        videos_of = _single_task_videos(files, digest)
    folders = _face_folders(videos, {video.name for found in videos_of.values() for video in found})
    found = {split: [_with_faces(video, folders) for video in videos_of[split]] for split in SPLITS}
    _require_faces(videos, found)
    codes = {split: _count_codes(found[split]) for split in SPLITS if "expression" in kinds}
    return Found(found, kinds, digest.hexdigest(), codes)


def _annotation_root(annotations: pathlib.Path) -> pathlib.Path:
    if not annotations.is_dir():
        raise DataError(f"There is no folder {annotations}. {_MEND}")
    known = (*EXPRESSION_FOLDERS, *VA_FOLDERS, *MULTI_TASK_FOLDERS)

    def fits(folder: pathlib.Path) -> bool:
        return any(os.path.isdir(find_entry(folder, name) or "") for name in known)

    found = find_folders(annotations, fits, depth=2)
    if not found and annotations.absolute().name.lower() in [name.lower() for name in known]:
        found = [annotations.absolute().parent]
    root = only(found, "folder of annotations")
    if root is None:
        raise DataError(
            f"{annotations} has no folder {', '.join(known[:2])}, {VA_FOLDERS[0]}, {MULTI_TASK_FOLDERS[0]} or the "
            f"like; it holds {holdings(annotations)}. {_MEND} Without Aff-Wild2, generate a synthetic one: "
            "python -m data_prep.synthetic affwild2 --out DIR"
        )
    return root


def _annotation_files(root: pathlib.Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Split -> video -> path of its text file, for one kind of label; nothing where there is no such folder."""
    kind = _only_folder(root, names)
    if kind is None:
        return {}
    files = {}
    for split in SPLITS:
        folder = _only_folder(kind, SPLIT_FOLDERS[split])
        if folder is None:
            raise DataError(f"{kind} has no folder {' or '.join(SPLIT_FOLDERS[split])}. {_MEND}")
        paths = [path for path in folder.glob("*.txt") if not path.name.startswith(".")]
        if not paths:
            raise DataError(f"{folder} holds no annotation (VIDEO.txt): the download is incomplete.")
        files[split] = {path.stem: os.fspath(path) for path in paths}
    return files


def _only_folder(root: pathlib.Path, names: Sequence[str]) -> pathlib.Path | None:
    there = [pathlib.Path(path) for name in names if (path := find_entry(root, name)) and os.path.isdir(path)]
    if len(there) > 1:
        raise DataError(f"{root} holds both {there[0].name} and {there[1].name}. Keep the release you want.")
    return there[0] if there else None


def _single_task_videos(files: Mapping[str, Mapping], digest) -> dict[str, list[Video]]:
    expressions, values = files["expression"], files["va"]
    va_of = _one_each(values) if expressions and values else {}
    split_by = expressions or values
    twins = {AFFWILD2.video_of(name): name for name in split_by["validation"]}
    videos: dict[str, list[Video]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for name, path in sorted(split_by[split].items()):
            expression, va = (path, va_of.get(name)) if expressions else (None, path)
            lengths = [
                _checked_length(file, headers, digest)
                for file, headers in ((expression, EXPRESSION_HEADERS), (va, VA_HEADERS))
                if file
            ]
            twin = twins.get(AFFWILD2.video_of(name), "") if split == "train" else ""
            videos[split].append(Video(name, expression, va, None, max(lengths), twin))
    return videos


def _multi_task_videos(root: pathlib.Path, digest) -> dict[str, list[Video]]:
    folder = _only_folder(root, MULTI_TASK_FOLDERS)
    videos = {}
    for split, word in (("train", "train"), ("validation", "val")):
        paths = [path for path in sorted(folder.glob("*.txt")) if word in path.name.lower()]
        if len(paths) != 1:
            raise DataError(
                f"{folder} must hold one text file of the {split} split ({word}*.txt); it holds {holdings(folder)}."
            )
        rows = read_multi_task(os.fspath(paths[0]))
        digest.update(read_rows(os.fspath(paths[0]))[1])
        videos[split] = [
            Video(name, None, None, None, max(rows[name]), multi_task=os.fspath(paths[0]))
            for name in sorted(rows)
        ]
    twins = {AFFWILD2.video_of(video.name): video.name for video in videos["validation"]}
    videos["train"] = [
        dataclasses.replace(video, twin=twins.get(AFFWILD2.video_of(video.name), ""))
        for video in videos["train"]
    ]
    return videos


def _one_each(splits: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Video -> path, whichever split its valence and arousal are in."""
    both = sorted(set.intersection(*(set(files) for files in splits.values())))
    if both:
        a, b = (splits[split][both[0]] for split in SPLITS)
        raise DataError(
            f"{len(both)} videos have valence and arousal twice, e.g. {a} and {b}. Remove the wrong one of each."
        )
    return {name: path for files in splits.values() for name, path in files.items()}


def _face_folders(videos: pathlib.Path, names: set[str]) -> dict[str, str]:
    """Video -> its folder of faces, in `videos` or up to three folders further down."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    level = [videos.absolute().parent] if videos.absolute().name in names else [videos]
    for _ in range(4):
        folders = [path for folder in level for path in _folders(folder)]
        for path in folders:
            if path.name in names:
                found[path.name].append(os.fspath(path))
        level = [path for path in folders if path.name not in names]
    for paths in found.values():
        if len(paths) > 1:
            raise DataError(f"There are two folders of faces of one video, {paths[0]} and {paths[1]}.")
    if not found:
        raise DataError(
            f"{videos} has no folder of any annotated video, e.g. {min(names)}/; it holds {holdings(videos)}. Give the "
            f"folder of the cropped and aligned faces (VIDEO/{face_name(1)}) as --videos."
        )
    return {name: paths[0] for name, paths in found.items()}


def _folders(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    with os.scandir(folder) as entries:
        yield from sorted(pathlib.Path(entry.path) for entry in entries if entry.is_dir())


def _with_faces(video: Video, folders: Mapping[str, str]) -> Video:
    if video.name not in folders:
        return video
    last = max(face_files(folders[video.name]), default=0)
    return dataclasses.replace(video, faces=folders[video.name], num_frames=max(video.num_frames, last))


def _require_faces(videos: pathlib.Path, found: Mapping[str, list[Video]]) -> None:
    """Raises DataError where not one file has the name of a face: before every frame is counted as missing."""
    folders = [video.faces for split in found.values() for video in split if video.faces]
    if not any(face_files(folder) for folder in folders):
        raise DataError(
            f"No file in the {len(folders)} folders of videos in {videos} is named as a face, {FACE_FILES}: "
            f"{folders[0]} holds {holdings(pathlib.Path(folders[0]))}. Name them by the number of the frame, from 1."
        )


def _count_codes(videos: Sequence[Video]) -> collections.Counter:
    codes: collections.Counter = collections.Counter()
    for video in videos:
        if video.twin:
            continue
        if video.multi_task:
            codes.update(
                expression for expression, _ in read_multi_task(video.multi_task)[video.name].values()
            )
        elif video.expression:
            codes.update(read_rows(video.expression)[0][1:])
    return codes


def _checked_length(path: str, headers: Sequence[str], digest) -> int:
    """Rows after the header; adds name and content of the file to the digest."""
    lines, content = read_rows(path)
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
