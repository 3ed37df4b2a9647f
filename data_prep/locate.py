"""Finds the parts of a raw data set as people unpack it: a folder too high or too low, other cases, backslashes."""

from __future__ import annotations

import functools
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

from emojax.errors import DataError

Path = pathlib.Path
_FOLDERS = 256  # looked into at each depth: folders of pictures may have thousands below them
_NAMED = 8


def levels(raw: Path, depth: int = 3) -> Iterator[list[Path]]:
    """The folder itself, then the folders in it, then those in them, ... down to `depth`; hidden ones are left out."""
    level = [raw]
    for _ in range(depth + 1):
        yield level
        level = list(itertools.islice((f for folder in level for f in _folders(folder)), _FOLDERS))


def find_folders(raw: Path, fits: Callable[[Path], bool], depth: int = 3) -> list[Path]:
    """The folders nearest to `raw`, itself included, that fit; several only where they are equally near."""
    for level in levels(raw, depth):
        if found := [folder for folder in level if fits(folder)]:
            return found
    return []


def only(found: Sequence[Path], what: str) -> Path | None:
    """The one folder found, or None without any; DataError where there are several."""
    if len(found) > 1:
        named = ", ".join(os.fspath(path) for path in found[:3])
        raise DataError(
            f"There is more than one {what}: {named}. Name the one you want, not a folder above them."
        )
    return found[0] if found else None


def find_entry(folder: str | os.PathLike, name: str) -> str | None:
    """Path of the entry of a folder: of this very name, or the only one that differs in upper and lower case."""
    path = os.path.join(folder, name)
    if os.path.lexists(path):
        return path
    others = _entries(os.fspath(folder)).get(name.lower(), ())
    return os.path.join(folder, others[0]) if len(others) == 1 else None


def find_file(root: str | os.PathLike, relative: str) -> str | None:
    """Path of a file that a list names relative to `root`: backslashes and other cases are understood.

    Returns None where there is no such file, or several that differ in upper and lower case alone.
    """
    path: str | None = os.path.join(root, relative)
    if os.path.lexists(path):
        return path
    path = os.fspath(root)
    for part in slashes(relative).split("/"):
        if path is not None and part not in ("", "."):
            path = find_entry(path, part)
    return path


def near(path: str) -> str:
    """What is there in place of a missing file, for a message: files of the same name but for case and extension."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0].lower()
    entries = _entries(folder)
    if not entries:
        return f"{folder} is no folder, or holds nothing"
    alike = [other for key in entries if os.path.splitext(key)[0] == stem for other in entries[key]]
    return (
        f"its folder holds {', '.join(alike[:3])}" if alike else "its folder holds nothing of a similar name"
    )


def slashes(relative: str) -> str:
    """A relative path as every system but Windows writes it."""
    return relative.strip().replace("\\", "/")


def holdings(folder: Path) -> str:
    """What is in a folder, for a message: `a/, b.csv and 7 more`."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: (not entry.is_dir(), entry.name))
    except OSError as error:
        return f"nothing that can be read ({error.strerror})"
    names = [entry.name + "/" * entry.is_dir() for entry in entries if not entry.name.startswith(".")]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more if names else "nothing"


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())
    except OSError:
        return []
    return [folder / name for name in names]


@functools.lru_cache(maxsize=256)
def _entries(folder: str) -> dict[str, tuple[str, ...]]:
    """Lower-case name -> names, of the entries of a folder."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        for name in sorted(os.listdir(folder)):
            found[name.lower()] = (*found.get(name.lower(), ()), name)
    except (OSError, ValueError):
        return {}
    return found
