"""A limit on what a damaged file can make a parser allocate."""

from __future__ import annotations

import contextlib
import pathlib
import resource
from collections.abc import Iterator

_SPARE = 1 << 30  # bytes; code that parsers load, and what threads beside them take
_RATIO = 100  # of memory to the file, compressed
_STATUS = pathlib.Path("/proc/self/statm")


@contextlib.contextmanager
def bounded_memory(path: pathlib.Path) -> Iterator[None]:
    """Within it, allocations of this process beyond 1 GiB and a hundred times the file fail (Linux only).

    A length of four damaged bytes in an HDF5 file is allocated before it is compared with anything. Addresses are
    limited, not pages: what had been reserved before stays.
    """
    if not _STATUS.exists():
        yield
        return
    used = int(_STATUS.read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [used + _SPARE + _RATIO * path.stat().st_size, soft, hard]
    limit = min(value for value in limits if value != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
