"""What the README files show works: commands have these options, configs and linked files exist, Python runs."""

from __future__ import annotations

import importlib
import pathlib
import re
import shlex

import pytest

from emojax import cli

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md"] + [
    page
    for top in ("configs", "data_prep", "emojax", "scripts", "tests")
    for page in (ROOT / top).rglob("README.md")
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def commands(page: pathlib.Path) -> list[list[str]]:
    """The words of each `python -m MODULE ...` in the shell blocks, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").replace("$G", "G").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if "python -m " in line]
    return [line[line.index("-m") + 1 :] for line in words if "-m" in line]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_of_a_page_has_the_options_that_it_shows(page, monkeypatch):
    read = []
    monkeypatch.setattr(cli, "run", lambda parser, main, argv, **_: read.append(parser.parse_args(argv)))
    for module, *options in commands(page):
        if not module.startswith(("emojax", "data_prep")):
            continue  # pip, pytest
        end = next((i for i, word in enumerate(options) if word in ("|", ">", "&&", ";")), len(options))
        found = importlib.import_module(module)
        if hasattr(found, "__path__"):
            found = importlib.import_module(f"{module}.__main__")
        before = len(read)
        found.main(options[:end])
        assert len(read) == before + 1, f"{module} was not read"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_config_that_a_page_names_exists(page):
    named = re.findall(r"configs/(\w+)\.py(?::([\w.@]+))?", page.read_text())
    for file, variant in {(f, v.rstrip(".").replace("NAME", "")) for f, v in named if f != "FILE"}:
        assert (ROOT / "configs" / f"{file}.py").is_file(), file
        if variant:
            cli.load_config_file(f"{ROOT}/configs/{file}.py:{variant}")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        file, _, heading = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert heading in [
                re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles
            ], target
