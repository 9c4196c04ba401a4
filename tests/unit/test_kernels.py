"""The cache of compiled kernels: never stale, never a reason to fail."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
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


def zero_a_block(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[: middle - 512] + bytes(min(1024, middle)) + content[middle + 512 :]


def flip_a_bit(share: float) -> Callable[[bytes], bytes]:
    """Return what flips one bit, at this share of a file's length."""

    def damage(content: bytes) -> bytes:
        flipped = bytearray(content)
        flipped[int(share * len(content))] ^= 0x10
        return bytes(flipped)

    return damage


def without_checksum(content: bytes) -> bytes:
    return content[:-32]


@pytest.mark.one_version
@pytest.mark.parametrize("kind", [".nbi", ".nbc"])  # numba's index, and the machine code
def test_damaged_cache_files_are_compiled_anew_once(tmp_path: Path, kind: str) -> None:
    assert call_and_tell(tmp_path) == ("0.5", True)
    assert call_and_tell(tmp_path) == ("0.5", False)
    flips = [flip_a_bit(share) for share in np.linspace(0.02, 0.98, 5)]
    for damage in (halve, to_zeros, to_garbage, zero_a_block, without_checksum, *flips):
        cached = [path for path in tmp_path.rglob("*") if path.suffix == kind]
        assert cached
        for path in cached:
            path.write_bytes(damage(path.read_bytes()))
        assert call_and_tell(tmp_path) == ("0.5", True)
    assert call_and_tell(tmp_path) == ("0.5", False), "the damage was not mended for the next process"


def test_a_file_that_another_signature_took_is_not_run(tmp_path: Path) -> None:
    """Two processes that save two signatures of one kernel at once may write the same file; the last one stays."""
    call = """
from tumorabm.biology.motility import emt_state
from tumorabm.biology.parameters import parameter_table
print(float(emt_state(parameter_table([{}])[0], %s)))
"""
    assert call_kernel(tmp_path, call=call % "170.0") == "0.5"
    (folder,) = tmp_path.glob("tumorabm/kernels-*")
    (first,) = folder.rglob("*emt_state*.1.nbc")
    assert call_kernel(tmp_path, call=call % "170") == "0.5"
    (second,) = folder.rglob("*emt_state*.2.nbc")
    second.replace(first)
    result, compiled = call_kernel(tmp_path, call=CALL + HOW_LONG_COMPILED).split()
    assert (result, compiled) == ("0.5", "True")
    assert call_and_tell(tmp_path) == ("0.5", False)


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
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    nowhere = {"XDG_CACHE_HOME": str(in_the_way), "HOME": str(in_the_way), "TMPDIR": str(temporary)}
    made = "import os; print(os.environ['TMPDIR'], len(os.listdir(os.environ['TMPDIR'])))"
    call = CALL + made + "\nif (child := os.fork()):\n    os.waitpid(child, 0)\n    " + made
    printed = call_kernel(in_the_way, call=call, **nowhere)
    assert printed.split() == ["0.5", *(str(temporary), "1") * 2], "the forked child took the folder away"
    assert list(temporary.iterdir()) == []
