"""Word vectors as node features of a label graph (spec emotion_gcn 4.2, context_emotion 4)."""

from __future__ import annotations

import difflib
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from emojax.errors import ConfigError, DataError
from emojax.graphs.word_files import read_rows

BUILT_IN_TABLE = pathlib.Path(__file__).parent / "glove_6b_50d.txt"
_STEMS = {"disquietment": "disquiet"}  # GloVe 6B does not know this name of an EMOTIC label


def load_word_vectors(
    words: Sequence[str],
    path: str | None = None,
    *,
    source: str = "glove",
    dim: int = 300,
    seed: int = 0,
) -> tuple[np.ndarray, str]:
    """One vector a word, fixed, neither trained nor normalised.

    Args:
        words: n node names, in lower case. "doubt/confusion" is the mean of both words; a name that the file
            lacks falls back to its stem where one is known.
        path: a file of word vectors, e.g. glove.6B.300d.txt; see `word_files.read_rows`. None takes the built-in
            table of real GloVe 6B 50-d vectors of emotion words. Only for source "glove".
        source: "glove", "random" (N(0, 0.4^2), `dim` values) or "onehot" (the n x n identity).
        dim: vector size of source "random".
        seed: seed of source "random".

    Returns:
        ``[n, d]`` float32, and one line that says where the vectors come from.

    Raises:
        ConfigError: unknown source, or a path given with a source that reads none.
        DataError: the file is missing or malformed, or lacks a word.
    """
    if source != "glove" and path:
        raise ConfigError(f"Word vectors of source {source!r} are made, not read: leave the path {path} out.")
    if source == "random":
        vectors = np.random.default_rng(seed).normal(0, 0.4, (len(words), dim))
        return vectors.astype(np.float32), f"random N(0, 0.4^2) vectors, {dim}-d, seed {seed}"
    if source == "onehot":
        return np.eye(len(words), dtype=np.float32), f"one-hot vectors, {len(words)}-d"
    if source != "glove":
        raise ConfigError(f"Word vectors come from 'glove', 'random' or 'onehot', not from {source!r}.")
    file = pathlib.Path(path) if path else BUILT_IN_TABLE
    parts = [re.split(r"[/_ ]+", word.lower()) for word in words]
    wanted = {w for group in parts for w in group}
    table = read_rows(file, wanted | {_STEMS[w] for w in wanted if w in _STEMS})
    vectors = np.stack([np.mean([_lookup(w, table, file) for w in group], axis=0) for group in parts])
    origin = str(file) if path else "the built-in GloVe 6B table"
    return vectors.astype(np.float32), f"GloVe vectors from {origin}, {vectors.shape[1]}-d"


def _lookup(word: str, table: dict[str, np.ndarray], path: pathlib.Path) -> np.ndarray:
    for name in (word, _STEMS.get(word)):
        if name in table:
            return table[name]
    known = [line.partition(" ")[0] for line in BUILT_IN_TABLE.read_text().splitlines()]
    near = difflib.get_close_matches(word, known, n=3) if path == BUILT_IN_TABLE else []
    hint = f" Near words: {near}." if near else ""
    raise DataError(f"{path} has no vector of {word!r}.{hint} Use another word vector file or node name.")
