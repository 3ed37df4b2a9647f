"""`python -m data_prep.folder`: your own pictures, whatever their classes and their layout."""

import csv
import pathlib

import cv2
import jax
import numpy as np
import pytest

import emojax
from data_prep.folder.items import Item
from data_prep.folder.layouts import FERPLUS_CLASSES, find_layout
from data_prep.folder.prepare import FolderSource, Options, main
from data_prep.folder.splits import divide
from emojax import cli, systems
from emojax.data.dataset import load_dataset
from emojax.engine.evaluation import evaluate
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh
from emojax.engine.restore import read_variables
from emojax.errors import ConfigError, DataError
from emojax.models.gcn import dense_adjacency
from tests.systems.tiny import use_tiny_backbone

HUES = {"calm": (200, 60, 60), "merry": (60, 200, 60), "tense": (60, 60, 200)}


def draw(path: pathlib.Path, hue, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.array(hue) + np.random.default_rng(seed).normal(0, 20, (24, 24, 3))
    cv2.imwrite(str(path), np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "faces"
    for name, hue in HUES.items():
        for i in range(20):
            draw(folder / name / f"{i}.png", hue, i)
    return folder


def prepare(*arguments) -> int:
    return main([*map(str, arguments), "--size", "32", "--encoding", "raw", "--workers", "1"])


def test_class_folders_become_data_that_a_system_trains_on_and_predicts(pictures, tmp_path, monkeypatch):
    use_tiny_backbone(monkeypatch)
    assert prepare("--images", pictures, "--out", tmp_path / "data") == 0
    dataset = load_dataset(tmp_path / "data")
    assert dataset.labels.classes == ("calm", "merry", "tense") and not dataset.labels.dimensions
    assert [dataset.split(name).num_records for name in ("train", "validation")] == [48, 12]
    config = cli.load_config_file("configs/own.py:own_centre@demo")
    config.update_from_flattened_dict(
        {
            "data_dir": dataset.path,
            "image_size": 32,
            "batch_size": 16,
            "num_epochs": 8,
            "optimizer.name": "adamw",
        }
    )
    config.optimizer.learning_rate, config.run.eval_every_epochs = 0.01, 8
    system = systems.build(config, dataset.recipe)
    train(config, system, dataset, tmp_path / "run", mesh=data_mesh(jax.devices()[:1]), progress=False)
    restored = read_variables(tmp_path / "run")
    results = evaluate(tmp_path / "run", restored, system, dataset)
    assert results["metrics"]["accuracy"] > 0.9 and results["protocol"].startswith("faces validation, 3-way")
    page = (tmp_path / "run" / "report" / "index.html").read_text()
    assert "3-way" in page and "affectnet" not in page.lower()
    model = emojax.load(tmp_path / "run", detector="none")
    (face,) = model.detect_and_predict(pictures / "merry" / "3.png")
    assert face.label == "merry" and not face.values


@pytest.mark.parametrize("variant", ["own_mtl", "own_va", "own_emotion_gcn"])
def test_a_system_that_needs_values_says_so(pictures, tmp_path, variant):
    assert prepare("--images", pictures, "--out", tmp_path / "data") == 0
    config = cli.load_config_file(f"configs/own.py:{variant}@demo")
    config.image_size = 32
    with pytest.raises(DataError, match="hold no 'valence'"):
        systems.build(config, load_dataset(tmp_path / "data").recipe)


def test_emotion_gcn_without_values_takes_its_graph_from_labels_that_occur_together(
    pictures, tmp_path, monkeypatch
):
    use_tiny_backbone(monkeypatch)
    second = {"calm": "calm", "merry": "merry; tense", "tense": "tense"}
    table = labelled(pictures, label=lambda i, name: second[name.split("/")[0]])
    assert prepare("--images", pictures, "--labels", table, "--out", tmp_path / "data") == 0
    dataset = load_dataset(tmp_path / "data")
    # Every merry picture is half tense; half of what is tense in all is on merry pictures.
    expected = [[1, 0, 0], [0, 0.5, 0.5], [0, 0.25, 0.75]]
    np.testing.assert_allclose(dataset.recipe.statistics["cooccurrence"], expected)
    config = cli.load_config_file("configs/own.py:own_emotion_gcn_classes@demo")
    config.image_size, config.model.gcn.embedding = 32, "onehot"
    system = systems.build(config, dataset.recipe)
    graph = dense_adjacency(system.constants["head"]["gcn"])
    np.testing.assert_allclose(graph, [[1, 0, 0], [0, 0.3, 0.7], [0, 0.7, 0.3]], rtol=1e-6)
    assert "no edge of the label graph reaches calm" in " ".join(system.notes)
    variables = jax.eval_shape(system.init, jax.random.key(0))
    shapes = jax.eval_shape(
        system.predict, variables, {"image": np.zeros((2, 32, 32, 3), np.uint8), "mask": np.ones(2)}
    )
    assert shapes["probabilities"].shape == (2, 3) and "valence_arousal" not in shapes


def test_emotion_gcn_without_values_takes_given_edges_or_says_what_is_missing(pictures, tmp_path):
    assert prepare("--images", pictures, "--out", tmp_path / "data") == 0
    recipe = load_dataset(tmp_path / "data").recipe
    config = cli.load_config_file("configs/own.py:own_emotion_gcn_classes@demo")
    config.image_size = 32
    with pytest.raises(DataError, match=r"no label occurs with another.*category_file=FILE, 3 rows"):
        systems.build(config, recipe)
    config.model.gcn.category_block = "none"
    with pytest.raises(ConfigError, match=r"edges between expressions alone.*category_file=FILE, 3 rows"):
        systems.build(config, recipe)
    config.model.gcn.category_block, config.model.gcn.category_file = "file", str(tmp_path / "edges.csv")
    (tmp_path / "edges.csv").write_text("1,0.5,0\n0.5,1,0.2\n0,0.2,1\n")
    with pytest.raises(DataError, match=r"has no vector of 'merry'.*model.gcn.embedding=onehot"):
        _ = systems.build(config, recipe).constants
    config.model.gcn.embedding = "onehot"
    graph = dense_adjacency(systems.build(config, recipe).constants["head"]["gcn"])
    np.testing.assert_allclose(graph, [[0.3, 0.7, 0], [0.35, 0.3, 0.35], [0, 0.7, 0.3]], rtol=1e-6)
    (tmp_path / "edges.csv").write_text("1,0.5\n0.5,1\n")
    with pytest.raises(DataError, match="has 2 x 2 numbers; .* has 3 classes"):
        _ = systems.build(config, recipe).constants


def labelled(folder: pathlib.Path, **columns) -> pathlib.Path:
    table = folder.parent / "labels.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *columns])
        names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
        for i, name in enumerate(names):
            writer.writerow([name, *(of(i, name) for of in columns.values())])
    return table


def test_a_table_brings_values_people_and_boxes_and_a_label_graph(pictures, tmp_path):
    def label(i, name):
        return {"calm": "calm", "merry": "happy", "tense": "fear"}[name.split("/")[0]]

    def value(i, name):
        return round(np.sin(i) * 0.9, 3)

    columns = {"label": label, "valence": value, "arousal": lambda i, name: round(np.cos(3 * i) * 0.9, 3)}
    people = {"subject": lambda i, name: f"person {i % 7}", "box": lambda i, name: "2 3 15 16"}
    table = labelled(pictures, **columns, **people)
    assert prepare("--images", pictures, "--labels", table, "--out", tmp_path / "data") == 0
    dataset = load_dataset(tmp_path / "data")
    assert dataset.labels.dimensions == ("valence", "arousal")
    seen = {split: set(dataset.columns(split)["subject"]) for split in ("train", "validation")}
    assert not seen["train"] & seen["validation"] and len(seen["train"] | seen["validation"]) == 7
    config = cli.load_config_file("configs/own.py:own_emotion_gcn@demo")
    config.image_size = 32
    constants = systems.build(config, dataset.recipe).constants
    assert constants["head"]["gcn"]["nodes"].shape == (5, 50)


def test_landmarks_of_the_table_level_the_eyes(pictures, tmp_path, capsys):
    """The eyes stand on a slope of 45 degrees: their line is level in the record."""
    table = labelled(pictures, label=lambda i, name: name.split("/")[0])
    assert (
        prepare("--images", pictures, "--labels", table, "--align", "rotate_crop", "--out", tmp_path / "a")
        == 2
    )
    assert "give landmarks or eyes as columns" in capsys.readouterr().err
    eyes = {"left_eye_x": 6, "left_eye_y": 6, "right_eye_x": 18, "right_eye_y": 18}
    for path in pictures.rglob("*.png"):
        image = cv2.imread(str(path))
        image[4:9, 4:9], image[16:21, 16:21] = 255, 255
        (tmp_path / "faces" / path.parent.name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "faces" / path.relative_to(pictures)), image)
    columns = {name: lambda i, n, value=value: value for name, value in eyes.items()}
    table = labelled(tmp_path / "faces", label=lambda i, name: name.split("/")[0], **columns)
    arguments = ["--images", tmp_path / "faces", "--labels", table, "--align", "rotate_crop"]
    assert prepare(*arguments, "--out", tmp_path / "data") == 0
    dataset = load_dataset(tmp_path / "data")
    assert dataset.recipe.build["align"] == "rotate_crop"
    item = find_layout(tmp_path / "faces", table).items[0]
    record = FolderSource(Options(32, align="rotate_crop"), dataset.labels, False)._face(item)
    white = np.argwhere(record.min(axis=2) > 245)
    assert np.ptp(white[:, 0]) < 14 < np.ptp(white[:, 1])  # side by side, not one below the other


def test_other_splits_and_classes_of_the_table_are_refused_by_line(pictures, tmp_path, capsys):
    table = labelled(pictures, split=lambda i, name: "tran", label=lambda i, name: "a")
    assert prepare("--images", pictures, "--labels", table, "--out", tmp_path / "a") == 2
    assert "labels.csv, line 2: There is no split 'tran'" in capsys.readouterr().err
    table = labelled(pictures, valence=lambda i, name: 7, arousal=lambda i, name: 0)
    assert prepare("--images", pictures, "--labels", table, "--out", tmp_path / "b") == 2
    assert "line 2: 7 is outside [-1, 1]" in capsys.readouterr().err
    assert prepare("--images", pictures, "--classes", "calm,merry", "--out", tmp_path / "c") == 2
    assert "The label 'tense' is none of the classes calm, merry" in capsys.readouterr().err


def test_a_person_in_two_splits_is_refused():
    items = [
        Item("a", label="x", subject="p", split="train"),
        Item("b", label="x", subject="p", split="test"),
    ]
    with pytest.raises(DataError, match="The person 'p' is in the splits train and test"):
        divide(items, 0.2)


def test_the_same_pictures_always_give_the_same_split():
    items = [Item(str(i), label="ab"[i % 2]) for i in range(40)]
    first, again = divide(items, 0.25), divide(items[::-1], 0.25)
    assert {i.source for i in first["validation"]} == {i.source for i in again["validation"]}
    assert [sum(i.label == name for i in first["validation"]) for name in "ab"] == [5, 5]


def test_raf_db_is_read_as_distributed(tmp_path):
    for name in ("train_00001", "test_0001"):
        draw(tmp_path / "Image" / "aligned" / f"{name}_aligned.jpg", (9, 9, 9), 0)
    (tmp_path / "EmoLabel").mkdir()
    (tmp_path / "EmoLabel" / "list_patition_label.txt").write_text("train_00001.jpg 5\ntest_0001.jpg 1\n")
    found = find_layout(tmp_path)
    assert [(i.split, i.label) for i in found.items] == [("train", "sadness"), ("test", "surprise")]
    assert all(pathlib.Path(item.image).is_file() for item in found.items)


def fer(folder: pathlib.Path, rows: int) -> pathlib.Path:
    table = folder / "fer2013.csv"
    usages = ("Training", "PublicTest", "PrivateTest")
    pixels = " ".join(["7"] * 48 * 48)
    lines = [f"{i % 7},{pixels},{usages[0 if i < rows - 14 else 1]}" for i in range(rows)]
    table.write_text("emotion,pixels,Usage\n" + "\n".join(lines) + "\n")
    return table


def test_fer2013_is_read_from_its_pixels(tmp_path):
    table = fer(tmp_path, 35)
    assert prepare("--images", table, "--out", tmp_path / "data") == 0
    dataset = load_dataset(tmp_path / "data")
    assert dataset.labels.classes[:3] == ("anger", "disgust", "fear") and dataset.name == "fer2013"
    assert [dataset.split(name).num_records for name in ("train", "validation")] == [21, 14]


def test_ferplus_takes_the_class_of_most_votes_and_leaves_ties_out(tmp_path):
    table, votes = fer(tmp_path, 16), tmp_path / "fer2013new.csv"
    rows = [
        ["9", "1", *"00000000"],
        ["5", "5", *"00000000"],
        ["0"] * 8 + ["10", "0"],
        *[["0", "10", *"00000000"]] * 13,
    ]
    header = ["Usage", "Image name", *FERPLUS_CLASSES, "unknown", "NF"]
    lines = [",".join(["", "", *row]) for row in rows]
    votes.write_text(",".join(header) + "\n" + "\n".join(lines) + "\n")
    items = find_layout(table, votes=votes).items
    assert [items[i].label for i in (0, 3)] == ["neutral", "happiness"]
    assert [items[i].unusable[0] for i in (1, 2)] == ["tied_votes", "no_emotion"]
    assert dict(items[0].votes) == {"neutral": 9, "happiness": 1}


def test_an_empty_folder_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match="holds no folder with pictures. Put the pictures of each class"):
        find_layout(tmp_path)


def test_a_number_of_classes_that_no_face_system_has_is_refused():
    config = cli.load_config_file("configs/own.py:own_single@demo")
    recipe = systems.stand_in(config)
    config.num_classes = 5
    with pytest.raises(ConfigError, match="0 for the classes of the data"):
        systems.build(config, recipe)
