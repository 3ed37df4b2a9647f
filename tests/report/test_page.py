"""The report is one file: everything inside, every text escaped."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from emojax.report import matrices
from emojax.report.page import Picture, Section, Table, write_report

EVIL = "<script>alert('x')</script> & \"quoted\""


class Elements(HTMLParser):
    """Collects tags with attributes and the text; fails on tags that do not close in order."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.data, self._open = [], [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)


@pytest.fixture
def png(tmp_path):
    return matrices.adjacency_heatmap(tmp_path / "a.png", np.eye(3), ("a", "b", "c"), num_classes=2)


def test_page_is_self_contained_and_holds_the_very_pictures(tmp_path, png):
    sections = [Section("One", "First.\n\nSecond.", pictures=[Picture(png, "An eye.", wide=True)])]
    text = write_report(tmp_path / "report", "Run", sections).read_text()
    page = Elements(text)
    assert not any(tag in ("script", "link", "iframe") for tag, _ in page.tags)
    assert "http:" not in text and "https:" not in text and "url(" not in text
    for _, attributes in page.tags:
        assert attributes.get("href", "#").startswith("#")
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    prefix = "data:image/png;base64,"
    assert image["src"].startswith(prefix)
    assert base64.b64decode(image["src"][len(prefix) :]) == png.read_bytes()
    assert image["alt"] == "An eye." and int(image["width"]) > 100
    assert sum(tag == "p" for tag, _ in page.tags) == 2


def test_every_text_is_escaped(tmp_path, png):
    sections = [Section(EVIL, EVIL, tables=[Table([[EVIL]], (EVIL,), EVIL)], pictures=[Picture(png, EVIL)])]
    text = write_report(
        tmp_path,
        EVIL,
        sections,
        subtitle=EVIL,
        key_figures={EVIL: EVIL, "with note": (EVIL, EVIL)},
        config={EVIL: {"nested": EVIL}},
        provenance={EVIL: EVIL},
    ).read_text()
    assert "<script" not in text
    page = Elements(text)
    assert not any(tag == "script" for tag, _ in page.tags)
    assert sum(data.count(EVIL) for data in page.data) >= 14
    assert [a["alt"] for tag, a in page.tags if tag == "img"] == [EVIL]


def test_links_lead_to_the_sections(tmp_path):
    text = write_report(tmp_path, "Run", [Section("A"), Section("B")], provenance={"step": 7}).read_text()
    page = Elements(text)
    targets = {a["id"] for tag, a in page.tags if tag == "h2"}
    links = [a["href"][1:] for tag, a in page.tags if tag == "a"]
    assert set(links) == targets and len(links) == 3


def test_numbers_are_readable_and_missing_ones_are_marked(tmp_path):
    table = Table([["happy", 134415, 0.123456], ["fear", 6378, float("nan")]], ("class", "count", "F1"))
    text = write_report(tmp_path, "Run", [Section("A", tables=[table])]).read_text()
    assert '<td class="number">134,415</td>' in text and '<td class="number">0.1235</td>' in text
    assert "nan" not in re.sub(r"<style>.*</style>", "", text, flags=re.S)


def test_config_is_shown_flat(tmp_path):
    text = write_report(tmp_path, "Run", [], config={"model": {"gcn": {"tau": 0.1}}, "on": True}).read_text()
    assert "<td>model.gcn.tau</td><td>0.1</td>" in text and "<td>on</td><td>True</td>" in text


def test_an_empty_report_is_still_a_page(tmp_path):
    page = Elements(write_report(tmp_path / "deep" / "er", "Run", []).read_text())
    assert ("h1", {}) in page.tags
