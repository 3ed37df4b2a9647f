"""The synthetic EMOTIC: the same bytes for the same seed, and labels that each stream tells a part of."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

from data_prep.synthetic.__main__ import main
from data_prep.synthetic.bodies import HANDS, POSTURES, pose_body
from data_prep.synthetic.emotic.files import scene_scores
from data_prep.synthetic.emotic.generate import Settings, describe_people, generate
from data_prep.synthetic.emotic.people import Facts, relations, sample_camera, sample_people
from data_prep.synthetic.emotic.picture import draw_picture, plan_picture
from data_prep.synthetic.emotic.rule import (
    RULES,
    annotate,
    category_probabilities,
    facts_of,
    sample_categories,
    valence_arousal_dominance,
)
from data_prep.synthetic.scenes.emotic import KINDS, LIGHTS, STATES, Camera, Scene, draw_scene
from emojax.errors import ConfigError, DataError, Skip
from emojax.graphs.skeletons import BODY_25
from emojax.labels import AFFECTNET_CLASSES, EMOTIC_CATEGORIES
from emojax.vision.boxes import usable_box
from emojax.vision.poses import joints_in_box, pose_vector

JOINT = {name: i for i, name in enumerate(BODY_25.joints)}
SMALL = Settings(train=2, validation=1, test=1, seed=3)


def digests(folder) -> dict[str, str]:
    """Of every file; of Annotations.mat without the date in its header."""
    files = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        str(path.relative_to(folder)): hashlib.sha256(data[116 * (path.suffix == ".mat") :]).hexdigest()
        for path, data in files.items()
    }


def test_a_seed_always_draws_the_same_bytes_and_another_seed_others(tmp_path):
    for name, settings, workers in (("a", SMALL, 1), ("b", SMALL, 2)):
        generate(tmp_path / name, settings, workers)
    generate(tmp_path / "c", dataclasses.replace(SMALL, seed=4), 1)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    picture = "emotic/mscoco/images/train_000000.jpg"
    assert digests(tmp_path / "a")[picture] != digests(tmp_path / "c")[picture]


def test_a_second_run_draws_nothing_and_foreign_folders_are_refused(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["emotic", "--out", str(out), "--train", "1", "--val", "1", "--test", "1", "--workers", "1"]
    assert main(arguments) == 0
    assert "data_prep.emotic --raw" in capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert main([*arguments, "--seed", "1"]) == 2
    assert "other settings" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    assert main(["emotic", "--out", str(tmp_path / "mine")]) == 2
    assert "not empty" in capsys.readouterr().err


def test_empty_splits_and_unwritable_folders_are_told(tmp_path):
    with pytest.raises(ConfigError, match="picture in every split"):
        Settings(train=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Cannot write"):
        generate(tmp_path / "file" / "out", SMALL, workers=1)


def test_side_inputs_have_the_formats_of_the_tools(raw_emotic):
    poses = [json.loads(path.read_text())["people"] for path in raw_emotic.rglob("*_person0_keypoints.json")]
    person = next(people[0] for people in poses if people)
    assert len(person["pose_keypoints_2d"]) == 75 and len(person["hand_left_keypoints_2d"]) == 63
    assert {np.load(path).shape for path in (raw_emotic / "scenes").rglob("*.npy")} == {(467,)}
    for path in (raw_emotic / "depth").rglob("*.png"):
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ndim == 2
    for path in (raw_emotic / "openface").rglob("*.csv"):
        assert path.read_text().startswith("face, confidence, x_0")


@pytest.mark.parametrize("posture", POSTURES)
def test_bodies_hang_together(posture):
    """Bones have the lengths of a person, and mirroring changes left and right."""
    build = lambda mirrored: pose_body(  # noqa: E731
        posture, ("fist", "spread"), mirrored=mirrored, height=1.0, rng=np.random.default_rng(4)
    )
    body, mirrored = build(False), build(True)
    assert np.isfinite(body.joints).all()
    for side in "RL":
        shoulder, elbow, wrist = (body.joints[JOINT[side + name]] for name in ("Shoulder", "Elbow", "Wrist"))
        assert np.hypot(*(elbow - shoulder)) == pytest.approx(0.30, abs=1e-6)
        assert np.hypot(*(wrist - elbow)) == pytest.approx(0.27, abs=1e-6)
        other = "L" if side == "R" else "R"
        np.testing.assert_allclose(mirrored.joints[JOINT[other + "Wrist"]], wrist * (-1, 1))
    assert body.joints[:, 1].min() > -0.1  # nothing below the ground
    assert body.head[1] > body.joints[JOINT["Neck"], 1]


def person(posture="relaxed", x=0.0, z=5.0, mirrored=False, **changes) -> Facts:
    values = dict(expression=0, valence=0.0, arousal=0.0, hand="loose", identity=1)
    return Facts(posture=posture, x=x, z=z, mirrored=mirrored, **(values | changes))


@pytest.mark.parametrize(
    ("others", "me", "expected"),
    [
        ([], person(), {"alone"}),
        ([person(x=2.0)], person(), set()),
        ([person(x=0.3, z=8.0)], person(), {"alone"}),  # near in the picture, far in depth
        ([person("applauding", x=1.0)], person(), {"applauded"}),
        ([person("applauding", x=1.0)], person("applauding"), set()),
        ([person("applauding", x=1.0, z=9.0)], person(), {"alone"}),
        ([person("pointing", x=1.0)], person(), {"accused"}),  # from the right, pointing left
        ([person("pointing", x=1.0, mirrored=True)], person(), set()),
        ([person("collapsed", x=1.0)], person(), {"witness"}),
        ([person("embracing", x=0.5)], person("embracing", mirrored=True), {"embraced"}),
        ([person("embracing", x=2.0)], person("embracing", mirrored=True), set()),
    ],
)
def test_relations_follow_from_postures_and_places(others, me, expected):
    assert relations((me, *others), 0) == expected


def test_people_stand_apart_inside_the_picture():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        camera = sample_camera(rng)
        people = sample_people(camera, rng)
        assert 1 <= len(people) <= 4
        for each in people:
            column = 0.5 * camera.width + each.x * camera.scale(each.z)
            assert -0.05 * camera.width < column < 1.05 * camera.width


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_fills_its_picture(kind):
    camera = Camera(160, 120, 40.0, 160.0)
    scene = Scene(kind, True, "decorated", "day")
    image, distance = draw_scene(scene, camera, np.random.default_rng(0))
    assert image.shape == (120, 160, 3) and (image.max(axis=2) > 0).mean() > 0.99
    assert distance.shape == (120, 160) and distance[-1].max() < distance[0].min()


def test_what_is_drawn_is_where_the_annotations_say(raw_emotic):
    """Boxes hold the person's visible joints; the depth map is nearer there than behind."""
    inside = []
    for index in range(12):
        picture = plan_picture("train", index, 9)
        image, distance, people = draw_picture(picture)
        assert image.shape == (*distance.shape, 3)
        for facts, drawn in zip(picture.people, people):
            visible = drawn.joints[~drawn.hidden]
            x1, y1, x2, y2 = drawn.box
            assert ((visible >= (x1, y1)) & (visible <= (x2, y2))).all()
            hip = drawn.joints[JOINT["MidHip"]].astype(int)
            if not drawn.hidden[JOINT["MidHip"]]:
                inside.append(abs(distance[hip[1], hip[0]] - facts.z) < 1e-3)
    assert np.mean(inside) > 0.9


