"""Every door answers a mistake with one clear line and status 2."""

from __future__ import annotations

import ast
import importlib
import itertools
import os
import pathlib
import subprocess
import sys
import threading

import pytest

from emojax import cli, train
from emojax.errors import ConfigError

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEMO = "configs/affectnet_gcn.py:demo"
PEOPLE = "configs/emotic.py:demo"


SOURCES = sorted(path for folder in ("emojax", "data_prep") for path in (ROOT / folder).rglob("*.py"))
DOORS = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for path in SOURCES
    if '__name__ == "__main__"' in path.read_text()
]


def door(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def changed(*texts):
    config = cli.load_config_file(DEMO)
    for text in texts:
        cli.change(config, text)
    return config


def test_a_misspelt_field_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no field config\.batchsize.*config\.batch_size"):
        changed("batchsize=3")
    with pytest.raises(ConfigError, match=r"config\.optimizer\.learning_rate"):
        changed("learning_rate=3")


@pytest.mark.parametrize(
    "text, value",
    [
        ("batch_size=64", 64),
        ("optimizer.learning_rate=1", 1.0),
        ("optimizer.learning_rate=2e-3", 0.002),
        ("model.remat=True", True),
        ("model.remat=0", False),
        ("augment=code", "code"),
        ("model.gcn.word_vectors=~/glove.txt", str(pathlib.Path.home() / "glove.txt")),
        ("data_dir=a=b", "a=b"),
    ],
)
def test_a_field_takes_values_of_its_own_type(text, value):
    found = cli.field_value(changed(text), text.partition("=")[0])
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text, value", [("widths=(8,2)", (8, 2)), ("widths=[2]", (2,)), ("widths=2", (2,))])
def test_a_field_that_is_a_list_takes_one(text, value):
    config = cli.load_config_file("configs/karate_demo.py")
    cli.change(config, text)
    assert config.widths == value


@pytest.mark.parametrize(
    "text",
    ["batch_size=3.5", "batch_size=", "model.remat=maybe", "optimizer.learning_rate=fast", "seed=(1,)"],
)
def test_a_value_of_another_type_is_refused_with_one_of_its_own(text):
    with pytest.raises(ConfigError, match=r"cannot be .* it takes .* like "):
        changed(text)


def test_options_come_in_any_order_and_either_spelling():
    parser = cli.Parser("prog")
    parser.add_config()
    parser.add_argument("--max_steps", type=int)
    given = [f"--config={DEMO}", "--config.seed=3", "--config.batch_size", "64", "--max-steps=2"]
    for arguments in itertools.permutations([given[:1], given[1:2], given[2:4], given[4:]]):
        options = parser.parse_args([text for part in arguments for text in part])
        config = cli.read_config(options)
        assert (config.seed, config.batch_size, options.max_steps) == (3, 64, 2)


def test_the_home_folder_is_meant_by_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.py").write_text((ROOT / DEMO.partition(":")[0]).read_text())
    options = train.parser().parse_args(
        ["--workdir=~/run", "--config=~/mine.py:demo", "--config.data_dir=~/data"]
    )
    assert options.workdir == tmp_path / "run"
    assert cli.read_config(options).data_dir == f"{tmp_path}/data"


def test_a_missing_config_file_names_the_near_ones(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match=r"no config file.*configs/affectnet_gcn\.py"):
        cli.load_config_file("configs/afectnet_gcn.py")


def test_an_unknown_variant_names_the_near_ones():
    with pytest.raises(ConfigError, match=r"no variant 'dmo'.*demo"):
        cli.load_config_file("configs/affectnet_gcn.py:dmo")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["emojax.train", "--workdir", "x"], "Which config?"),
        (["emojax.train", "--config", DEMO], "Give --workdir"),
        (["emojax.train", "--config", DEMO, "--config.batch_size=abc", "--workdir", "x"], "batch_size"),
        (
            ["emojax.train", "--config", DEMO, "--config.data_dir=nowhere", "--workdir", "x"],
            "data_prep.affectnet",
        ),
        (
            ["emojax.train", "--config", PEOPLE, "--config.data_dir=nowhere", "--workdir", "x"],
            "python -m data_prep.emotic --raw RAW_FOLDER --size 64 --out nowhere",
        ),
        (
            [
                "emojax.train",
                "--config",
                "configs/affwild2.py",
                "--config.data_dir=nowhere",
                "--workdir",
                "x",
            ],
            "data_prep.affwild2 --videos RAW_FOLDER/cropped_aligned --annotations RAW_FOLDER/annotations",
        ),
        (["emojax.train", "--config", "configs/karate_demo.py", "--workdir", "x"], "has no data to train on"),
        (
            ["emojax.evaluate", "--workdir", "nowhere"],
            "configs/affectnet_gcn.py:demo or configs/emotic.py:demo",
        ),
        (["emojax.figures", "--out", "x", "--workdir", "a"], "a holds no run"),
        (["emojax.benchmark", "--config", DEMO, "--steps", "0"], "steps"),
        (["emojax.train", "--config.seed=3", "--config.sed=3", "--config", DEMO], "Did you mean config.seed"),
        (["emojax.train", "--config", DEMO, "--workdr", "x"], "did you mean --workdir?"),
        (["emojax.train", "--workdir", "x", "--config.seed", "--config", DEMO], "--config.seed=VALUE"),
        (["emojax.evaluate", "run"], "Unexpected argument 'run'"),
        (["emojax.reproduce", "5.1", "--config.batch_size=few"], "it takes whole numbers like"),
        (["data_prep.check", "nowhere"], "no prepared data in nowhere"),
        (["data_prep.affectnet", "--raw", "x", "--out", "y", "--size", "5"], "from 16 to 1024"),
    ],
)
def test_a_mistake_is_one_line_and_status_two(arguments, expected):
    result = door(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and expected in result.stderr
    assert "Traceback" not in result.stderr


def test_figures_without_data_are_the_losses_and_the_karate_club(tmp_path):
    result = door("emojax.figures", "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    names = {"focal.png", "regression_losses.png", "karate.png", "index.html"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert (tmp_path / "index.html").read_text().count("data:image/png") == 3


@pytest.mark.parametrize("name", DOORS)
def test_every_command_teaches_itself_and_refuses_an_unknown_option(name, capsys, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # as a command changes it
    is_package = (ROOT / name.replace(".", "/")).is_dir()
    module = importlib.import_module(f"{name}.__main__" if is_package else name)
    assert module.main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert module.main(["--wrong_option", "3"]) == 2
    first, *usage = capsys.readouterr().err.splitlines()
    assert first.startswith("error: There is no option --wrong_option") and usage[0].startswith("usage: ")


def test_commands_share_one_command_line_library():
    assert {"emojax.train", "data_prep.synthetic", "data_prep.affectnet"} < set(DOORS)
    others = [path for path in SOURCES if path != ROOT / "emojax" / "cli.py"]
    assert not [
        path for path in others if "ArgumentParser(" in path.read_text() or "absl" in path.read_text()
    ]


def test_a_wrong_option_of_a_synthetic_data_set_shows_the_options_of_that_one():
    result = door("data_prep.synthetic", "affwild2", "--out", "x", "--frame", "3")
    assert result.returncode == 2
    assert "did you mean --frames?" in result.stderr
    assert "usage: python -m data_prep.synthetic affwild2" in result.stderr and "--frames N" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["emojax.systems"], ["emojax.systems", "--help"], ["emojax.train", "--help"]]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_ends_a_command_quietly(arguments, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)  # as `| head` does after its ten lines
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    result = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, env=environment
    )
    os.close(writer)
    assert result.stderr == b"" and result.returncode in (0, 141)


def test_a_broken_pipe_inside_a_command_is_not_taken_for_its_reader():
    def main(options):
        raise BrokenPipeError("of a worker")

    with pytest.raises(BrokenPipeError, match="of a worker"):
        cli.run(cli.Parser("prog"), main, [])


@pytest.mark.parametrize(
    "module",
    [
        *(
            "emojax.train",
            "emojax.evaluate",
            "emojax.combine",
            "emojax.cross_validate",
            "emojax.pretrained.__main__",
        ),
        *("emojax.systems.karate.__main__", "data_prep.emotic.scenes"),
    ],
)
def test_help_does_not_wait_for_jax(module):
    command = f"import sys, {module} as t; t.main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    heavy = {"jax", "flax", "sklearn", "matplotlib", "grain", "orbax", "tensorflow_datasets"}
    heavy |= set() if module.startswith("data_prep") else {"cv2"}
    assert not heavy & set(ast.literal_eval(result.stderr))


def test_the_death_of_a_thread_is_told(capsys, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    cli.quiet_libraries()

    def die():
        raise ValueError("of this")

    thread = threading.Thread(target=die, name="reader")
    thread.start()
    thread.join()
    assert capsys.readouterr().err == "error: thread reader died: ValueError: of this\n"


def test_training_imports_no_figures_no_scikit_learn_and_no_tensorflow_datasets():
    command = (
        "import sys, emojax.systems.faces, emojax.systems.people, emojax.engine.loop; "
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found = set(ast.literal_eval(result.stdout))
    assert "jax" in found
    assert not {"matplotlib", "sklearn", "tensorflow_datasets", "tensorflow", "torch", "data_prep"} & found


def test_a_disk_that_is_full_is_one_line_without_the_libraries_own_words(tmp_path):
    command = (
        "import sys, numpy as np, orbax.checkpoint as ocp\n"
        "from emojax import cli\n"
        "from emojax.errors import CheckpointError\n"
        "def main(options):\n"
        "    manager = ocp.CheckpointManager(sys.argv[1])\n"
        "    arrays = {f'a{i}': np.random.default_rng(i).random((100, 100)) for i in range(30)}\n"
        "    try:\n"
        "        manager.save(1, args=ocp.args.StandardSave(arrays))\n"
        "        manager.wait_until_finished()\n"
        "    except ValueError as error:\n"
        "        raise CheckpointError('the disk is full') from error\n"
        "sys.exit(cli.run(cli.Parser('prog'), main, []))\n"
    )
    limited = 'ulimit -f 16 && exec "$0" -c "$1" "$2"'  # no file of more than 16 kB
    result = subprocess.run(
        ["bash", "-c", limited, sys.executable, command, str(tmp_path / "run")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (2, "error: the disk is full\n")
