"""Test set-up: 8 simulated CPU devices, a persistent compilation cache, parsed absl flags."""

from __future__ import annotations

import os

from tests.compilation import QUICK_COMPILE, SHARED_CACHE

os.environ["XLA_FLAGS"] = " ".join(
    (os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=8", QUICK_COMPILE)
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.update(SHARED_CACHE)

from absl import flags

flags.FLAGS.mark_as_parsed()

# Files of half a minute and more. They come first: at the end, one of them would leave a worker alone.
_LONG = (
    "tests/systems/test_people.py",
    "tests/sweeps/test_reproduce.py",
    "tests/test_fingerprint.py",
    "tests/engine/test_training.py",
    "tests/processes/test_two_processes.py",
    "tests/systems/test_faces_training.py",
    "tests/systems/test_face_gan.py",
    "tests/faults/test_campaign.py",
    "tests/engine/test_kill.py",
    "tests/systems/test_bodies.py",
    "tests/systems/test_sequences.py",
    "tests/engine/test_restore.py",
    "tests/engine/test_loop.py",
    "tests/systems/test_faces_state.py",
    "tests/engine/test_sequences.py",
    "tests/test_doors.py",
)


def pytest_collection_modifyitems(items):
    rank = {file: number for number, file in enumerate(_LONG)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
