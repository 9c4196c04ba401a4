"""A private Slurm for tests: munged, slurmctld and two slurmd on this machine, loopback only, no systemd.

Each daemon runs in its own folder below a temporary one and is stopped by the process id that it wrote there.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scontrol", "munged")
NODES = ("n1", "n2")
CPUS = 2
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_NODE_VARIABLE = "TUMORABM_TEST_NODE"

_CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={port}
SlurmdPort={slurmd_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
MailProg=/bin/true
# no control groups and no pinning: works in containers
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SlurmdParameters=config_overrides
# quicker than clusters are, which wait for more jobs to come
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,defer_batch
SlurmdTimeout=20
InactiveLimit=0
KillWait=10
MinJobAge=300
ReturnToService=2
MaxArraySize=1001
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=10 State=UP OverSubscribe=NO
"""
_NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} Boards=1 SocketsPerBoard=1 "
    "CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory=2000 State=UNKNOWN\n"
)


def missing_programs() -> list[str]:
    """Return the programs of Slurm that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]


class Cluster:
    """A running Slurm of two nodes of two cores.

    Parameters
    ----------
    folder
        Of all its files; its path must be short, because a socket lies in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PATH": _PATH, "SLURM_CONF": str(folder / "slurm.conf")}
        self._configure()

    def start(self) -> None:
        """Start all daemons, and wait until both nodes can take jobs."""
        self._daemon(
            ["munged", "--force", f"--key-file={self.folder}/munge.key", f"--socket={self.folder}/munge.socket",
             f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
             f"--seed-file={self.folder}/munge.seed"]
        )  # fmt: skip
        self._daemon(["slurmctld"])
        for name in NODES:
            self.start_node(name)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until all nodes can take jobs."""
        self.wait(lambda: self.call("sinfo", "-h", "-N", "-o", "%T").split() == ["idle"] * len(NODES), 120.0)

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        self._daemon(["slurmd", "-N", name], **{_NODE_VARIABLE: f"{self.folder}/{name}"})

    def kill_node(self, name: str) -> None:
        """Kill all processes of a node at once, as when its power fails, and let the controller know."""
        for pid in self._processes_of(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.call("scontrol", "update", f"nodename={name}", "state=down", "reason=killed by a test")

    @contextmanager
    def held_workers(self) -> Iterator[list[int]]:
        """Hold still all processes that do runs of tasks, and yield their ids; signals to them wait meanwhile."""
        pids = [pid for name in NODES for pid in self._processes_of(name) if b"worker" in _command_line(pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield pids
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Cancel all jobs and stop all daemons."""
        with suppress(subprocess.SubprocessError):
            self.call("scancel", f"--user={self._user}")
        for pid_file in sorted(self.folder.glob("*.pid"), reverse=True):
            with suppress(ValueError, ProcessLookupError):
                os.kill(int(pid_file.read_text()), signal.SIGTERM)
        self.wait(lambda: not list(self.folder.glob("slurm*.pid")), 20.0, must=False)
        for name in NODES:
            for pid in self._processes_of(name):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def call(self, *command: str, seconds: float = 60.0) -> str:
        """Return what a command prints; it must succeed within some seconds."""
        done = subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        return done.stdout

    def states(self) -> list[str]:
        """Return the states of all jobs that are not over, a word each."""
        return self.call("squeue", "-h", "-r", "-o", "%T").split()

    def wait_until_over(self, seconds: float) -> None:
        """Wait until no job is left."""
        self.wait_with_jobs(lambda: not self.states(), seconds)

    def wait_with_jobs(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until a condition holds; requeued jobs, which Slurm holds back for two minutes, begin at once."""

        def holds() -> bool:
            for line in self.call("squeue", "-h", "-r", "-t", "PD", "-o", "%i %r").splitlines():
                job, _, why = line.partition(" ")
                if why == "BeginTime":
                    self.call("scontrol", "update", f"JobId={job}", "StartTime=now")
            return condition()

        self.wait(holds, seconds, pause_s=1.0)

    @staticmethod
    def wait(condition: Callable[[], bool], seconds: float, *, pause_s: float = 0.2, must: bool = True) -> None:
        """Wait until a condition holds; where it must and does not, the test fails."""
        end_s = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end_s:
                assert not must, f"not so after {seconds:g} s"
                return
            time.sleep(pause_s)

    @property
    def _user(self) -> str:
        return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()

    def _configure(self) -> None:
        host, port = socket.gethostname().partition(".")[0], _free_ports(1 + len(NODES))
        values = {"host": host, "user": self._user, "folder": self.folder, "port": port[0], "slurmd_port": port[1]}
        nodes = "".join(
            _NODE.format(name=n, host=host, port=p, cpus=CPUS) for n, p in zip(NODES, port[1:], strict=True)
        )
        (self.folder / "slurm.conf").write_text(nodes + _CONFIGURATION.format(**values))
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=autodetect\n")
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o600)

    def _daemon(self, command: list[str], **environment: str) -> None:
        program = shutil.which(command[0], path=_PATH)
        with (self.folder / f"{command[0]}.out").open("ab") as out:
            subprocess.run(
                [program, *command[1:]], env={**self.environment, **environment}, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, timeout=60, check=True,
            )  # fmt: skip

    def _processes_of(self, name: str) -> Iterator[int]:
        """Yield the daemon of a node, what it started, and the processes of jobs there."""
        marks = (f"{_NODE_VARIABLE}={self.folder}/{name}".encode(), f"SLURMD_NODENAME={name}".encode())
        ours = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with suppress(OSError):
                    variables = (entry / "environ").read_bytes().split(b"\0")
                    if ours in variables and any(mark in variables for mark in marks):
                        yield int(entry.name)


def is_warned(pid: int) -> bool:
    """Return whether the warning that time is nearly up waits for a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    pending = int(status.partition("ShdPnd:")[2].split()[0], 16)  # a bit for each signal, the first for number 1
    return bool(pending >> (signal.SIGUSR1 - 1) & 1)


def _command_line(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return []


def _free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
