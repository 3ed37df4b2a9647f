"""Kernels and copies read from traces: a real one of this CPU, and one in the layout of a GPU's."""

from __future__ import annotations

import gzip
import json

import jax
import jax.numpy as jnp
import pytest

from emojax.engine import trace
from emojax.errors import DataError


def named(kind, name, pid, tid=None):
    return {"ph": "M", "name": kind, "pid": pid, "args": {"name": name}} | ({"tid": tid} if tid else {})


def span(name, pid, tid, start, duration):
    return {"ph": "X", "name": name, "pid": pid, "tid": tid, "ts": start, "dur": duration}


@pytest.fixture
def gpu_trace(tmp_path):
    """Two streams of a GPU: kernels at 0-100, 200-300 and 300-360, copies at 50-150 (half of it beside a kernel)."""
    events = [
        named("process_name", "/device:GPU:0", 1),
        named("process_name", "/host:CPU", 9),
        named("thread_name", "Stream #13(Compute)", 1, 13),
        named("thread_name", "Stream #14(MemcpyH2D)", 1, 14),
        named("thread_name", "XLA Ops", 1, 15),
        named("thread_name", "Stream of words", 9, 13),
        span("gemm", 1, 13, 0, 100),
        span("fusion_2", 1, 13, 200, 100),
        span("gemm", 1, 13, 300, 60),
        span("MemcpyH2D", 1, 14, 50, 100),
        span("MemcpyD2H", 1, 14, 400, 10),
        span("gemm", 1, 15, 0, 100),  # the same work, told again by operation
        span("fusion_2", 9, 13, 0, 999),  # a thread of the host
    ]
    path = tmp_path / "plugins" / "profile" / "now" / "host.trace.json.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(json.dumps({"traceEvents": events}).encode()))
    return path


def test_kernels_of_a_gpu_are_counted_once_and_by_name(gpu_trace):
    kernels = trace.longest(trace.read_events(trace.newest(gpu_trace.parents[3])))
    assert [(k.name, k.microseconds, k.count) for k in kernels] == [("gemm", 160, 2), ("fusion_2", 100, 1)]
    assert kernels[0].share == pytest.approx(160 / 260)
    assert trace.table(kernels, steps=2).splitlines()[1].split() == ["0.080", "61.5%", "1", "gemm"]


def test_the_overlap_of_copies_to_the_device_is_measured(gpu_trace):
    events = trace.read_events(gpu_trace)
    assert trace.copies_to_device(events) == {
        "copy_microseconds": 100,
        "overlapped_microseconds": 50,
        "overlap": 0.5,
    }
    assert trace.busy_share(events) == pytest.approx(260 / 360)


def test_a_trace_of_this_device_names_its_operations(tmp_path):
    step = jax.jit(lambda x: jnp.tanh(x @ x).sum(0) @ x)
    x = jnp.ones((300, 300))
    step(x).block_until_ready()
    with trace.recorded(tmp_path):
        for _ in range(2):
            step(x).block_until_ready()
    events = trace.read_events(trace.newest(tmp_path))
    kernels = trace.longest(events)
    assert any(k.count % 2 == 0 and k.microseconds > 0 for k in kernels)
    assert sum(k.share for k in kernels) == pytest.approx(1)
    assert 0 < trace.busy_share(events) <= 1
    assert "overlap" not in trace.copies_to_device(events)  # a CPU copies nothing


def test_what_is_no_trace_is_told(tmp_path):
    with pytest.raises(DataError, match="no trace"):
        trace.newest(tmp_path)
    broken = tmp_path / "a.trace.json.gz"
    for content in (b"", b"\x1f\x8b", gzip.compress(b"[]"), gzip.compress(b'{"a": 1}')):
        broken.write_bytes(content)
        with pytest.raises(DataError, match="is no trace"):
            trace.read_events(broken)
