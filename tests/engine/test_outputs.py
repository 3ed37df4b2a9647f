"""Files of outputs: read back as they were written, or refused in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emojax.data.recipe import Recipe
from emojax.engine.outputs import Outputs, identities, make_meta, read_outputs, write_outputs
from emojax.errors import DataError
from emojax.labels import Labels
from tests.data.clips import make_clips

LABELS = Labels(("calm", "glad", "sad"), ("valence", "arousal"))


def make_outputs(
    count: int = 5, *, labels: Labels = LABELS, system: str = "toy", seed: int = 0, **changes
) -> Outputs:
    """Random probabilities of `count` examples."""
    rng = np.random.default_rng(seed)
    recipe = Recipe("clips", labels, {}, {"num_samples": 3})
    described = {
        **{"system": system, "step": 7, "split": "validation", "dataset": "clips", "content_hash": "abc"},
        **{"labels": labels, "config": {"name": system}, "recipe": recipe, "protocol": "toy"},
    }
    scores = rng.dirichlet(np.ones(3), count).astype(np.float32)
    arrays = {
        "index": np.arange(count),
        "probabilities": scores,
        "label": np.arange(count, dtype=np.int32) % 3,
    }
    ids = {
        "source_id": np.array([f"video{i // 2}/\u00e9{i}.jpg" for i in range(count)]),
        "subject": np.array([f"person{i // 2}" for i in range(count)]),
    }
    return Outputs(arrays, ids, make_meta(**{**described, **changes}))


def test_outputs_are_read_as_they_were_written(tmp_path):
    written = make_outputs()
    written.arrays["extreme"] = np.array([np.nan, np.inf, 1e-45, -0.0, 1.0], np.float32)
    write_outputs(tmp_path / "outputs_validation.npz", written)
    read = read_outputs(tmp_path / "outputs_validation.npz")
    assert read.meta == written.meta and read.labels == LABELS and read.num_examples == 5
    for mine, theirs in ((written.arrays, read.arrays), (written.ids, read.ids)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            assert mine[name].dtype == theirs[name].dtype and mine[name].tobytes() == theirs[name].tobytes()
    assert read.rows(np.array([3, 0])).ids["source_id"].tolist() == [
        "video1/\u00e93.jpg",
        "video0/\u00e90.jpg",
    ]


def test_arrays_that_are_not_of_the_examples_are_not_written(tmp_path):
    outputs = make_outputs()
    outputs.arrays["thresholds"] = np.zeros(3)
    with pytest.raises(
        ValueError, match="outputs/thresholds is float64 \\(3,\\), not numbers or text of 5 examples"
    ):
        write_outputs(tmp_path / "outputs_validation.npz", outputs)
    assert not list(tmp_path.iterdir())


def test_what_identifies_a_clip_is_what_the_columns_hold_of_its_first_record(tmp_path):
    columns = make_clips(tmp_path, {"train": (3, 2), "validation": (2,)}).columns("train")
    ids = identities(columns, np.array([0, 3]))
    assert ids["subject"].tolist() == ["person0", "person0"] and ids["video_id"].tolist() == [
        "video0",
        "video1",
    ]
    assert ids["frame"].tolist() == [1, 1] and ids["clip_label"].tolist() == [0, 1]
    assert "joints" not in ids and "va" not in ids


def damaged(stored: dict, how: str) -> dict:
    meta = json.loads(stored["meta"].tobytes())
    if how == "no meta":
        return {k: v for k, v in stored.items() if k != "meta"}
    if how == "no numbers":
        return {k: v for k, v in stored.items() if k != "outputs/index"}
    if how == "one row less":
        return {**stored, "outputs/label": stored["outputs/label"][1:]}
    if how == "another version":
        meta["schema"] = 2
    if how == "no class names":
        del meta["labels"]["classes"]
    if how == "another recipe":
        meta["recipe"]["statistics"]["num_samples"] = 4
    return {**stored, "meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no meta", "is no file of outputs: it has no description"),
        ("no numbers", "outputs/index is missing, and was written as int64"),
        ("one row less", "outputs/label is int32 \\(4,\\), and was written as int32 \\(5,\\)"),
        ("another version", "schema is 2, not one of 1"),
        ("no class names", "labels has no 'classes'"),
        ("another recipe", "its recipe has another fingerprint"),
    ],
)
def test_a_damaged_file_is_refused_with_the_way_to_mend_it(tmp_path, how, message):
    path = tmp_path / "outputs_validation.npz"
    write_outputs(path, make_outputs())
    with np.load(path) as archive:
        stored = {name: archive[name] for name in archive.files}
    np.savez(path, **damaged(stored, how))
    with pytest.raises(DataError, match=f"{message}.*python -m emojax.evaluate --workdir RUN --split SPLIT"):
        read_outputs(path)


def test_a_flipped_byte_or_a_cut_is_never_read(tmp_path):
    path = tmp_path / "outputs_validation.npz"
    write_outputs(path, make_outputs())
    whole, expected = path.read_bytes(), read_outputs(path)
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 60, replace=False):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            read = read_outputs(path)
        except DataError:
            continue
        # Bytes that say nothing, such as the date of a member.
        assert read.meta == expected.meta
        for name, values in expected.arrays.items():
            np.testing.assert_array_equal(read.arrays[name], values)
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="Cannot read"):
            read_outputs(path)
