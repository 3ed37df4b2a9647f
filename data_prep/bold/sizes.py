"""What the pictures of BoLD take on disk, and what they would take in other layouts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data_prep.bold.people import sampled_frames
from emojax.data.dataset import Dataset

_PREFIX = "_bytes_"
_KINDS = {"rgb": "body, context, face", "flow": "the same of optical flow"}
_SKELETON_BYTES = 4 * (18 * 3 + 54)


def stored_sizes(columns: Mapping[str, np.ndarray]) -> dict:
    """Bytes of a split by modality, the pictures there are, and those that evaluation with 25 segments reads.

    Args:
        columns: of the preparation, in order.
    """
    starts = np.flatnonzero(columns["frame"] == 0)
    lengths = np.diff([*starts, len(columns["frame"])])
    read = [sampled_frames(int(n)) for n in lengths]
    sizes: dict = {"frames": len(columns["frame"])}
    for kind in _KINDS:
        names = [
            n
            for n in columns
            if n.startswith(_PREFIX) and n.startswith(f"{_PREFIX}flow_") == (kind == "flow")
        ]
        sizes[kind] = {
            "bytes": int(sum(columns[name].sum() for name in names)),
            "stored": int(max(((columns[name] > 0).sum() for name in names), default=0)),
            "read": sum(len(frames[kind]) for frames in read),
        }
    return sizes


def size_table(dataset: Dataset) -> list[str]:
    """Lines: what every layout takes; ~ where it follows from the mean picture of this one."""
    splits = dataset.build["sizes"]
    side, encoding = dataset.build["size"], dataset.build["encoding"]
    lines = [f"{'pictures':<26} {'layout':<12} {'frames':>10} {'size':>10}"]
    for kind, title in _KINDS.items():
        if kind not in dataset.build["modalities"]:
            continue
        stored = sum(s[kind]["stored"] for s in splits.values())
        mean = sum(s[kind]["bytes"] for s in splits.values()) / max(stored, 1)
        pixels = 3 * side * side * (3 if kind == "rgb" else 2)
        every = sum(s["frames"] for s in splits.values())
        sampled = sum(s["frames"] if name == "train" else s[kind]["read"] for name, s in splits.items())
        each = {"jpeg": mean if encoding == "jpeg" else None, "raw": pixels}
        for frames, count in (("all", every), ("sampled", sampled)):
            for form, size in each.items():
                if size is None:
                    continue
                mine = form == encoding and frames == dataset.build["frames"]
                lines.append(
                    f"{title:<26} {form + ' ' + frames:<12} {count:>10,} "
                    f"{'' if mine else '~'}{_megabytes(size * count):>9}{'  this one' if mine else ''}"
                )
    frames = sum(s["frames"] for s in splits.values())
    return [
        *lines,
        f"{'joints, Laban features':<26} {'columns':<12} {frames:>10,} {_megabytes(frames * _SKELETON_BYTES):>10}",
    ]


def print_sizes(dataset: Dataset) -> None:
    """Prints `size_table`."""
    print()
    for line in size_table(dataset):
        print(line)


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"
