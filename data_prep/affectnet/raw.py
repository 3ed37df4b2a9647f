"""Recognises AffectNet as it was distributed: the layout of 2017 (CSV files) or that of 2021 (NumPy files)."""

from __future__ import annotations

import pathlib

from data_prep.affectnet.layout_2017 import IMAGE_FOLDER, LIST_FOLDER, Layout2017
from data_prep.affectnet.layout_2021 import Layout2021
from data_prep.locate import holdings
from emojax.errors import DataError


def find_layout(raw: pathlib.Path) -> Layout2017 | Layout2021:
    """Recognises the layout of a folder, which may be one too high or too low; DataError lists what was looked for."""
    if not raw.is_dir():
        raise DataError(f"There is no folder {raw}. Give the folder of the unpacked AffectNet as --raw.")
    layout = Layout2017.find(raw) or Layout2021.find(raw)
    if layout is None:
        raise DataError(
            f"{raw} is no AffectNet: it holds {holdings(raw)}. Looked up to three folders down for the layout of 2017 "
            f"(training.csv and validation.csv, e.g. in {LIST_FOLDER}/, images in {IMAGE_FOLDER}/) and that of "
            "2021 (train_set/ and val_set/, each with images/ and annotations/). Without AffectNet, generate a "
            "synthetic one: python -m data_prep.synthetic affectnet --out DIR"
        )
    return layout