def test_the_context_image_does_not_show_faces():
    """A face is at most 13 pixels wide at 224 and 4 at 64, too few for an expression."""
    widths = []
    for index in range(60):
        picture = plan_picture("train", index, 2)
        for facts in picture.people:
            widths.append(2 * 0.1 * picture.camera.scale(facts.z) / picture.camera.width)
    assert max(widths) * 224 < 13 and max(widths) * 64 < 4


def test_every_category_has_a_cause_and_every_stream_has_categories():
    assert list(RULES) == sorted(RULES) == list(EMOTIC_CATEGORIES)
    allowed = {
        "expression": set(AFFECTNET_CLASSES),
        "posture": set(POSTURES),
        "hand": set(HANDS),
        "kind": set(KINDS),
        "special": {"yes"},
        "state": set(STATES),
        "light": set(LIGHTS),
        "others": {"embraced", "applauded", "accused", "witness", "alone"},
    }
    assert set(allowed) == {fact for causes in RULES.values() for fact, _, _ in causes}
    for causes in RULES.values():
        for fact, value, probability in causes:
            assert value in allowed[fact] and 0 < probability < 1


def test_causes_add_up_by_noisy_or():
    facts = frozenset({("hand", "fist"), ("expression", "contempt")})
    probabilities = dict(zip(EMOTIC_CATEGORIES, category_probabilities(facts)))
    assert probabilities["annoyance"] == pytest.approx(1 - 0.2 * 0.8)
    assert probabilities["disapproval"] == pytest.approx(0.8)
    assert probabilities["happiness"] == 0
    assert sample_categories(frozenset(), np.random.default_rng(0)) == ("engagement",)


