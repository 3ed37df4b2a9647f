"""Ctrl-C in a command: one line and exit status 130, from the first import to the end."""

from __future__ import annotations

import os
import signal
import sys
import threading

STATUS = 130
# ``python -m PACKAGE.COMMAND`` while it imports the package. In a library's user's process no handler is touched.
_IS_COMMAND = sys.argv[:1] == ["-m"] and threading.current_thread() is threading.main_thread()


def begin_imports() -> None:
    """From here on Ctrl-C ends a command at once: it is still being imported, and has done nothing yet."""
    if _IS_COMMAND:
        signal.signal(signal.SIGINT, _leave)


def begin_command() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt, so that what has been begun is cleaned up."""
    if _IS_COMMAND:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def end_command() -> None:
    """From here on a further Ctrl-C ends the process at once; all files are whole at any moment."""
    if _IS_COMMAND:
        signal.signal(signal.SIGINT, _leave_silently)


def _leave(number, frame) -> None:
    os.write(2, b"interrupted: nothing was begun\n")
    os._exit(STATUS)


def _leave_silently(number, frame) -> None:
    os._exit(STATUS)
