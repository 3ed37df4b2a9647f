"""Files of word vectors: GloVe's text, word2vec's text and binary files, plain or compressed."""

from __future__ import annotations

import contextlib
import gzip
import io
import pathlib
import re
import zipfile
from collections.abc import Iterable, Iterator

import numpy as np

from emojax.errors import DataError
from emojax.files import archive_explained, require_regular

_WAYS = (
    "Give a text file with a word and its numbers a line (glove.6B.300d.txt of the Stanford NLP group, "
    "word2vec's text, fastText's .vec), word2vec's .bin, or one of them as .zip or .gz."
)
_PAGE = "a web page: the download went to a login, licence or error page"
# How files of other kinds begin, what they are, and what to do.
_OTHERS = (
    (b"\x80", "a pickle, perhaps of gensim; save it with KeyedVectors.save_word2vec_format"),
    (b"\x93NUMPY", "a NumPy array, which has no words"),
    (b"\xba\x16\x4f\x2f", "a fastText model; take the .vec file that is published beside it"),
    (b"SQLite format 3", "an SQLite database, perhaps of magnitude"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xff\xfe", "UTF-16 text; convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16 text; convert it to UTF-8"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"<!doctype", _PAGE),
    (b"<html", _PAGE),
    (b'{"', "JSON"),
)
_LONGEST_WORD = 2000  # bytes
_LARGEST_SIZE = 100_000  # numbers of a vector
_CHUNK = 1 << 20
_WORD = re.compile(r"[^ \t\r\n]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def read_rows(path: pathlib.Path, words: Iterable[str]) -> dict[str, np.ndarray]:
    """Vectors of some words; stops reading when it has them all.

    Args:
        path: the file; ``archive.zip/member.txt`` for one of several files in an archive.
        words: which ones.

    Returns:
        word -> ``[d]`` float64, for those that the file has.

    Raises:
        DataError: the file cannot be read, is of another kind (says which), or is damaged.
    """
    wanted, table = set(words), {}
    with archive_explained(path, mend=_WAYS), _opened(path) as stream:
        for word, vector in _rows(stream, path, wanted):
            table.setdefault(word, vector)
            if len(table) == len(wanted):
                break
    sizes = {word: len(vector) for word, vector in table.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(f"{path}: rows have different lengths {sizes}; the file is damaged or cut off.")
    return table


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[io.BufferedReader]:
    """The bytes of the vectors, unpacked."""
    file = next((parent for parent in path.parents if parent.is_file()), path)
    require_regular(file)
    with open(file, "rb") as plain:
        magic = plain.read(2)
    if magic == b"PK":
        with zipfile.ZipFile(file) as archive:
            member = _only_member(archive, path) if file == path else path.relative_to(file).as_posix()
            with archive.open(member) as opened:
                yield io.BufferedReader(opened, _CHUNK)
        return
    if file != path:
        raise DataError(f"{file} is no zip archive, so it has no {path.relative_to(file)} in it.")
    with (gzip.open if magic == b"\x1f\x8b" else open)(file, "rb") as opened:
        yield io.BufferedReader(opened, _CHUNK)


def _only_member(archive: zipfile.ZipFile, path: pathlib.Path) -> str:
    names = [i.filename for i in archive.infolist() if not (i.is_dir() or i.filename.startswith("__MACOSX"))]
    if len(names) == 1:
        return names[0]
    raise DataError(
        f"{path} holds {len(names)} files; name one: {', '.join(f'{path}/{n}' for n in names[:8])}."
    )


def _rows(
    stream: io.BufferedReader, path: pathlib.Path, wanted: set[str]
) -> Iterator[tuple[str, np.ndarray]]:
    head = stream.peek(4096)
    for beginning, kind in _OTHERS:
        if head.lower().startswith(beginning.lower()):
            raise DataError(f"{path} is {kind}. {_WAYS}")
    header = re.match(rb"(\d+) (\d+)\r?\n", head)
    if header and _CONTROL.search(head, header.end()):
        stream.read(header.end())
        return _binary_rows(stream, path, int(header[2]), wanted)
    if _CONTROL.search(head):
        raise DataError(f"{path} is no text. {_WAYS}")
    if not re.search(rb"[ \t]", head) and b"," in head:
        raise DataError(f"{path} has its values separated by commas. {_WAYS}")
    return _text_rows(stream, path, wanted, 2 if header else 1)


def _text_rows(stream, path: pathlib.Path, wanted: set[str], first: int) -> Iterator[tuple[str, np.ndarray]]:
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="\n")
    for number, line in enumerate(lines, 1):
        found = _WORD.match(line)
        if not found or found[0] not in wanted or number < first:
            continue
        try:
            vector = np.array(line[found.end() :].split(), np.float64)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not a row of numbers ({error}).") from error
        yield found[0], _checked(vector, f"{path}, line {number}")


def _binary_rows(stream, path: pathlib.Path, size: int, wanted: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    """word2vec's binary rows: the word, a space, float32 values, and at times the end of a line."""
    spelled, buffer, at = {w.encode(): w for w in wanted}, b"", 0
    length = 4 * size
    if size > _LARGEST_SIZE:
        raise DataError(f"{path} is damaged: vectors of {size} numbers.")
    while True:
        if len(buffer) - at < length + _LONGEST_WORD:
            buffer, at = buffer[at:] + stream.read(max(_CHUNK, length)), 0
        space = buffer.find(b" ", at, at + _LONGEST_WORD)
        end = space + 1 + length
        if space < 0 or end > len(buffer):
            if buffer[at:].strip():
                raise DataError(f"{path} is damaged or cut off: a row of word2vec's binary format is broken.")
            return
        word = spelled.get(buffer[at:space].lstrip(b"\n"))
        if word is not None:
            yield (
                word,
                _checked(np.frombuffer(buffer, "<f4", size, space + 1).astype(float), f"{path}, {word!r}"),
            )
        at = end


def _checked(vector: np.ndarray, where: str) -> np.ndarray:
    if vector.size < 2 or not np.isfinite(vector).all():
        raise DataError(f"{where}: a word vector needs at least two finite numbers.")
    return vector
