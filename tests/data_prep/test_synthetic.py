"""The synthetic AffectNet: expressive, tied to valence and arousal, imbalanced, repeatable, and no toy."""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_prep.synthetic.__main__ import main
from data_prep.synthetic.actions import PROTOTYPES, express
from data_prep.synthetic.affectnet.generate import Settings, class_counts, draw_sample, generate, plan_samples
from data_prep.synthetic.geometry import Pose, face_shape, landmarks
from data_prep.synthetic.identity import sample_identity
from emojax.errors import ConfigError, DataError
from emojax.labels import AFFECTNET_CLASSES
from emojax.vision.align import crop_face, eye_centres, rotation_about_eyes, transform

SEED = 5


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Split -> crops [N, 32, 32, 3], levelled landmarks in eye distances [N, 136], labels, (V, A)."""
    result = {}
    for split, total in (("train", 560), ("validation", 160)):
        samples = plan_samples(split, total, SEED)
        faces = [_aligned(*draw_sample(sample, 96, SEED)) for sample in samples]
        result[split] = tuple(np.array(column) for column in zip(*faces))
    return result


def _aligned(image, annotation):
    crop, _ = crop_face(image, annotation.box, annotation.landmarks, size=32)
    points = transform(annotation.landmarks, rotation_about_eyes(annotation.landmarks))
    left, right = eye_centres(points)
    shape = ((points - (left + right) / 2) / (right - left)[0]).reshape(-1)
    return crop, shape, annotation.label, (annotation.valence, annotation.arousal)


def _accuracy(train_x, train_y, test_x, test_y) -> float:
    regression = LogisticRegression(C=0.001, class_weight="balanced", max_iter=1000, tol=0.01)
    model = make_pipeline(StandardScaler(), regression)
    return model.fit(train_x, train_y).score(test_x, test_y)


def test_pixels_alone_do_not_give_the_expression_away(drawn):
    """Linear on pixels stays far from the 90 % of a network (data_prep/README.md: figures at full size)."""
    (crops, _, labels, _), (other, _, truth, _) = drawn["train"], drawn["validation"]
    grey, other_grey = (images.mean(axis=3).reshape(len(images), -1) for images in (crops, other))
    assert _accuracy(grey, labels, other_grey, truth) < 0.6


def test_the_shape_of_the_face_does_give_it_away(drawn):
    """The expression is in the drawing: landmarks of people never seen before tell it."""
    (_, shapes, labels, _), (_, other, truth, _) = drawn["train"], drawn["validation"]
    assert _accuracy(shapes, labels, other, truth) > 0.8


@pytest.mark.parametrize("name", AFFECTNET_CLASSES)
def test_arousal_opens_the_face_and_valence_lifts_the_corners(name):
    """Within a class: eyes and mouth open with arousal, mouth corners rise with valence."""
    label, prototype = AFFECTNET_CLASSES.index(name), PROTOTYPES[name]
    identity = sample_identity(np.random.default_rng(0))

    def measure(valence: float, arousal: float) -> tuple[float, float]:
        openness, corners = [], []
        for seed in range(12):
            rng = np.random.default_rng(seed)
            points = landmarks(
                face_shape(identity, express(label, valence, arousal, rng)), Pose(0, 0, 0, 1, 0, 0)
            )
            openness.append(points[40:42, 1].mean() - points[37:39, 1].mean() + points[66, 1] - points[62, 1])
            corners.append(points[51, 1] - points[[48, 54], 1].mean())
        return float(np.mean(openness)), float(np.mean(corners))

    (valence, arousal), (dv, da) = prototype.mean, prototype.spread
    assert measure(valence, arousal + da)[0] > measure(valence, arousal - da)[0] + 0.01
    assert measure(valence + dv, arousal)[1] > measure(valence - dv, arousal)[1] + 0.005


def test_classes_are_imbalanced_like_affectnet_and_the_validation_set_is_balanced():
    counts = class_counts(6000, balanced=False)
    assert sum(counts) == 6000 and counts[1] > 10 * min(counts) and min(counts) >= 190
    assert np.argsort(counts)[::-1][:2].tolist() == [1, 0]  # happy, then neutral, as in AffectNet
    assert class_counts(800, balanced=True) == [100] * 8
    assert min(class_counts(16, balanced=False)) >= 1


def test_people_of_the_validation_set_are_never_seen_in_training():
    train, validation = (plan_samples(split, 500, SEED) for split in ("train", "validation"))
    assert {s.person for s in train}.isdisjoint(s.person for s in validation)
    assert len({s.person for s in train}) > 50
    assert all(f"p{sample.person:07d}" == sample.source.partition("/")[0] for sample in train)


def test_faces_are_off_centre_and_rolled_and_boxes_lie_in_the_image(drawn):
    rolls, offsets = [], []
    for sample in plan_samples("train", 60, SEED):
        image, annotation = draw_sample(sample, 96, SEED)
        x, y, width, height = annotation.box
        assert width == height > 30
        assert min(x, y) >= 0 and x + width <= image.shape[1] and y + height <= image.shape[0]
        left, right = eye_centres(annotation.landmarks)
        assert (x < left[0] < right[0] < x + width) and (y < left[1] < y + height)
        rolls.append(np.degrees(np.arctan2(*(right - left)[::-1])))
        offsets.append((annotation.landmarks.mean(axis=0) / image.shape[1::-1]) - 0.5)
    assert np.std(rolls) > 5 and np.std(offsets) > 0.05


def test_landmarks_lie_on_the_drawing():
    """Frontal, in plain light: pupils dark between the eye points, teeth or mouth between the lips."""
    from data_prep.synthetic.faces import draw_face

    hits = 0
    for seed in range(20):
        identity = sample_identity(np.random.default_rng(seed))
        image = np.full((200, 200, 3), 255, np.uint8)
        actions = express(0, 0.0, 0.0, np.random.default_rng(seed))
        points = draw_face(image, identity, actions, Pose(0.1, 0.0, 0.15, 60, 100, 100))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        for eye in (points[36:42], points[42:48]):
            mask = np.zeros_like(grey)
            cv2.fillConvexPoly(mask, np.rint(eye).astype(np.int32), 1)
            hits += grey[mask > 0].min() < 80 < 150 < grey[mask > 0].max()
    assert hits >= 38


def test_the_same_seed_draws_the_same_bytes_whatever_the_workers(tmp_path):
    settings = Settings(train=130, validation=8, size=48, seed=9)
    for name, workers in (("one", 1), ("two", 2)):
        generate(tmp_path / name, settings, workers)
    assert _tree(tmp_path / "one") == _tree(tmp_path / "two")
    generate(tmp_path / "other", dataclasses.replace(settings, seed=10), workers=1)
    assert _tree(tmp_path / "one") != _tree(tmp_path / "other")


def _tree(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_rows_have_affectnets_columns_and_every_image_exists(raw_2017):
    with open(raw_2017 / "validation.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    for row in rows:
        assert (raw_2017 / "Manually_Annotated_Images" / row["subDirectory_filePath"]).is_file()
        assert len(row["facial_landmarks"].split(";")) == 136
        assert -1 <= float(row["valence"]) <= 1 and int(row["expression"]) in range(8)


def test_a_second_run_draws_nothing_and_foreign_folders_are_refused(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = [
        "affectnet",
        "--out",
        str(out),
        "--train",
        "16",
        "--val",
        "8",
        "--size",
        "48",
        "--workers",
        "1",
    ]
    assert main(arguments) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert main([*arguments, "--seed", "1"]) == 2
    assert "other settings" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    assert main(["affectnet", "--out", str(tmp_path / "mine")]) == 2
    assert "not empty" in capsys.readouterr().err


def test_an_interrupted_drawing_is_drawn_again(tmp_path):
    settings = Settings(train=16, validation=8, size=48)
    generate(tmp_path, settings, workers=1)
    marker = json.loads((tmp_path / "synthetic.json").read_text())
    (tmp_path / "synthetic.json").write_text(json.dumps(marker | {"complete": False}))
    (tmp_path / "training.csv").unlink()
    generate(tmp_path, settings, workers=1)
    assert (tmp_path / "training.csv").is_file()


def test_sizes_out_of_range_and_unwritable_folders_are_told(tmp_path):
    with pytest.raises(ConfigError, match=r"--size 48..800.* not 5, 16 and 8"):
        Settings(train=16, validation=8, size=5)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Cannot write"):
        generate(tmp_path / "file" / "out", Settings(train=16, validation=8, size=48), workers=1)


def test_a_full_disk_is_told(tmp_path):
    settings = Settings(train=16, validation=8, size=48)
    marker = {"settings": dataclasses.asdict(settings), "complete": False}
    (tmp_path / "synthetic.json").write_text(json.dumps(marker))
    (tmp_path / "ages.csv").symlink_to("/dev/full")
    with pytest.raises(DataError, match="No space left on device"):
        generate(tmp_path, settings, workers=1)
