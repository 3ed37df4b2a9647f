"""Who may write into a folder: one run at a time, or one run of each part, with the parameters it was begun with."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, TypedDict

from emojax.data.dataset import FILE_NAME
from emojax.errors import DataError
from emojax.files import read_json, write_json

STATE_FOLDER = ".prepare"
_PLAN, _PARTS = "plan.json", "parts.json"


@dataclasses.dataclass(frozen=True)
class Part:
    """Part `index` (from 1) of `count`."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


class _Plan(TypedDict):
    parameters: dict[str, Any]
    inputs: str


class _Count(TypedDict):
    count: int


@contextlib.contextmanager
def explained(out: pathlib.Path) -> Iterator[None]:
    """Turns an operating system error (disk full, no permission) into a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Cannot write {error.filename or out}: {error.strerror or error}. Finished shards are kept: "
            "mend that and run the same command again."
        ) from error


@contextlib.contextmanager
def claimed(out: pathlib.Path, parameters: Mapping, inputs: str, part: Part | None = None) -> Iterator[None]:
    """Holds the folder, or one part of it, for this run, after checking that it is ours to continue.

    The locks are those of the operating system, which a killed run gives back. A run of everything holds `lock` alone;
    runs of parts share it, and each holds the lock of its part.

    Raises:
        DataError: the folder holds other data, was begun with other parameters or inputs, or is in use.
    """
    state = out / STATE_FOLDER
    foreign = [path for path in out.glob("*.tfrecord-*") if path.suffix != ".tmp"]
    if not (state / _PLAN).exists() and (foreign or (out / FILE_NAME).exists()):
        raise DataError(
            f"{out} already holds a data set that was not begun by this command. Choose another --out."
        )
    state.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as files:
        with _lock_file(out, "lock-start") as starting:
            fcntl.flock(
                starting, fcntl.LOCK_EX
            )  # one after another: the first writes the plan, the others find it
            _take_locks(out, part, files)
            _require_plan(out, {"parameters": dict(parameters), "inputs": inputs})
        yield


def _take_locks(out: pathlib.Path, part: Part | None, files: contextlib.ExitStack) -> None:
    """Opens and locks what this run holds until `files` is closed."""
    whole = files.enter_context(_lock_file(out, "lock"))
    if not _lock(whole, shared=part is not None):
        raise DataError(f"Another preparation is writing to {out}. Wait for it, or choose another --out.")
    if part is None:
        return
    _require_count(out, part, whole)
    mine = files.enter_context(_lock_file(out, f"lock-part-{part.index}"))
    if not _lock(mine):
        raise DataError(f"Part {part} of {out} is being prepared already. Take another part.")


@contextlib.contextmanager
def _lock_file(out: pathlib.Path, name: str) -> Iterator[IO]:
    with open(out / STATE_FOLDER / name, "a+") as file:
        yield file


def _lock(file: IO, *, shared: bool = False) -> bool:
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _require_count(out: pathlib.Path, part: Part, whole: IO) -> None:
    """Runs at the same time must cut the shards into the same number of parts, or two would write one shard."""
    path = out / STATE_FOLDER / _PARTS
    try:
        count = read_json(path, _Count)["count"]
    except DataError:
        count = 0
    if count == part.count:
        return
    alone = _lock(whole)  # gives the shared lock back where it fails
    if not alone or not _lock(whole, shared=True):
        raise DataError(
            f"{out} is being prepared in {count} parts. Take --part I/{count}, or wait until those runs have ended."
        )
    write_json(path, {"count": part.count})


def _require_plan(out: pathlib.Path, plan: dict) -> None:
    path = out / STATE_FOLDER / _PLAN
    if path.exists():
        _require_same_plan(out, _load_plan(out), plan)
    else:
        write_json(path, plan)


def _load_plan(out: pathlib.Path) -> _Plan:
    mend = f"So nobody knows what {out} was begun with. Delete that folder to start again, or choose another --out."
    return read_json(out / STATE_FOLDER / _PLAN, _Plan, mend=mend)


def _require_same_plan(out: pathlib.Path, begun: dict, plan: dict) -> None:
    # Through JSON, so that tuples and lists compare equal.
    plan = json.loads(json.dumps(plan))
    before, now = begun["parameters"], plan["parameters"]
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if names:
        differences = ", ".join(f"{name} {before.get(name)} then, {now.get(name)} now" for name in names)
        raise DataError(
            f"{out} was begun with other parameters ({differences}). Use the same ones, choose another "
            "--out, or delete that folder to start again."
        )
    if begun["inputs"] != plan["inputs"]:
        raise DataError(
            f"The raw annotations changed since {out} was begun. Choose another --out, or delete that folder "
            "to start again with the annotations as they are now."
        )
