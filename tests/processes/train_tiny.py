"""`python -m emojax.train` with a network of two convolutions, for runs of several processes."""

from __future__ import annotations

import sys

import pytest

from emojax.train import main
from tests.systems.tiny import use_tiny_backbone

if __name__ == "__main__":
    use_tiny_backbone(pytest.MonkeyPatch())
    sys.exit(main())