def test_annotators_differ_a_little_and_never_say_nothing():
    rng = np.random.default_rng(0)
    said = [annotate(("anger", "pain"), np.array((3.0, 7.0, 5.0)), rng) for _ in range(200)]
    assert all(each.categories for each in said)
    assert 0.9 < np.mean(["anger" in each.categories for each in said]) < 1
    numbers = np.array([each.vad for each in said])
    np.testing.assert_allclose(numbers.mean(axis=0), (3, 7, 5), atol=0.2)
    assert numbers.std() > 0 and numbers.min() >= 1 and numbers.max() <= 10


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small matrices: the threads of linear algebra would cost more than they bring."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def population():
    """1,800 planned people, without drawing: one-hot facts by stream, categories, values."""
    columns: dict[str, list] = {name: [] for name in ("facts", "labels", "values", "scores", "pose")}
    index = 0
    while len(columns["facts"]) < 1800:
        picture = plan_picture("train", index, 1)
        index += 1
        rng = picture.rng(500)
        scores = scene_scores(picture.scene, rng)
        for agent, facts in enumerate(picture.people):
            found = facts_of(picture.scene, picture.people, agent)
            columns["facts"].append(found)
            columns["labels"].append([name in sample_categories(found, rng) for name in EMOTIC_CATEGORIES])
            columns["values"].append(valence_arousal_dominance(picture.scene, picture.people, agent, rng))
            columns["scores"].append(scores)
            columns["pose"].append(_pose(facts, rng))
    return {name: value if name == "facts" else np.array(value) for name, value in columns.items()}


def _pose(facts: Facts, rng: np.random.Generator) -> np.ndarray:
    """The pose vector of the crop round a planned body."""
    hands = (facts.hand, facts.hand)
    body = pose_body(facts.posture, hands, mirrored=facts.mirrored, height=1.0, rng=rng)
    points = body.joints * (1, -1)
    points[JOINT["Nose"]] = body.head * (1, -1)
    low, high = points.min(axis=0) - 0.05, points.max(axis=0) + 0.05
    joints = np.column_stack([points + rng.normal(0, 0.005, points.shape), np.full(67, 0.8)])
    return pose_vector(joints_in_box([joints], *low, *(high - low)))


def one_hot(facts: list, names: tuple[str, ...]) -> np.ndarray:
    pairs = sorted({pair for found in facts for pair in found if pair[0] in names})
    return np.array([[pair in found for pair in pairs] for found in facts], float)


