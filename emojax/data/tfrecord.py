"""TFRecord files: written whole or not at all, read at random, every byte checked. No TensorFlow.

A record is `uint64 length | uint32 CRC of the length | payload | uint32 CRC of the payload`, little-endian;
CRC is the masked CRC32C. Records stand one after another, without a file header.
"""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import itertools
import os
import pathlib
import struct
import threading
from collections.abc import Sequence

import google_crc32c
import numpy as np

from emojax.errors import DataError
from emojax.files import parse_npy, read_regular

_LENGTH, _CRC = struct.Struct("<Q"), struct.Struct("<I")
_HEADER = struct.Struct("<QI")
_FRAME_BYTES = _HEADER.size + _CRC.size
_MAX_INDEX = 1 << 32
_GZIP_MAGIC = b"\x1f\x8b"
_MEND = "Delete this file and run the preparation command again: the shards that are finished are kept."

Aside = tuple[int, int, np.ndarray]


def masked_crc32c(data: bytes | np.ndarray) -> int:
    """CRC32C, rotated right by 15 bits plus a constant, as TFRecord stores it."""
    return _masked(google_crc32c.value(data))


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class TFRecordWriter:
    """Writes one TFRecord file under `<path>.tmp` and renames it when it is complete.

    A context manager. After an exception in its block, or a failed write, the temporary file is removed and
    nothing appears at `path`, so a file that is there is whole. The index of `scan_index` is saved with it.

    Raises:
        DataError: the operating system refuses a write (disk full, no permission), naming the file.
    """

    def __init__(self, path: str | os.PathLike):
        self._path = pathlib.Path(path)
        self._temporary = self._path.with_name(self._path.name + ".tmp")
        self._index: list[tuple[int, int, int]] = []
        self._position = 0

    def __enter__(self) -> TFRecordWriter:
        with self._explained():
            self._file = open(self._temporary, "wb", buffering=1 << 20)
        return self

    def write(self, payload: bytes) -> None:
        """Appends one record."""
        length, crc = _LENGTH.pack(len(payload)), masked_crc32c(payload)
        with self._explained():
            self._file.write(length + _CRC.pack(masked_crc32c(length)))
            self._file.write(payload)
            self._file.write(_CRC.pack(crc))
        self._index.append((self._position + _HEADER.size, len(payload), crc))
        self._position += len(payload) + _FRAME_BYTES

    def __exit__(self, exception_type, exception, traceback) -> None:
        try:
            if exception_type is None:
                with self._explained():
                    self._commit()
        finally:
            # Closing flushes; after a failure that may fail again, and what it flushes is thrown away.
            with contextlib.suppress(OSError):
                self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _commit(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self._path)
        _save_index(self._path, _signature(self._path), np.array(self._index, np.int64).reshape(-1, 3))

    @contextlib.contextmanager
    def _explained(self):
        try:
            yield
        except OSError as error:
            raise DataError(
                f"Cannot write {self._path}: {error.strerror or error}. No unfinished file is left there. "
                "Make room or choose another folder, then run the command again: finished shards are kept."
            ) from error


def scan_index(path: str | os.PathLike) -> np.ndarray:
    """Finds the records of a file by hopping from header to header; payloads are not read.

    The result is kept beside the file as `<path>.index`, which is used again as long as the file has the same
    size and modification time. In a folder that cannot be written it is simply not kept.

    Returns:
        int64 [N, 3]: byte offset, length and stored checksum of each payload.

    Raises:
        DataError: the file is missing, compressed, truncated, or a length fails its checksum.
    """
    path = pathlib.Path(path)
    try:
        signature = _signature(path)
        index = _load_index(path, signature)
        if index is None:
            index = _scan(path)
            _save_index(path, signature, index)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}. {_MEND}") from error
    return index


