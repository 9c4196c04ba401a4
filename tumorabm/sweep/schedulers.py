"""Job arrays: the script of each scheduler, and how it is submitted."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tumorabm.processes import ONE_THREAD

SCHEDULERS = ("slurm", "pbs", "torque", "lsf", "sge")
ARRAY_LIMIT = 1000
"""Tasks of an array where the scheduler does not tell its limit: the least that is usual."""
STOPPED_EARLY = 75
"""Exit code of a task that gave up its present run after a warning signal and wants to be requeued."""
_ASK_S = 30.0


class SchedulerError(Exception):
    """A scheduler that is not there, or refused; the text is one message for the user."""


@dataclass(frozen=True)
class Job:
    """An array of tasks.

    Attributes
    ----------
    name
        Of the jobs.
    n_tasks
        Their indices are 1 to this.
    worker, collector
        Commands of a task, and of the collecting job.
    cache
        Folder of compiled kernels, which each task copies to its node.
    logs
        Folder of what the jobs print.
    time_limit_s, warning_s
        Wall time of a task, and how long before its end it is warned, s.
    directives
        More options of the scheduler for both jobs, one directive each.
    task_directives
        More options of the scheduler for tasks.
    setup
        Lines of shell that both jobs begin with.
    """

    name: str
    n_tasks: int
    worker: Sequence[str]
    collector: Sequence[str]
    cache: str
    logs: str
    time_limit_s: int
    warning_s: int
    directives: Sequence[str] = ()
    task_directives: Sequence[str] = ()
    setup: Sequence[str] = ()


def array_script(scheduler: str, job: Job) -> str:
    """Return the script of the array."""
    head = (*_array_directives(scheduler, job), *job.directives, *job.task_directives)
    return _script(scheduler, head, job, _body(scheduler, job))


def collect_script(scheduler: str, job: Job) -> str:
    """Return the script of the job that collects when the array has ended, however it ended."""
    name, log = f"{job.name}-collect", _log(scheduler, job, "collect.log")
    of_pbs = (f"-N {name}", f"-o {log}", "-j oe")
    by_scheduler = {
        "slurm": (f"--job-name={name}", f"--output={log}", "--ntasks=1", "--cpus-per-task=1"),
        "pbs": of_pbs,
        "torque": of_pbs,
        "lsf": (f"-J {name}", f"-o {log}", "-n 1"),
        "sge": (f"-N {name}", f"-o {log}", "-j y", "-S /bin/bash"),
    }
    return _script(scheduler, (*by_scheduler[scheduler], *job.directives), job, f"exec {shlex.join(job.collector)}\n")


def submit_commands(scheduler: str, array: str, collect: str) -> tuple[list[str], list[str], bool]:
    """Return the commands that submit both scripts.

    Parameters
    ----------
    scheduler
        One of `SCHEDULERS`.
    array, collect
        Paths of the scripts.

    Returns
    -------
    tuple
        That of the array; that of the collecting job, with ``{job}`` for the array's id; and whether the scheduler
        reads scripts from its standard input.
    """
    return {
        "slurm": (
            ["sbatch", "--parsable", array],
            ["sbatch", "--parsable", "--dependency=afterany:{job}", collect],
            False,
        ),
        "pbs": (["qsub", array], ["qsub", "-W", "depend=afterany:{job}", collect], False),
        "torque": (["qsub", array], ["qsub", "-W", "depend=afteranyarray:{job}", collect], False),
        "lsf": (["bsub"], ["bsub", "-w", "ended({job})"], True),
        "sge": (["qsub", "-terse", array], ["qsub", "-terse", "-hold_jid", "{job}", collect], False),
    }[scheduler]


def submit(scheduler: str, array: str, collect: str, submitted: Callable[[str], object]) -> str:
    """Submit both scripts, and tell the id of the array as soon as there is one; return it.

    Raises
    ------
    SchedulerError
        The scheduler is not there, or refuses; the message tells whether the array was submitted.
    """
    of_array, of_collect, from_input = submit_commands(scheduler, array, collect)
    job = _job_id(scheduler, _call(of_array, array if from_input else None))
    submitted(job)
    try:
        _call([word.format(job=job) for word in of_collect], collect if from_input else None)
    except SchedulerError as error:
        raise SchedulerError(
            f"{error}; the array {job} was submitted, without a job that collects: "
            "run tumorabm sweep collect when it has ended"
        ) from error
    return job


def require_scheduler(scheduler: str) -> None:
    """Raise SchedulerError unless the command that submits is there."""
    command = submit_commands(scheduler, "", "")[0][0]
    if shutil.which(command) is None:
        raise SchedulerError(
            f"--scheduler {scheduler}: there is no command {command} on this machine; --dry-run prints the script"
        )


def array_limit(scheduler: str) -> int:
    """Return the most tasks of an array: as Slurm tells it, else a number that is usual.

    Raises
    ------
    SchedulerError
        Slurm does not answer.
    """
    if scheduler != "slurm":
        return ARRAY_LIMIT
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _call(["scontrol", "show", "config"]), re.MULTILINE)
    most = int(found[1]) - 1 if found else ARRAY_LIMIT  # it is above the greatest index
    if most < 1:
        raise SchedulerError(f"MaxArraySize = {found[1]}: Slurm takes no job arrays here, expected 2 or more")
    return most


def is_queued(scheduler: str, job: str) -> bool:
    """Return whether a job waits or runs, where the scheduler is Slurm and knows; else False."""
    if scheduler != "slurm":
        return False
    try:
        return bool(_call(["squeue", "--noheader", "--format=%T", f"--jobs={job}"]).strip())
    except SchedulerError:  # it has forgotten the job, or is not there
        return False


# -- scripts --------------------------------------------------------------------------------------------------------

_PREFIX = {"slurm": "#SBATCH", "pbs": "#PBS", "torque": "#PBS", "lsf": "#BSUB", "sge": "#$"}
_LOG = {"slurm": "task-%a.log", "lsf": "task-%I.log"}
"""What a task prints to, by its index, where the scheduler's pattern can say that; else a folder."""


