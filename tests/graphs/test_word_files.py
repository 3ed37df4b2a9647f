"""Word vectors are read from the files that people have, and of any other file it is said what it is."""

from __future__ import annotations

import gzip
import os
import pickle
import zipfile

import numpy as np
import pytest

from emojax.errors import DataError
from emojax.graphs.word_files import read_rows
from emojax.graphs.word_vectors import load_word_vectors

VECTORS = {
    "the": [0.0, 0.5, 0.25],
    "sad": [1.0, 2.0, 3.0],
    "happy": [-1.0, 0.5, 0.125],
    "fear": [4.0, 4.0, 8.0],
}


def text(separator=" ", end="\n", header="", start=""):
    rows = [separator.join([word, *map(str, vector)]) for word, vector in VECTORS.items()]
    return (start + header + end.join(rows) + end).encode()


def binary(line_ends: bool):
    """word2vec's own program ends each row with a line feed, gensim does not."""
    rows = [w.encode() + b" " + np.float32(v).tobytes() + b"\n" * line_ends for w, v in VECTORS.items()]
    return b"4 3\n" + b"".join(rows)


def zipped(members: dict[str, bytes]):
    def write(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return write


READABLE = {
    "glove.txt": text(),
    "tabs.txt": text("\t"),
    "windows.txt": text(end="\r\n"),
    "with_mark.txt": text(start="\ufeff"),
    "unknown_first.txt": b"<unk> 9 9 9\n" + text(),
    "word2vec.txt": text(header="4 3\n"),
    "fasttext.vec": text(header="4 3\n", separator=" "),
    "word2vec.bin": binary(True),
    "gensim.bin": binary(False),
    "GoogleNews.bin.gz": gzip.compress(binary(True), mtime=0),
    "glove.txt.gz": gzip.compress(text(), mtime=0),
    "glove.840B.300d.zip": zipped({"glove.840B.300d.txt": text()}),
    "from_a_mac.zip": zipped({"glove.txt": text(), "__MACOSX/._glove.txt": b"x"}),
    "model.zip": zipped({"folder/model.bin": binary(True)}),
}


def put(folder, name, content):
    path = folder / name
    content(path) if callable(content) else path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", READABLE)
def test_common_files_give_the_same_vectors(tmp_path, name):
    path = put(tmp_path, name, READABLE[name])
    vectors, source = load_word_vectors(["happy", "sad"], str(path))
    np.testing.assert_array_equal(vectors, [VECTORS["happy"], VECTORS["sad"]])
    assert str(path) in source and "3-d" in source
    with pytest.raises(DataError, match="no vector of 'neutral'"):
        load_word_vectors(["happy", "neutral"], str(path))


def test_many_binary_rows_are_read_in_pieces(tmp_path):
    values = np.random.default_rng(0).normal(size=(3000, 300)).astype(np.float32)
    rows = [f"word{i} ".encode() + row.tobytes() for i, row in enumerate(values)]
    path = put(tmp_path, "large.bin", b"3000 300\n" + b"".join(rows))
    wanted = [0, 7, 1500, 2999]
    found = read_rows(path, {f"word{i}" for i in wanted})
    for i in wanted:
        np.testing.assert_array_equal(found[f"word{i}"], values[i])


def test_one_of_several_files_in_an_archive_is_named(tmp_path):
    """glove.6B.zip holds four sizes."""
    small = b"happy 1 2\n"
    path = put(tmp_path, "glove.6B.zip", zipped({"glove.6B.50d.txt": small, "sub/glove.6B.300d.txt": text()}))
    with pytest.raises(DataError, match=r"holds 2 files; name one: .*glove\.6B\.zip/glove\.6B\.50d\.txt"):
        read_rows(path, {"happy"})
    np.testing.assert_array_equal(read_rows(path / "glove.6B.50d.txt", {"happy"})["happy"], [1, 2])
    found = read_rows(path / "sub" / "glove.6B.300d.txt", {"happy"})
    np.testing.assert_array_equal(found["happy"], VECTORS["happy"])
    with pytest.raises(DataError, match=r"There is no item named 'glove\.6B\.99d\.txt'"):
        read_rows(path / "glove.6B.99d.txt", {"happy"})
    plain = put(tmp_path, "glove.txt", text())
    with pytest.raises(DataError, match="is no zip archive"):
        read_rows(plain / "glove.6B.50d.txt", {"happy"})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (pickle.dumps(VECTORS), "is a pickle, perhaps of gensim"),
        (b"\x93NUMPY\x01\x00" + bytes(200), "is a NumPy array, which has no words"),
        (b"\xba\x16\x4f\x2f\x0c\x00\x00\x00" + bytes(100), "is a fastText model; take the .vec"),
        ("happy 1 2".encode("utf-16"), "is UTF-16 text"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"<HTML> sign in", "is a web page"),
        (b'{"happy": [1, 2]}', "is JSON"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
        (b"SQLite format 3\x00", "is an SQLite database"),
        (text(","), "values separated by commas"),
        (bytes(5000), "is no text"),
        (gzip.compress(text(), mtime=0)[:-12], "Cannot read"),
        (gzip.compress(pickle.dumps(VECTORS), mtime=0), "is a pickle"),
        (binary(True)[:-5], "damaged or cut off"),
        (b"4 999999999\n\x00\x01", "vectors of 999999999 numbers"),
        (b"1 3\nhappy " + np.float32([1, np.nan, 2]).tobytes(), "at least two finite numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_other_files_are_told_by_their_kind(tmp_path, content, told):
    path = put(tmp_path, "words", content)
    with pytest.raises(DataError, match=told) as error:
        load_word_vectors(["happy", "neutral"], str(path))
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        read_rows(tmp_path / "pipe", {"happy"})
