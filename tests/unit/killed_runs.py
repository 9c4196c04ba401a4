"""Kill runs at random instants and resume them; a script, because the processes to be killed are forked from it.

A forked process has all libraries loaded and kernels compiled, so that the instants fall into the run itself.
"""

import contextlib
import io
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from tumorabm import TumorModel, load_scenario
from tumorabm.cli import app
from tumorabm.output.checkpoint_series import checkpoint_paths
from tumorabm.output.recorder import Recorder


def begin(*arguments: str) -> int:
    """Start ``tumorabm`` in a process of its own and return its number."""
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            app(list(arguments), standalone_mode=False)
        code = 0
    except BaseException as error:
        print(f"{arguments}: {error!r}", file=sys.stderr, flush=True)
    os._exit(code)


def ended(process: int, after_s: float = 600.0) -> int | None:
    """Return the exit code of a process that ends within a time, or None and let it be killed."""
    until = time.monotonic() + after_s
    while time.monotonic() < until:
        number, status = os.waitpid(process, os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def has_checkpoint(folder: Path, name: str) -> bool:
    return any(checkpoint_paths(path) for path in folder.glob(f".{name}.partial-*"))


def main(scenario: str, folder: Path, kills: int, seed: int) -> None:
    """Make the run ``whole``, and runs that are killed ``kills`` times in all; print what happened as JSON."""
    os.chdir(folder)
    draw = random.Random(seed)
    Recorder._draw_summary = lambda self: None  # takes longer than the run
    TumorModel(load_scenario(scenario), threads=1).run(0.3)
    run = ("run", scenario, "--quiet")
    before = time.monotonic()
    assert ended(begin(*run, "--out", "whole", "--threads", "1")) == 0
    longest_s = 1.3 * (time.monotonic() - before)  # writing checkpoints takes its time
    killed, resumed, restarted, names = 0, 0, 0, []
    while killed < kills or not (folder / names[-1]).exists():
        if not names or (folder / names[-1]).exists():
            names.append(f"killed-{len(names)}")
        name, threads = names[-1], str(draw.choice((1, 2)))
        go_on = has_checkpoint(folder, name)
        checkpoints = ("--checkpoint-hours", "0.2")
        arguments = ("resume", name, "--quiet") if go_on else (*run, "--out", name, *checkpoints)
        resumed += go_on
        code = ended(begin(*arguments, "--threads", threads), draw.uniform(0.0, longest_s) if killed < kills else 600.0)
        assert code in (0, None), f"{arguments} ended with {code}"
        killed += code is None
        restarted += code is None and not has_checkpoint(folder, name)
    print(json.dumps({"killed": killed, "resumed": resumed, "restarted": restarted, "names": names}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
