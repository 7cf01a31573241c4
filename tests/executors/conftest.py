"""A real Ray cluster on this machine, with made-up processors, gone without a trace afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

SETTINGS = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""Of clusters in tests: no token in the home folder, and other programs' memory is not ours."""

NODE = {"num_cpus": 2, "object_store_memory": 80 * 2**20, "include_dashboard": False}


@contextmanager
def ray_nodes(count: int) -> Iterator[Any]:
    """A cluster of nodes on this machine, the first of which is its head."""
    pytest.importorskip("ray", reason="ray is not installed")
    folder = tempfile.mkdtemp(prefix="vb-ray-", dir="/tmp")  # sockets' paths must be short
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        import ray
        from ray.cluster_utils import Cluster

        before = set(psutil.pids())
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "temp_dir": folder})
        try:
            for _ in range(count - 1):
                cluster.add_node(**NODE)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
    ours = [pid for pid in psutil.pids() if pid not in before]
    _, alive = psutil.wait_procs([p for p in map(_process, ours) if p and _of_ray(p)], timeout=20)
    assert alive == []


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _of_ray(process: psutil.Process) -> bool:
    try:
        mine = psutil.Process().children(recursive=True)
        return process in mine and "ray" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
