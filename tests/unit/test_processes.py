"""Worker processes end with the process that began them, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
SCRIPT = """
import os, pathlib, time
from tumorabm.processes import begin

def work(folder, connection):
    pathlib.Path(folder, "worker").write_text(str(os.getpid()))
    pathlib.Path(folder, "ready").touch()
    while True:
        time.sleep(1.0)

if __name__ == "__main__":
    process, connection = begin(work, FOLDER)
    process.join()
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition) -> None:
    end_s = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.replace("FOLDER", repr(str(tmp_path))))
    parent = subprocess.Popen([sys.executable, tmp_path / "script.py"])
    try:
        wait_until((tmp_path / "ready").exists)
        worker = int((tmp_path / "worker").read_text())
        assert alive(worker)
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    wait_until(lambda: not alive(worker))
