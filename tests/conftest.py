"""Test set-up: 8 simulated CPU devices, a persistent compilation cache, parsed absl flags."""

import os

from tests.compilation import QUICK_COMPILE, share_compiled

os.environ["XLA_FLAGS"] = " ".join(
    (os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=8", QUICK_COMPILE)
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
share_compiled()

from absl import flags

flags.FLAGS.mark_as_parsed()
