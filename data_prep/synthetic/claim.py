"""Which synthetic data a folder holds: a marker file keeps the settings it is drawn with."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any, TypedDict

from emojax.errors import DataError
from emojax.files import read_json, write_json

_MARKER = "synthetic.json"


class _Marker(TypedDict):
    settings: dict[str, Any]
    complete: bool


def claim(out: pathlib.Path, name: str, settings: Mapping[str, Any]) -> bool:
    """True if `out` already holds this data set; else makes the folder ours.

    Args:
        out: the folder, made when missing.
        name: of the data set, for messages.
        settings: JSON values that decide the content.

    Raises:
        DataError: `out` holds something else.
    """
    marker = out / _MARKER
    if marker.exists():
        held = read_json(
            marker, _Marker, mend=f"Delete {out} to make the data again, or choose another --out."
        )
        if held["settings"] != settings:
            raise DataError(
                f"{out} holds a synthetic data set with other settings ({held['settings']}). Choose another "
                "--out, or delete that folder first."
            )
        if held["complete"]:
            return True
    elif out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty and holds no synthetic {name}. Choose another --out.")
    out.mkdir(parents=True, exist_ok=True)
    mark(out, settings, complete=False)
    return False


def mark(out: pathlib.Path, settings: Mapping[str, Any], *, complete: bool) -> None:
    """Notes what `out` holds, and whether all of it is there."""
    content = {"settings": dict(settings), "complete": complete}
    write_json(out / _MARKER, content)
