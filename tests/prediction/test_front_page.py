"""The front page: its Python runs as it stands there, and so does its command that predicts files."""

import pathlib
import re
import shlex

import cv2
import numpy as np
import pytest

from emojax import predict

PAGE = pathlib.Path(__file__).parents[2] / "README.md"


@pytest.fixture
def here(run, raw, tmp_path, monkeypatch):
    """A folder with what the page names: a run, photo.jpg, holiday/ and clips/."""
    monkeypatch.chdir(tmp_path)
    pathlib.Path("runs/demo").mkdir(parents=True)
    pathlib.Path("runs/demo/run").symlink_to(run)
    pictures = sorted(path for path in raw.rglob("*.jpg"))[:2]
    faces = [cv2.imread(str(path)) for path in pictures]
    cv2.imwrite("photo.jpg", faces[0])
    for name in ("holiday", "clips"):
        pathlib.Path(name).mkdir()
    cv2.imwrite("holiday/beach.png", faces[1])
    writer = cv2.VideoWriter("clips/a.mp4", cv2.VideoWriter_fourcc(*"mp4v"), 10, faces[0].shape[1::-1])
    for _ in range(3):
        writer.write(faces[0])
    writer.release()
    return tmp_path


def test_the_python_of_the_front_page_runs_as_it_stands_there(here):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    names = {"images": np.zeros((2, 32, 32, 3), np.uint8)}
    exec(code, names)
    assert names["model"].labels.classes[0] == "neutral"
    assert names["model"].predict(names["images"])["probabilities"].shape == (2, 7)


def test_the_command_of_the_front_page_predicts_files(here, capsys):
    line = next(line for line in PAGE.read_text().splitlines() if line.startswith("python -m emojax.predict"))
    assert predict.main(shlex.split(line)[3:]) == 0
    assert re.search(
        r"^\d+ faces? in 2 pictures and 1 video \(\d frames?\)$", capsys.readouterr().out, re.MULTILINE
    )
    assert (here / "results" / "predictions.csv").is_file()
