"""A real Slurm cluster on this machine for tests: munge, a controller, three nodes, one of GPUs."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.conftest import PATIENCE

NODES = ("n1", "n2", "g1")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "srun")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdLogFile={folder}/slurmd.%n.log
SlurmctldLogFile={folder}/slurmctld.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
SchedulerParameters=batch_sched_delay=0,sched_interval=2
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
KillWait=5
MinJobAge=30
SlurmdTimeout=15
NodeName=DEFAULT CPUs=1 RealMemory=4000 CpuBind=none
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2}
NodeName=DEFAULT CPUs=4 RealMemory=8000 CpuBind=core Gres=gpu:2 Feature=fast
NodeName=g1 NodeHostname={host} NodeAddr=127.0.0.1 Port={g1}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=2-0 State=UP
PartitionName=cards Nodes=g1 MaxTime=INFINITE State=UP
"""
"""g1 binds what runs on it to cores, as many clusters do, and says that it has four anywhere."""

GPUS = "NodeName=g1 Name=gpu File={folder}/card[0-1]\n"
"""Slurm counts device files, and looks into none."""


class SlurmCluster:
    """Two nodes of a core, one that counts two GPUs, and a controller.

    Attributes:
        environment: What a process needs to speak with them.
        nodes: Process of each node's daemon, by its name.
    """

    def __init__(self, folder: Path, sbin: dict[str, str]) -> None:
        self._folder = folder
        self._programs = sbin
        self._processes: list[subprocess.Popen[bytes]] = []
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Starts all daemons, and waits until the nodes are idle."""
        for name in ("state", *(f"spool.{node}" for node in NODES)):
            (self._folder / name).mkdir()
        for number in range(2):
            null = os.makedev(1, 3)
            os.mknod(self._folder / f"card{number}", stat.S_IFCHR | 0o666, null)
        (self._folder / "gres.conf").write_text(GPUS.format(folder=self._folder))
        key = self._folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self._folder.chmod(0o755)  # who asks munge must reach its socket
        values = {"host": platform.node(), "folder": self._folder, "user": "root"}
        ports = dict(zip(("control", *NODES), _free_ports(1 + len(NODES)), strict=True))
        configuration = self._folder / "slurm.conf"
        configuration.write_text(CONFIGURATION.format(**values, **ports))
        names = ("socket", "pid-file", "log-file", "seed-file", "key-file")
        files = ("munge.socket", "munge.pid", "munge.log", "munge.seed", "munge.key")
        places = [
            f"--{name}={self._folder / file}" for name, file in zip(names, files, strict=True)
        ]
        self._start("munged", "--foreground", "--force", *places)
        wait_for((self._folder / "munge.socket").exists)
        self._start("slurmctld", "-D", "-i")
        for node in NODES:
            self.start_node(node)
        wait_for(lambda: self.call("sinfo", "-hNt", "idle").count("idle") == len(NODES))

    def start_node(self, name: str) -> None:
        """Starts a node's daemon."""
        self.nodes[name] = self._start("slurmd", "-D", "-N", name)

    def kill_node(self, name: str) -> None:
        """Kills a node's daemon and all that runs on it, as a power cut does."""
        self.nodes[name].kill()
        self.nodes[name].wait()
        self._kill_jobs_on(name)

    def call(self, program: str, *words: str) -> str:
        """Returns what a program of Slurm's says."""
        done = subprocess.run(
            [self._programs.get(program, program), *words],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout.strip()

    def stop(self) -> None:
        """Ends all daemons and what they started."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        for name in self.nodes:
            self._kill_jobs_on(name)

    def at_work_on(self, name: str) -> list[psutil.Process]:
        """Returns the processes of a node's jobs."""
        mine = {"SLURMD_NODENAME": name, **self.environment}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if mine.items() <= process.environ().items():
                    found.append(process)
        return found

    def _kill_jobs_on(self, name: str) -> None:
        """Kills the processes of a node's jobs, and the daemons that started them."""
        found = self.at_work_on(name)
        numbers = {process.pid for process in found}
        for process in found:
            with contextlib.suppress(psutil.Error):
                numbers |= {p.pid for p in process.parents() if p.name() == "slurmstepd"}
        for number in numbers:
            _kill(number)

    def _start(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{program}.out").open("ab") as output:
            process = subprocess.Popen(
                [self._programs[program], *words],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._processes.append(process)
        return process


@contextmanager
def slurm_cluster() -> Iterator[SlurmCluster | str]:
    """Starts a cluster of two nodes; gives a reason instead where that cannot be."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    found = {name: shutil.which(name, path=path) for name in (*PROGRAMS, "sinfo")}
    if missing := [name for name, place in found.items() if place is None]:
        yield f"Slurm is not installed (no {missing[0]}): apt install slurm-wlm munge"
        return
    if os.geteuid() != 0:
        yield "Slurm's daemons start jobs as root alone"
        return
    folder = Path(tempfile.mkdtemp(prefix="vaebench-slurm-"))
    cluster = SlurmCluster(folder, {name: str(place) for name, place in found.items()})
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Waits until something is so.

    Raises:
        TimeoutError: It was not, for so long.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
