"""Test set-up: 8 simulated CPU devices, a persistent compilation cache, parsed absl flags."""

import os
import pathlib

from tests.compilation import QUICK_COMPILE

os.environ["XLA_FLAGS"] = " ".join(
    (os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=8", QUICK_COMPILE)
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
from absl import flags

_CACHE = pathlib.Path(__file__).resolve().parents[1] / ".cache" / "jax-tests"
jax.config.update("jax_compilation_cache_dir", str(_CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
flags.FLAGS.mark_as_parsed()
