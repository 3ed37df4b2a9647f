"""Data that several modules of tests of systems read."""

from __future__ import annotations

import pytest

SIZE = 32  # of the pictures of `expression_videos`


@pytest.fixture(scope="session")
def expression_videos(tmp_path_factory):
    """A small synthetic SASE-FE: 5 people, 12 videos each, 14 frames a video, all modalities."""
    from data_prep.sasefe.prepare import plan
    from data_prep.sequences.prepare import Options, prepare
    from data_prep.synthetic.expressions.generate import Settings
    from data_prep.synthetic.sasefe.generate import draw

    folder = tmp_path_factory.mktemp("sequences")
    draw(folder / "raw", Settings(subjects=5, frames=14, size=(80, 64), turn=20), workers=1)
    options = Options(SIZE, "raw")
    return prepare(plan(folder / "raw", options), folder / "raw" / "landmarks", folder / "data", options)[0]
