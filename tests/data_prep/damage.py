"""Damage as disks, editors, spreadsheets and bad copies do it, from a seed."""

from __future__ import annotations

import os
import pathlib
import random
import shutil

_TOKENS = (
    *(
        b"",
        b"nan",
        b"inf",
        b"-1e308",
        b"1e30",
        b"1e400",
        b"9" * 30,
        b"1.0",
        b"-5",
        b"8",
        b"0x1",
        b"1_0",
        b"-0",
    ),
    *(b"\x00", b"\xff\xfe", b'"', b'"\n', b",", b";", b"\\", b"../", b"/", b"\xe2\x80\xa8", b"\r", b"\t"),
    *(b"null", b"{}", b"[]", b"true", b"expression", b"valence", b"PK\x03\x04"),
)


def copy_linked(source: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """A copy of a folder whose files are the same files: `damage` replaces them, it never writes into them."""
    shutil.copytree(source, target, copy_function=os.link)
    return target


def seconds(quiet: float) -> float:
    """How long something may take that takes `quiet` seconds on a machine with nothing else to do."""
    return quiet * max(1.0, os.getloadavg()[0])


def damage(path: pathlib.Path, generator: random.Random) -> None:
    """Changes the content of a file, or puts nothing, a pipe or a folder in its place."""
    data = path.read_bytes()
    path.unlink()
    kind = generator.random()
    if kind < 0.85:
        path.write_bytes(_changed(data, generator))
    elif kind < 0.9:
        os.mkfifo(path)
    elif kind < 0.95:
        path.mkdir()


def _changed(content: bytes, generator: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 5, 30))):
        place = generator.randrange(len(data) + 1)
        kind = generator.randrange(6)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << generator.randrange(8)
        elif kind == 1:
            data[place : place + generator.randrange(20)] = generator.choice(_TOKENS)
        elif kind == 2:
            del data[place : place + generator.randrange(1, 60)]
        elif kind == 3:
            data[place:place] = generator.choice(_TOKENS)
        elif kind == 4:
            data = _other_cell(bytes(data), generator)
        else:
            data[place:] = generator.randbytes(generator.randrange(40))
    return bytes(data)


def _other_cell(data: bytes, generator: random.Random) -> bytearray:
    lines = data.split(b"\n")
    row = generator.randrange(len(lines))
    cells = lines[row].split(b",")
    cells[generator.randrange(len(cells))] = generator.choice(_TOKENS)
    lines[row] = b",".join(cells)
    return bytearray(b"\n".join(lines))