def _script(scheduler: str, directives: Sequence[str], job: Job, body: str) -> str:
    threads = " ".join(f"{name}={count}" for name, count in ONE_THREAD.items())
    head = (f"{_PREFIX[scheduler]} {line}" for line in directives)
    return "\n".join(["#!/bin/bash", *head, f"export {threads}", *job.setup, body])


def _log(scheduler: str, job: Job, name: str) -> str:
    """Return the path of a log as a directive takes it: what is special in it must not be."""
    folder = job.logs.replace("%", "%%") if scheduler in _LOG else job.logs
    path = f"{folder}/{name}"
    return f'"{path}"' if re.search(r"[\s#]", path) else path


def _array_directives(scheduler: str, job: Job) -> tuple[str, ...]:
    time, n = _clock(job.time_limit_s), job.n_tasks
    logs = _log(scheduler, job, _LOG.get(scheduler, ""))
    if scheduler == "slurm":
        return (
            f"--job-name={job.name}", f"--array=1-{n}", f"--output={logs}", "--open-mode=append",
            f"--time={time}", f"--signal=B:USR1@{job.warning_s}", "--requeue", "--ntasks=1", "--cpus-per-task=1",
        )  # fmt: skip
    if scheduler == "pbs":
        indices = f"-J 1-{n}" if n > 1 else "-v PBS_ARRAY_INDEX=1"  # an array of one is refused
        return (f"-N {job.name}", indices, f"-o {logs}", "-j oe", f"-l walltime={time}", "-r y")
    if scheduler == "torque":
        return (f"-N {job.name}", f"-t 1-{n}", f"-o {logs}", "-j oe", f"-l walltime={time}", "-r y")
    if scheduler == "lsf":
        minutes, warning = -(-job.time_limit_s // 60), -(-job.warning_s // 60)
        return (
            f'-J "{job.name}[1-{n}]"', f"-o {logs}", f"-W {minutes}", f"-wa USR1 -wt {warning}",
            "-r", f'-Q "{STOPPED_EARLY}"', "-n 1",
        )  # fmt: skip
    soft = _clock(job.time_limit_s - job.warning_s)
    return (
        f"-N {job.name}", f"-t 1-{n}", f"-o {logs}", "-j y", f"-l h_rt={time},s_rt={soft}", "-r y", "-S /bin/bash",
    )  # fmt: skip


_STOPPED = {
    # what follows when a task gave up its run: back into the queue, where the scheduler does not do so by itself
    # one task: in the last of an array SLURM_JOB_ID is that of the whole array
    "slurm": 'exec scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"',
    "pbs": 'exec qrerun "$PBS_JOBID"',
    "torque": 'exec qrerun "$PBS_JOBID"',
    "lsf": f"exit {STOPPED_EARLY} # -Q above requeues it",
    "sge": "exit 99 # requeues it",
}


def _body(scheduler: str, job: Job) -> str:
    worker = shlex.join(job.worker)
    if scheduler in ("pbs", "torque"):  # which give no warning before the limit
        worker = f"timeout --preserve-status --signal=USR1 {job.time_limit_s - job.warning_s} {worker}"
    return f"""
# compiled kernels, from a folder of all nodes to one of this task: no waiting for, and no races on, a shared disk
cache=$(mktemp -d "${{TMPDIR:-/tmp}}/tumorabm-XXXXXXXX") || exit 1
cp -r {shlex.quote(job.cache)}/. "$cache" 2>/dev/null
export TUMORABM_CACHE_DIR="$cache"

{worker} &
worker=$!
# time is nearly up: the worker writes what is done, and ends; cancelled: so it does, and is not requeued
trap 'interrupted=1; kill -USR1 $worker 2>/dev/null' USR1 USR2
trap 'interrupted=1; kill -TERM $worker 2>/dev/null' TERM
while true; do
    interrupted=
    wait $worker
    code=$? # of the signal, not of the worker, where one interrupted the waiting
    [ $interrupted ] || break
done
rm -rf "$cache"
if [ $code -eq {STOPPED_EARLY} ]; then
    {_STOPPED[scheduler]}
fi
exit $code
"""


def _clock(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


# -- calls ----------------------------------------------------------------------------------------------------------


def _call(command: Sequence[str], script: str | None = None) -> str:
    """Return what a command of the scheduler prints; ``script`` is a file that it reads as its input."""
    try:
        with open(script or "/dev/null", encoding="utf-8") as given:  # noqa: PTH123 - one name for both
            done = subprocess.run(command, stdin=given, capture_output=True, text=True, timeout=_ASK_S, check=False)
    except FileNotFoundError:
        raise SchedulerError(f"{command[0]}: there is no such command on this machine") from None
    except subprocess.TimeoutExpired:
        raise SchedulerError(f"{command[0]}: the scheduler did not answer within {_ASK_S:g} s") from None
    if done.returncode:
        raise SchedulerError(f"{command[0]}: {(done.stderr or done.stdout).strip() or f'exit code {done.returncode}'}")
    return done.stdout


_JOB_ID = {"slurm": r"^(\d+)", "pbs": r"^(\S+)", "torque": r"^(\S+)", "lsf": r"<(\d+)>", "sge": r"^(\d+)"}


def _job_id(scheduler: str, answer: str) -> str:
    found = re.search(_JOB_ID[scheduler], answer, re.MULTILINE)
    if not found:
        raise SchedulerError(f"{scheduler} answered without the id of a job: {answer.strip()!r}")
    return found[1]