class TFRecordSource:
    """Records of several files, numbered through in the order of the files. A Grain random-access source.

    Threads may read at the same time, and the object can be pickled (the files are opened again).

    Attributes:
        paths: the files.
        records_per_file: number of records of each.
    """

    def __init__(self, paths: Sequence[str | os.PathLike], verify: bool = True):
        """Opens the files.

        Args:
            paths: TFRecord files, not compressed.
            verify: compare the checksum of every payload that is read.

        Raises:
            DataError: see `scan_index`.
        """
        self.paths = [os.fspath(path) for path in paths]
        self._verify = verify
        self._indexes = [scan_index(path) for path in self.paths]
        self.records_per_file = tuple(len(index) for index in self._indexes)
        self._stops = list(itertools.accumulate(self.records_per_file))
        self._open()

    def __len__(self) -> int:
        return self._stops[-1] if self._stops else 0

    def __getitem__(self, i: int) -> bytes:
        """Payload of record `i`; DataError if it is damaged."""
        buffer, start, stop = self.borrow(i)
        return bytes(buffer[start:stop])

    def borrow(self, i: int, aside: Aside | None = None) -> tuple[bytearray, int, int]:
        """Payload of record `i` as `buffer[start:stop]`, where the same thread's next call overwrites it.

        Spares an allocation and a copy for each record. With `aside` = (first, last, array), the bytes that
        would come to `buffer[first:last]` go straight into the array, and that part of the buffer is left as
        it was; a range that is not within the payload is ignored.

        Raises:
            DataError: the record is truncated or its checksum does not match.
        """
        file, record = self._position(i)
        offset, length, _ = self._indexes[file][record].tolist()
        start, stop = _HEADER.size, _HEADER.size + length
        buffer, view = self._scratch(length + _FRAME_BYTES)
        parts = [view[: length + _FRAME_BYTES]]
        if aside is not None and start <= aside[0] <= aside[1] <= stop:
            first, last, array = aside
            parts = [view[:first], array, view[last : length + _FRAME_BYTES]]
        try:
            got = _read_fully(self._descriptors[file], parts, offset - _HEADER.size)
        except OSError as error:
            raise DataError(f"Cannot read {self._where(i)}: {error.strerror or error}.") from error
        if got < length + _FRAME_BYTES:
            raise DataError(
                f"{self._where(i)} is cut short ({got} of {length + _FRAME_BYTES} bytes). {_MEND}"
            )
        stored_length, length_crc = _HEADER.unpack_from(buffer)
        if stored_length != length or length_crc != masked_crc32c(parts[0][: _LENGTH.size]):
            raise DataError(f"{self._where(i)} is damaged: its length fails the checksum. {_MEND}")
        if self._verify and _CRC.unpack_from(buffer, stop)[0] != _payload_crc(parts):
            raise DataError(f"{self._where(i)} is damaged: its content fails the checksum. {_MEND}")
        return buffer, start, stop

    def locate(self, i: int) -> tuple[str, int, int]:
        """Returns (file, number of the record in it, byte offset of the record)."""
        file, record = self._position(i)
        return self.paths[file], record, int(self._indexes[file][record, 0]) - _HEADER.size

    def content_hash(self, records: np.ndarray | slice = slice(None)) -> str:
        """SHA-256 over the length and checksum of every record in order, whatever the cut into shards.

        From the indexes alone: it costs milliseconds. `records` are the numbers of those that count, all by default.
        """
        index = np.concatenate([np.zeros((0, 3), np.int64), *self._indexes])[records]
        entries = np.empty(len(index), [("length", "<u8"), ("crc", "<u4")])
        entries["length"], entries["crc"] = index[:, 1], index[:, 2]
        return hashlib.sha256(entries.tobytes()).hexdigest()

    def _position(self, i: int) -> tuple[int, int]:
        if not 0 <= i < len(self):
            raise IndexError(f"record {i} of {len(self)}")
        file = bisect.bisect_right(self._stops, i)
        return file, int(i) - (self._stops[file] - self.records_per_file[file])

    def _where(self, i: int) -> str:
        path, record, offset = self.locate(i)
        return f"{path}: record {record} (byte {offset})"

    def _scratch(self, size: int) -> tuple[bytearray, np.ndarray]:
        """This thread's buffer of at least `size` bytes, and a view of it."""
        scratch = getattr(self._local, "scratch", None)
        if scratch is None or len(scratch[0]) < size:
            buffer = bytearray(size + size // 4)
            scratch = self._local.scratch = (buffer, np.frombuffer(buffer, np.uint8))
        return scratch

    def _open(self) -> None:
        self._local = threading.local()
        self._descriptors: list[int] = []
        for path in self.paths:
            try:
                self._descriptors.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            except OSError as error:
                raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key not in ("_local", "_descriptors")}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._open()

    def __del__(self) -> None:
        # Not in a close(): threads that still prefetch hold a reference, and so keep their files open.
        for descriptor in getattr(self, "_descriptors", ()):
            os.close(descriptor)


