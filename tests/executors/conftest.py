"""A real Ray cluster on this machine, with made-up processors, gone without a trace afterwards."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import PATIENCE

SETTINGS = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_worker_niceness": "0",
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""Of clusters in tests: no token in the home folder, other programs' memory is not ours, and the
tests beside them leave actors their share of the cores (Ray has them at nice 15)."""

NODE = {"num_cpus": 2, "object_store_memory": 80 * 2**20, "include_dashboard": False}


CLONE_NEWUTS = 0x04000000
"""From Linux's sched.h: a host name of one's own."""


@contextmanager
def host_named(name: str) -> Iterator[None]:
    """Gives this thread, and what it starts, another host name by the kernel: another machine's.

    The test is skipped where that is not allowed.
    """
    library = ctypes.CDLL(None, use_errno=True)
    platform.node()  # which Python remembers
    with Path("/proc/thread-self/ns/uts").open() as before:
        if library.unshare(CLONE_NEWUTS):
            pytest.skip(f"no second host name here: {os.strerror(ctypes.get_errno())}")
        try:
            socket.sethostname(name)
            yield
        finally:
            assert library.setns(before.fileno(), CLONE_NEWUTS) == 0


@contextmanager
def ray_nodes(count: int, **options: Any) -> Iterator[Any]:
    """A cluster of nodes on this machine, the first of which is its head, and has these options."""
    pytest.importorskip("ray", reason="ray is not installed")
    folder = tempfile.mkdtemp(prefix="vb-ray-", dir="/tmp")  # sockets' paths must be short
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_TMPDIR", folder)  # below that it writes its address, and makes no folder
        place = Path(folder) / "ray"
        place.mkdir()
        import ray
        from ray.cluster_utils import Cluster

        before = set(psutil.pids())
        head = {**NODE, **options, "temp_dir": str(place)}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(count - 1):
                cluster.add_node(**NODE)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
    ours = [pid for pid in psutil.pids() if pid not in before]
    _, alive = psutil.wait_procs(
        [p for p in map(_process, ours) if p and _of_ray(p)], timeout=PATIENCE
    )
    assert alive == []


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _of_ray(process: psutil.Process) -> bool:
    try:
        mine = psutil.Process().children(recursive=True)
        words = " ".join(process.cmdline())
        return process in mine and ("/ray/" in words or "ray::" in words)
    except psutil.NoSuchProcess:
        return False
