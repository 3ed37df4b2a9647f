"""A disk that fills up, for tests."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
from collections.abc import Iterator
from typing import NoReturn

from emojax.engine import compile_cache


def no_space(*_, **__) -> NoReturn:
    """Stands for any call of the operating system on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def limited_files(limit: int) -> Iterator[None]:
    """Every write of this process beyond `limit` bytes of a file fails."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@contextlib.contextmanager
def small_files(limit: int) -> Iterator[None]:
    """As `limited_files`, for whatever compiles: what the tests' compilation cache half wrote would stay in it."""
    with limited_files(limit), compile_cache.bypassed():
        yield
