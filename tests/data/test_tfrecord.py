"""TFRecord files: format, random access, and every fault a file or disk can have."""

from __future__ import annotations

import concurrent.futures
import errno
import gzip
import os
import pickle
import resource
import struct

import grain
import numpy as np
import pytest

from emojax.data import tfrecord
from emojax.data.tfrecord import TFRecordSource, TFRecordWriter, masked_crc32c, scan_index
from emojax.errors import DataError

PAYLOADS = [b"first", b"", b"the third record", bytes(range(256))]


def write(path, payloads=PAYLOADS):
    with TFRecordWriter(path) as writer:
        for payload in payloads:
            writer.write(payload)
    return path


def bitwise_masked_crc(data):
    """CRC32C (Castagnoli) by its definition, and the mask of the TFRecord format."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def frames(payloads):
    out = b""
    for payload in payloads:
        length = struct.pack("<Q", len(payload))
        out += length + struct.pack("<I", bitwise_masked_crc(length))
        out += payload + struct.pack("<I", bitwise_masked_crc(payload))
    return out


def damaged_record(offsets, position):
    """Number of the record that the byte at `position` belongs to."""
    return int(np.searchsorted(offsets, position, side="right")) - 1


def test_checksum_of_a_known_string():
    # CRC-32C of "123456789" is 0xE3069283 in the catalogue of parametrised CRC algorithms.
    assert masked_crc32c(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) % 2**32


def test_file_has_the_bytes_of_the_format(tmp_path):
    assert write(tmp_path / "a").read_bytes() == frames(PAYLOADS)


def test_an_independent_reader_reads_our_file(tmp_path):
    path = write(tmp_path / "a")
    assert list(grain.experimental.TFRecordIterDataset(str(path))) == PAYLOADS


@pytest.mark.tensorflow
def test_tensorflow_reads_ours_and_we_read_tensorflows(tmp_path):
    tf = pytest.importorskip("tensorflow")
    ours, theirs = write(tmp_path / "ours"), tmp_path / "theirs"
    assert [record.numpy() for record in tf.data.TFRecordDataset(str(ours))] == PAYLOADS
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for payload in PAYLOADS:
            writer.write(payload)
    assert list(TFRecordSource([theirs])) == PAYLOADS
    assert theirs.read_bytes() == ours.read_bytes()


def test_records_are_numbered_through_the_files(tmp_path):
    paths = [write(tmp_path / "a"), write(tmp_path / "b", []), write(tmp_path / "c", [b"x", b"y"])]
    source = TFRecordSource(paths)
    assert source.records_per_file == (4, 0, 2)
    assert [source[i] for i in range(len(source))] == [*PAYLOADS, b"x", b"y"]
    assert source.locate(0) == (str(paths[0]), 0, 0)
    assert source.locate(5) == (str(paths[2]), 1, 17)
    for outside in (-1, 6):
        with pytest.raises(IndexError):
            source[outside]


def test_a_pickled_source_reads_on(tmp_path):
    source = pickle.loads(pickle.dumps(TFRecordSource([write(tmp_path / "a")])))
    assert list(source) == PAYLOADS


def test_threads_read_at_the_same_time(tmp_path):
    payloads = [os.urandom(100 + 50 * i) for i in range(100)]
    source = TFRecordSource([write(tmp_path / "a", payloads)])
    numbers = np.random.default_rng(0).integers(0, 100, 3000).tolist()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(source.__getitem__, numbers)) == [payloads[i] for i in numbers]


def test_part_of_a_record_can_go_straight_into_an_array(tmp_path):
    source = TFRecordSource([write(tmp_path / "a")])
    _, start, stop = source.borrow(3)
    pixels = np.zeros(100, np.uint8)
    buffer, start, stop = source.borrow(3, (start + 20, start + 120, pixels))
    np.testing.assert_array_equal(pixels, np.arange(20, 120))
    assert buffer[start : start + 20] + buffer[start + 120 : stop] == PAYLOADS[3][:20] + PAYLOADS[3][120:]
    # A range beyond the record, as of a longer one before it, is ignored.
    buffer, start, stop = source.borrow(0, (start + 20, start + 120, pixels))
    assert buffer[start:stop] == PAYLOADS[0]


def test_damage_in_a_part_that_goes_into_an_array_is_noticed(tmp_path):
    path = write(tmp_path / "a")
    source = TFRecordSource([path])
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    with open(path, "r+b") as file:
        file.write(content)
    start = source.borrow(0)[1]
    with pytest.raises(DataError, match=r"record 3 .* checksum"):
        source.borrow(3, (start + 20, start + 250, np.zeros(230, np.uint8)))


def test_a_read_that_ends_early_is_continued(tmp_path, monkeypatch):
    source = TFRecordSource([write(tmp_path / "a")])
    whole = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, parts, offset: whole(fd, [parts[0][:7]], offset))
    assert list(source) == PAYLOADS
    pixels = np.zeros(100, np.uint8)
    source.borrow(3, (32, 132, pixels))
    np.testing.assert_array_equal(pixels, np.arange(20, 120))


def test_the_saved_index_is_the_scanned_one(tmp_path):
    path = write(tmp_path / "a")
    saved = scan_index(path)
    (tmp_path / "a.index").unlink()
    np.testing.assert_array_equal(scan_index(path), saved)
    assert saved[:, :2].tolist() == [[12, 5], [33, 0], [49, 16], [81, 256]]
    assert saved[:, 2].tolist() == [masked_crc32c(payload) for payload in PAYLOADS]
    assert (tmp_path / "a.index").exists()


def test_a_damaged_index_is_made_again(tmp_path):
    path = write(tmp_path / "a")
    saved = scan_index(path)
    whole = (tmp_path / "a.index").read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        (tmp_path / "a.index").write_bytes(damaged)
        np.testing.assert_array_equal(scan_index(path), saved)
        assert list(TFRecordSource([path])) == PAYLOADS


def test_the_saved_index_is_used(tmp_path, monkeypatch):
    path = write(tmp_path / "a")
    monkeypatch.setattr(tfrecord, "_scan", lambda path: pytest.fail("scanned again"))
    assert len(scan_index(path)) == 4


@pytest.mark.parametrize("junk", [b"", b"junk", None])
def test_an_index_that_does_not_fit_is_made_again(tmp_path, junk):
    path, other = write(tmp_path / "a"), write(tmp_path / "b", [b"x"])
    (tmp_path / "a.index").write_bytes((tmp_path / "b.index").read_bytes() if junk is None else junk)
    assert list(TFRecordSource([path])) == PAYLOADS
    write(path, [b"new", b"file"])
    assert list(TFRecordSource([path])) == [b"new", b"file"]
    assert list(TFRecordSource([other])) == [b"x"]


def test_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path, monkeypatch):
    path = write(tmp_path / "a")
    (tmp_path / "a.index").unlink()

    def refuse(*_):
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "replace", refuse)
    assert list(TFRecordSource([path])) == PAYLOADS
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("index", ["kept", "made again"])
def test_a_flipped_bit_anywhere_is_reported_with_file_record_and_offset(tmp_path, index):
    payloads = PAYLOADS[:3]
    path = write(tmp_path / "a", payloads)
    whole, times = path.read_bytes(), path.stat()
    offsets = scan_index(path)[:, 0] - 12
    for position in range(len(whole)):
        content = bytearray(whole)
        content[position] ^= 0x10
        path.write_bytes(content)
        if index == "kept":  # As after damage below the file system, which leaves the times alone.
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.raises(DataError) as caught:
            list(TFRecordSource([path]))
        record = damaged_record(offsets, position)
        assert f"{path}: record {record} (byte {offsets[record]})" in str(caught.value)
        assert "preparation command" in str(caught.value)


def test_unverified_reading_is_possible(tmp_path):
    path = write(tmp_path / "a", [b"abc"])
    path.write_bytes(path.read_bytes().replace(b"abc", b"abd"))
    assert list(TFRecordSource([path], verify=False)) == [b"abd"]


def test_a_truncated_file_is_reported_with_file_record_and_offset(tmp_path):
    path = write(tmp_path / "a", PAYLOADS[:3])
    whole = path.read_bytes()
    offsets = (scan_index(path)[:, 0] - 12).tolist()
    for stop in range(1, len(whole)):
        path.write_bytes(whole[:stop])
        if stop in offsets:
            assert len(scan_index(path)) == offsets.index(stop)  # Whole records: Dataset.source counts them.
            continue
        record = damaged_record(offsets, stop)
        with pytest.raises(DataError, match="cut short") as caught:
            scan_index(path)
        assert f"{path}: record {record} (byte {offsets[record]})" in str(caught.value)


def test_a_file_truncated_while_open_is_reported(tmp_path):
    path = write(tmp_path / "a")
    source = TFRecordSource([path])
    os.truncate(path, 60)
    with pytest.raises(DataError, match=r"record 2 \(byte 37\) is cut short"):
        source[2]


def test_a_gzip_file_is_named_as_such(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(frames(PAYLOADS)))
    with pytest.raises(DataError, match="gzip"):
        TFRecordSource([path])


def test_another_file_is_named_as_such(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"a text that is longer than a header")
    with pytest.raises(DataError, match="not a TFRecord"):
        TFRecordSource([path])


def test_an_empty_file_holds_no_records(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"")
    assert len(TFRecordSource([path])) == 0
    assert write(tmp_path / "b", []).read_bytes() == b""


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="absent"):
        TFRecordSource([tmp_path / "absent"])


def test_a_failing_block_leaves_no_file(tmp_path):
    with pytest.raises(KeyError), TFRecordWriter(tmp_path / "a") as writer:
        writer.write(b"half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_no_file_appears_before_it_is_whole(tmp_path):
    with TFRecordWriter(tmp_path / "a") as writer:
        writer.write(b"x")
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.tmp"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a", "a.index"]


@pytest.mark.parametrize("payload_bytes", [3 << 20, 60_000], ids=["while writing", "while closing"])
def test_a_full_disk_is_a_clear_error_and_leaves_finished_shards(tmp_path, payload_bytes):
    """The kernel refuses to let a file grow beyond 50 kB, as a full disk would."""
    finished = write(tmp_path / "finished")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(DataError, match=r"Cannot write .*shard.* run the command again"):
            write(tmp_path / "shard", [bytes(payload_bytes)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["finished", "finished.index"]
    assert list(TFRecordSource([finished])) == PAYLOADS


def test_a_disk_that_fails_at_the_last_moment_leaves_no_file(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match="No space left on device"):
        write(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_a_clear_error(tmp_path):
    with pytest.raises(DataError, match="No such file or directory"):
        write(tmp_path / "absent" / "a")


def test_the_content_hash_is_of_the_records_not_of_the_files(tmp_path):
    one = TFRecordSource([write(tmp_path / "a")])
    two = TFRecordSource([write(tmp_path / "b", PAYLOADS[:1]), write(tmp_path / "c", PAYLOADS[1:])])
    other = TFRecordSource([write(tmp_path / "d", PAYLOADS[::-1])])
    assert one.content_hash() == two.content_hash() != other.content_hash()