def _read_fully(descriptor: int, parts: list[np.ndarray], offset: int) -> int:
    """Returns the number of bytes read: fewer than the parts hold only at the end of the file."""
    got = os.preadv(descriptor, parts, offset)
    if got < sum(map(len, parts)):
        # A network file system may end a call early. Again, as often as it takes.
        got = 0
        for part in parts:
            left = part
            while len(left) and (more := os.preadv(descriptor, [left], offset + got)):
                got += more
                left = left[more:]
    return got


def _payload_crc(parts: list[np.ndarray]) -> int:
    """Masked CRC32C of the payload of a whole record, given in parts."""
    payload = list(parts)
    payload[0] = payload[0][_HEADER.size :]
    payload[-1] = payload[-1][: -_CRC.size]
    crc = 0
    for part in payload:
        crc = google_crc32c.extend(crc, part)
    return _masked(crc)


def _scan(path: pathlib.Path) -> np.ndarray:
    index = []
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        position = 0
        header = os.pread(file.fileno(), _HEADER.size, position)
        while position < size:
            length = _record_length(path, len(index), position, header)
            start, position = position, position + length + _FRAME_BYTES
            if position > size:
                raise DataError(
                    f"{path}: record {len(index)} (byte {start}) is cut short: "
                    f"the file ends {position - size} bytes too early. {_MEND}"
                )
            # The checksum of this payload, and the header of the next record.
            around = os.pread(file.fileno(), _CRC.size + _HEADER.size, position - _CRC.size)
            index.append((start + _HEADER.size, length, _CRC.unpack_from(around)[0]))
            header = around[_CRC.size :]
    return np.array(index, np.int64).reshape(-1, 3)


def _record_length(path: pathlib.Path, record: int, position: int, header: bytes) -> int:
    if position == 0 and header[:2] == _GZIP_MAGIC:
        raise DataError(
            f"{path} is compressed with gzip, which has no random access. Decompress it "
            "(`gunzip`, after renaming it to end in .gz) or write it without compression."
        )
    where = f"{path}: record {record} (byte {position})"
    if len(header) < _HEADER.size:
        raise DataError(f"{where} is cut short: the file ends inside its header. {_MEND}")
    length, crc = _HEADER.unpack(header)
    if crc != masked_crc32c(header[: _LENGTH.size]):
        hint = "is not a TFRecord, or the file is damaged" if record == 0 else "is damaged"
        raise DataError(f"{where} {hint}: its length fails the checksum. {_MEND}")
    return length


def _index_path(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(path.name + ".index")


def _signature(path: pathlib.Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _load_index(path: pathlib.Path, signature: tuple[int, int]) -> np.ndarray | None:
    """The saved index if it belongs to the file as it is now."""
    try:
        rows = parse_npy(read_regular(_index_path(path), _MAX_INDEX))
    except (OSError, ValueError):
        return None
    if rows.dtype != np.int64 or rows.ndim != 2 or rows.shape[1] != 3 or len(rows) == 0:
        return None
    whole = rows[0].tolist() == [*signature, _index_crc(rows[1:])]
    return rows[1:] if whole else None


def _index_crc(index: np.ndarray) -> int:
    """Checksum of an index: a damaged one is made again instead of being trusted."""
    return google_crc32c.value(np.ascontiguousarray(index).tobytes())


def _save_index(path: pathlib.Path, signature: tuple[int, int], index: np.ndarray) -> None:
    target = _index_path(path)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.save(file, np.concatenate([np.array([(*signature, _index_crc(index))], np.int64), index]))
        os.replace(temporary, target)
    except OSError:
        # Only a cache: without it the next start scans again.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
