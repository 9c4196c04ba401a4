"""The cache of compiled kernels: never stale, never a reason to fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tumorabm

PACKAGE = Path(tumorabm.__file__).parent
CALL = """
from tumorabm.biology.motility import emt_state
from tumorabm.biology.parameters import parameter_table
print(float(emt_state(parameter_table([{}])[0], 170.0)))
"""
CALL_WITH_CALLEE_IN_ANOTHER_FILE = """
import numpy as np
from tumorabm.mechanics import separate_daughters
positions = np.full((2, 3), 50.0)
separate_daughters(positions, np.array([0]), 1, np.full(2, 8.0), np.array([1, 2]), np.full(3, 100.0), 2, 7, 0)
print(np.hypot(*(positions[1, :2] - 50.0)).round(9))
"""
HOW_LONG_COMPILED = """
from tumorabm.kernels import compile_seconds
print(compile_seconds() > 0.0)
"""


def call_kernel(cache: Path, package_parent: Path = PACKAGE.parent, call: str = CALL, **environment: str) -> str:
    """Run a call of a kernel in a new process and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", call],
        env=os.environ | {"TUMORABM_CACHE_DIR": str(cache), "PYTHONPATH": str(package_parent)} | environment,
        cwd=package_parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def call_and_tell(cache: Path) -> tuple[str, bool]:
    """Call a kernel in a new process; return what it gives, and whether it had to be compiled."""
    result, compiled = call_kernel(cache, call=CALL + HOW_LONG_COMPILED).split()
    return result, compiled == "True"


def halve(content: bytes) -> bytes:
    return content[: len(content) // 2]


def to_zeros(content: bytes) -> bytes:
    return bytes(len(content))


def to_garbage(content: bytes) -> bytes:
    return b"not a cache file" * (1 + len(content) // 16)


@pytest.mark.parametrize("kind", [".nbi", ".nbc"])  # numba's index, and the machine code
def test_damaged_cache_files_are_compiled_anew_once(tmp_path: Path, kind: str) -> None:
    assert call_and_tell(tmp_path) == ("0.5", True)
    assert call_and_tell(tmp_path) == ("0.5", False)
    for damage in (halve, to_zeros, to_garbage):
        cached = [path for path in tmp_path.rglob("*") if path.suffix == kind]
        assert cached
        for path in cached:
            path.write_bytes(damage(path.read_bytes()))
        assert call_and_tell(tmp_path) == ("0.5", True)
    assert call_and_tell(tmp_path) == ("0.5", False), "the damage was not mended for the next process"


def copy_of_package(folder: Path) -> Path:
    shutil.copytree(PACKAGE, folder / "tumorabm", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_an_edited_kernel_never_runs_from_the_cache(tmp_path: Path) -> None:
    copy = copy_of_package(tmp_path / "copy")
    assert call_kernel(tmp_path / "cache", copy) == "0.5"
    source = copy / "tumorabm" / "biology" / "motility.py"
    before = source.read_text()
    source.write_text(before.replace("return squared / (", "return 2.0 * squared / ("))
    assert source.read_text() != before
    assert call_kernel(tmp_path / "cache", copy) == "1.0"


def test_a_kernel_whose_callee_in_another_file_was_edited_never_runs_from_the_cache(tmp_path: Path) -> None:
    copy = copy_of_package(tmp_path / "copy")
    call = CALL_WITH_CALLEE_IN_ANOTHER_FILE
    assert call_kernel(tmp_path / "cache", copy, call) == "4.0"  # half a radius along a unit vector
    source = copy / "tumorabm" / "philox.py"
    longer = "@kernel\ndef unit_vector(key, uid, step, stream, ndim):\n    return 3.0, 0.0, 0.0\n"
    source.write_text(f"{source.read_text()}\n\n{longer}")
    assert call_kernel(tmp_path / "cache", copy, call) == "12.0"


def test_a_cache_folder_that_cannot_be_made_only_costs_compiling(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert call_kernel(in_the_way, XDG_CACHE_HOME=str(in_the_way)) == "0.5"
