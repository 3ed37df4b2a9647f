"""One command at a time in a folder."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import os
import pathlib
import platform
import sys
from collections.abc import Iterator
from typing import TextIO, TypedDict

from emojax.errors import ConfigError, EmojaxError
from emojax.files import explained, parse_json

TRAINING = "lock"
RESULTS = "results.lock"
ROW = "row.lock"
# A file system without locks (some network disks): then nothing guards the folder, as before there was a lock.
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


class _Holder(TypedDict):
    command: str
    pid: int
    host: str
    since: str


@contextlib.contextmanager
def locked(folder: pathlib.Path, name: str = TRAINING, *, wait: bool = False) -> Iterator[None]:
    """Holds a folder, made when missing, against other commands; a killed one holds nothing.

    The lock file is removed at the end, and the folder, too, when it was made here and is empty.

    Args:
        folder: what is held.
        name: of the lock: commands with different ones go together.
        wait: whether to wait for the other command.

    Raises:
        ConfigError: another command holds the folder; the message says which process on which machine, since when.
        OutputError: the folder cannot be made.
    """
    made = not folder.exists()
    with explained(folder / name):
        folder.mkdir(parents=True, exist_ok=True)
        file = _take(folder, name, wait)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone
            (folder / name).unlink()
            if made:
                folder.rmdir()
        file.close()


def _take(folder: pathlib.Path, name: str, wait: bool) -> TextIO:
    path = folder / name
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115, held until the end
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            with file:
                raise _in_use(folder, file) from None
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                file.close()
                raise
        if _is_current(file, path):
            break
        file.close()  # its holder has just removed it
    with contextlib.suppress(OSError):  # on a full disk it is held without a name
        file.truncate(0)
        os.write(file.fileno(), json.dumps(_me()).encode())
    return file


def _is_current(file: TextIO, path: pathlib.Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _me() -> _Holder:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    command = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv[:-1] else sys.argv[0]
    return {"command": command, "pid": os.getpid(), "host": platform.node(), "since": now}


def _in_use(folder: pathlib.Path, file: TextIO) -> ConfigError:
    file.seek(0)
    try:
        holder = parse_json(file.read(), _Holder, what=file.name)
        by = f"{holder['command']}, process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except EmojaxError:  # it has the lock, but has not yet written who it is
        by = "another command"
    return ConfigError(f"{folder} is in use by {by}. Wait for it, or choose another folder.")
