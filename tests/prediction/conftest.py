"""One run of a tiny network on drawn faces, and the raw pictures that it was trained on."""

from __future__ import annotations

import csv
import threading

import jax
import pytest

import emojax
from data_prep.affectnet.layout_2017 import Layout2017
from data_prep.affectnet.prepare import prepare
from data_prep.affectnet.records import Options
from data_prep.synthetic.__main__ import main as draw
from emojax import systems
from emojax.engine.loop import train
from emojax.engine.mesh import data_mesh
from tests.systems.tiny import use_tiny_backbone
from tests.toy import make_config


@pytest.fixture(scope="package", autouse=True)
def tiny_network():
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_backbone(patch)
        yield


@pytest.fixture(scope="package")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "raw"
    arguments = [
        "affectnet",
        "--out",
        str(folder),
        "--train",
        "80",
        "--val",
        "40",
        "--workers",
        "1",
        "--size",
        "90",
    ]
    assert draw(arguments) == 0
    return folder


@pytest.fixture(scope="package")
def dataset(raw, tmp_path_factory):
    """Faces of 32 px, stored as JPEG."""
    found, _ = prepare(raw, tmp_path_factory.mktemp("prepared"), Options(size=32))
    return found


@pytest.fixture(scope="package")
def run(tiny_network, dataset, tmp_path_factory):
    """Work directory of a short run."""
    workdir = tmp_path_factory.mktemp("run")
    config = make_config(dataset, augment="none", align="rotate_crop", num_epochs=2, batch_size=20)
    system = systems.build(config, dataset.recipe)
    train(config, system, dataset, workdir, mesh=data_mesh(jax.devices()[:1]), progress=False)
    return workdir


@pytest.fixture(scope="package")
def boxes(raw, dataset, tmp_path_factory):
    """Boxes and landmarks of AffectNet's own list for the validation pictures."""
    layout = Layout2017.find(raw)
    plan, _ = layout.plan()
    rows = plan["validation"]
    table = tmp_path_factory.mktemp("boxes") / "boxes.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        points = [f"{axis}_{i}" for i in range(68) for axis in "xy"]
        writer.writerow(["image", "x", "y", "width", "height", *points])
        for _, item in layout.read(layout.shard_items("validation", rows)):
            face = layout.face(item)
            writer.writerow([face.image, *face.box, *face.landmarks().ravel()])
    return table


@pytest.fixture(scope="package")
def url(run):
    """Address of the web page of the run."""
    uvicorn = pytest.importorskip("uvicorn", reason="the extra `app`")
    from emojax.web.server import make_app, open_socket
    from emojax.web.service import Service

    listening = open_socket("127.0.0.1", 0)
    app = make_app(Service(emojax.load(run, detector="none")), limit=100_000)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
