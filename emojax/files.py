"""Small files: written whole or not at all, checked when they are read.

A killed process, a full disk or two writers at once leave either the old file or the new one, never a part. What is
read back is checked against a type (`emojax.schema`), so damage is one line that names the file and the field.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import io
import json
import os
import pathlib
import stat
import struct
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from emojax.errors import DataError, EmojaxError, OutputError
from emojax.schema import Mismatch, check

Path = str | os.PathLike
_ABANDONED_SECONDS = 3600  # no small file takes as long to write: its writer was killed


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[pathlib.Path]:
    """Yields a temporary name in the folder of `path`; what is written there becomes `path` when the block ends.

    The data are on the disk (fsync) before the name changes. After an error `path` is as it was, and the temporary
    file is gone. The folder is made when missing.

    Raises:
        OutputError: a full disk, a missing permission.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(path)
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)
            _flush(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with the line ends as they are; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode())


def write_json(path: Path, content: Any, *, allow_nan: bool = True) -> None:
    """Writes indented JSON; see `replacing`. ValueError for NaN or infinity where they are not allowed."""
    write_text(path, json.dumps(content, indent=1, allow_nan=allow_nan) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Writes a header and rows; bytes that are no UTF-8 (surrogates, as file names have them) stay; see `replacing`."""
    as_it_is = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    with replacing(path) as temporary, temporary.open("w", **as_it_is) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], *, compressed: bool = False) -> None:
    """Writes arrays by name; see `replacing`."""
    save = np.savez_compressed if compressed else np.savez
    with replacing(path) as temporary, temporary.open("wb") as file:
        save(file, **arrays)


def read_bytes(path: Path, *, error: type[EmojaxError] = DataError, mend: str = "") -> bytes:
    """The bytes of a regular file: a pipe or a device in its place would block for ever."""
    try:
        require_regular(path)
        return pathlib.Path(path).read_bytes()
    except OSError as reason:
        raise error(_sentence(f"Cannot read {path}: {reason.strerror or reason}", mend)) from reason


def read_json(path: Path, schema: Any, *, error: type[EmojaxError] = DataError, mend: str = "") -> Any:
    """Reads JSON and checks it.

    Args:
        path: the file.
        schema: a type, see `emojax.schema`.
        error: what is raised.
        mend: how to mend a damaged file: the last sentences of the message.

    Returns:
        The value, which has the shape of `schema`.

    Raises:
        EmojaxError: of type `error`; the file is missing, is no JSON, or a field has the wrong type.
    """
    data = read_bytes(path, error=error, mend=mend)
    return parse_json(data, schema, what=os.fspath(path), error=error, mend=mend)


def parse_json(
    data: bytes | str, schema: Any, *, what: str, error: type[EmojaxError] = DataError, mend: str = ""
) -> Any:
    """As `read_json`, from bytes; `what` names them in the message."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as reason:
        raise error(_sentence(f"{what} is damaged: it is no JSON ({reason})", mend)) from reason
    try:
        check(value, schema)
    except Mismatch as reason:
        raise error(_sentence(f"{what} is damaged: {reason}", mend)) from reason
    return value


@contextlib.contextmanager
def archive_explained(path: Path, *, error: type[EmojaxError] = DataError, mend: str = "") -> Iterator[None]:
    """Turns everything that reading a damaged ``.npz`` raises into one line."""
    try:
        yield
    # What NumPy, zipfile and zlib raise for flipped and missing bytes; a wrong length asks for too much memory.
    except (
        *(OSError, ValueError, KeyError, EOFError, MemoryError, NotImplementedError, RuntimeError),
        *(SyntaxError, TypeError, tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error),
    ) as reason:
        text = " ".join(str(reason).split())[:200] or type(reason).__name__
        raise error(_sentence(f"Cannot read {path}: {text}", mend)) from reason


def read_npz(path: Path, *, error: type[EmojaxError] = DataError, mend: str = "") -> dict[str, np.ndarray]:
    """All arrays of an ``.npz``; nothing pickled is opened. Raises `error` for a damaged file."""
    with archive_explained(path, error=error, mend=mend):
        require_regular(path)
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}


def parse_npy(data: bytes) -> np.ndarray:
    """The array in the bytes of an ``.npy`` file; nothing pickled is opened. ValueError for anything else."""
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        if array.dtype.kind == "U":
            array.tolist()  # raises for code points that do not exist
        return array
    except Exception as error:  # NumPy's parser of headers fails in many ways
        raise ValueError(f"no NumPy array ({' '.join(str(error).split())[:100]})") from error


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns an error of the operating system (full disk, no permission) while writing into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Cannot write {path}: {error.strerror or error}. Free some space or fix the folder, then run the same "
            "command again."
        ) from error


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes; OSError for a pipe, a device or a larger file."""
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(f"{path} is a folder")
    require_regular(path)
    if status.st_size > limit:
        raise OSError(f"{path} has {status.st_size:,} bytes, more than the {limit:,} that are read")
    return pathlib.Path(path).read_bytes()


def require_regular(path: Path) -> None:
    """Raises OSError where `path` is missing or not a regular file."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{path} is not a regular file")


def _remove_abandoned(path: pathlib.Path) -> None:
    """Removes what writers of this file that were killed have left."""
    for old in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _ABANDONED_SECONDS:
                old.unlink()


def _flush(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sentence(text: str, mend: str) -> str:
    return f"{text.rstrip('.')}. {mend}".rstrip()