def mean_average_precision(features: np.ndarray, labels: np.ndarray, names: list[str]) -> float:
    """Of logistic regression, trained on the first three quarters and tested on the rest."""
    cut = 3 * len(labels) // 4
    scale = features[:cut].std(axis=0) + 1e-6
    features = (features - features[:cut].mean(axis=0)) / scale
    precisions = []
    for name in names:
        target = labels[:, EMOTIC_CATEGORIES.index(name)]
        model = LogisticRegression(C=0.1, max_iter=150).fit(features[:cut], target[:cut])
        precisions.append(average_precision_score(target[cut:], model.decision_function(features[cut:])))
    return float(np.mean(precisions))


def test_each_stream_adds_what_no_other_one_tells(population):
    facts, labels = population["facts"], population["labels"]
    streams = {
        "face": ("expression",),
        "body": ("posture",),
        "pose": ("hand",),
        "context": ("kind", "others"),
        "scenes": ("special",),
        "attributes": ("state", "light"),
    }
    names, before = (), 0.0
    for stream, added in streams.items():
        names += added
        now = mean_average_precision(one_hot(facts, names), labels, list(EMOTIC_CATEGORIES))
        assert now > before + 0.012, f"{stream} adds {now - before:.3f}"
        before = now
    assert before > 0.8  # all streams together tell nearly everything but chance
    # A stream says nothing about a category of another one.
    guess = labels[:, EMOTIC_CATEGORIES.index("happiness")].mean()
    others_only = one_hot(facts, ("posture", "hand", "kind", "others", "state"))
    assert mean_average_precision(others_only, labels, ["happiness"]) < 1.35 * guess


def test_the_pose_vector_tells_postures_and_hands(population):
    chosen = ["confidence", "doubt/confusion", "fatigue", "pain", "excitement", "annoyance", "sensitivity"]
    labels = population["labels"]
    score = mean_average_precision(population["pose"], labels, chosen)
    chance = np.mean([labels[:, EMOTIC_CATEGORIES.index(name)].mean() for name in chosen])
    assert score > 0.6 > 4 * chance


def test_scene_scores_tell_the_place_and_the_occasion(population):
    labels = population["labels"]
    logits = np.log(population["scores"] + 1e-6)
    score = mean_average_precision(logits, labels, ["peace", "pleasure", "disquietment", "esteem"])
    by_fact = mean_average_precision(
        one_hot(population["facts"], ("kind", "state", "special")),
        labels,
        ["peace", "pleasure", "disquietment", "esteem"],
    )
    assert score > 0.75 * by_fact


def test_values_follow_from_face_posture_place_and_others(population):
    """Each group of facts explains a share of the variance that the others leave."""
    values, facts = population["values"], population["facts"]
    groups = {"expression": 0, "posture": 1, "others": 2}
    everything = ("expression", "posture", "hand", "kind", "others", "state")

    def explained(names, dimension) -> float:
        design = np.column_stack([one_hot(facts, names), np.ones(len(facts))])
        target = values[:, dimension]
        fitted = design @ np.linalg.lstsq(design, target, rcond=None)[0]
        return 1 - np.var(target - fitted) / np.var(target)

    for group, dimension in groups.items():
        without = tuple(name for name in everything if name != group)
        assert explained(everything, dimension) > explained(without, dimension) + 0.02
        assert explained(everything, dimension) > 0.6
    assert values.min() >= 1 and values.max() <= 10


def test_all_categories_occur_with_realistic_imbalance(population):
    share = population["labels"].mean(axis=0)
    assert share.min() > 0.02 and share.max() < 0.5 and share.max() / share.min() > 5
    assert 2 < population["labels"].sum(axis=1).mean() < 5


def test_boxes_and_annotators_of_a_picture():
    picture = plan_picture("val", 3, 2)
    _, _, people = draw_picture(picture)
    described = describe_people(picture, people)
    assert len(described) == len(picture.annotated) >= 1
    for each in described:
        try:
            usable_box(each.box, picture.camera.width, picture.camera.height)
        except Skip as skip:
            pytest.fail(str(skip))
        assert 3 <= len(each.annotators) <= 5
        assert each.gender in ("Male", "Female") and each.age in ("Kid", "Teenager", "Adult")
