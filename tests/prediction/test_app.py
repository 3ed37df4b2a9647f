"""The web page: over HTTP, with a server of its own."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import cv2
import numpy as np
import pytest

from emojax.app import main
from emojax.errors import ConfigError

pytest.importorskip("starlette", reason="the extra `app`")
pytest.importorskip("uvicorn", reason="the extra `app`")


def ask(url: str, data: bytes | None = None, kind: str = "", host: str = ""):
    """Status and content of an answer."""
    headers = {"Content-Type": kind} if kind else {}
    request = urllib.request.Request(url, data, headers | ({"Host": host} if host else {}))
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def encoded(shape=(40, 50, 3)) -> bytes:
    return cv2.imencode(".jpg", np.full(shape, 90, np.uint8))[1].tobytes()


def test_the_page_takes_nothing_from_elsewhere(url):
    status, page, headers = ask(url)
    assert status == 200 and b"<title>emojax</title>" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"src=" not in page.replace(b"image.src", b"") and b"https://" not in page


def test_a_picture_gives_boxes_probabilities_values_and_a_picture(url):
    status, content, _ = ask(f"{url}/picture", encoded(), "image/jpeg")
    answer = json.loads(content)
    (face,) = answer["found"]
    assert status == 200 and face["box"] == [0, 0, 50, 40] and len(face["probabilities"]) == 7
    assert set(face["values"]) == {"valence", "arousal"} and answer["shown"]


def test_a_video_gives_means_and_a_time_line_and_no_file_is_kept(url, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = tmp_path / "a.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for value in (10, 90, 200):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    status, content, _ = ask(f"{url}/video", path.read_bytes(), "video/mp4")
    answer = json.loads(content)
    assert status == 200 and answer["frames"] == answer["found"][0]["frames"] == 3 and answer["timeline"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    "path,data,kind,status,reason",
    [
        ("picture", b"nothing", "image/png", 422, "no image that can be decoded"),
        ("picture", b"", "image/png", 422, "the file is empty"),
        ("picture", b"a=1", "application/x-www-form-urlencoded", 415, "of the type image/"),
        ("picture", bytes(100_001), "image/png", 413, "larger than"),
        ("video", b"nothing", "video/mp4", 422, "no video stream"),
    ],
)
def test_what_cannot_be_taken_is_one_line(url, path, data, kind, status, reason):
    found, content, _ = ask(f"{url}/{path}", data, kind)
    assert found == status and reason in json.loads(content)["error"]


def test_a_request_in_another_hosts_name_is_refused(url):
    assert ask(f"{url}/about", host="example.org")[0] == 400


def test_an_address_in_use_is_one_line():
    from emojax.web.server import open_socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match=r"Cannot listen on 127.0.0.1, port \d+: .*Try another --port"):
            open_socket("127.0.0.1", taken.getsockname()[1])


def test_without_the_extra_and_without_a_model_there_is_one_line(monkeypatch, capsys):
    assert main([]) == 2 and "Which model?" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["--model", "x"]) == 2
    error = capsys.readouterr().err
    assert 'pip install "emojax[app]"' in error and error.count("\n") == 1


def test_the_command_needs_no_jax_to_answer_help():
    code = "import sys; from emojax.app import main; main(['--help']); print('jax' in sys.modules)"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    ).stdout
    assert "--limit" in output and output.endswith("False\n")
