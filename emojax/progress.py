"""Progress bars."""

from __future__ import annotations

import sys

from tqdm import tqdm

_SECONDS_IN_A_FILE = 30.0


def bar(**options) -> tqdm:
    """A tqdm bar; in a log file (stderr is no terminal) it speaks every half minute instead of ten times a second."""
    if not sys.stderr.isatty():
        options |= {"mininterval": _SECONDS_IN_A_FILE, "maxinterval": _SECONDS_IN_A_FILE}
    return tqdm(**options)
