"""A door with a network of two convolutions and without figures, for tests of processes.

`python -m tests.processes.tiny_network emojax.train --config ...`
"""

from __future__ import annotations

import importlib
import sys

import pytest

from emojax.systems.faces.report import FaceReport
from tests.systems.tiny import use_tiny_backbone

# Not under the guard below: the processes of a table's rows import this module, too.
_PATCH = pytest.MonkeyPatch()
use_tiny_backbone(_PATCH)
_PATCH.setattr(FaceReport, "write", lambda *arguments: None)

if __name__ == "__main__":
    del sys.argv[0]
    sys.exit(importlib.import_module(sys.argv[0]).main())
