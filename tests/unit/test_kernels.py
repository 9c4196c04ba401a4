"""The cache of compiled kernels: never stale, never a reason to fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import tumorabm

PACKAGE = Path(tumorabm.__file__).parent
CALL = """
from tumorabm.biology.motility import emt_state
from tumorabm.biology.parameters import parameter_table
print(float(emt_state(parameter_table([{}])[0], 170.0)))
"""


def call_kernel(cache: Path, package_parent: Path = PACKAGE.parent, **environment: str) -> str:
    """Call one small kernel in a new process and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        env=os.environ | {"TUMORABM_CACHE_DIR": str(cache), "PYTHONPATH": str(package_parent)} | environment,
        cwd=package_parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_damaged_cache_is_compiled_anew(tmp_path: Path) -> None:
    assert call_kernel(tmp_path) == "0.5"
    cached = [path for path in tmp_path.rglob("*") if path.suffix in (".nbi", ".nbc")]
    assert {path.suffix for path in cached} == {".nbi", ".nbc"}
    for damage in (b"", b"not a cache file"):
        for path in cached:
            path.write_bytes(damage)
        assert call_kernel(tmp_path) == "0.5"
        assert call_kernel(tmp_path) == "0.5"


def test_an_edited_kernel_never_runs_from_the_cache(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PACKAGE, copy / "tumorabm", ignore=shutil.ignore_patterns("__pycache__"))
    assert call_kernel(tmp_path / "cache", copy) == "0.5"
    source = copy / "tumorabm" / "biology" / "motility.py"
    source.write_text(source.read_text().replace("return squared / (", "return 2.0 * squared / ("))
    assert call_kernel(tmp_path / "cache", copy) == "1.0"


def test_a_cache_folder_that_cannot_be_made_only_costs_compiling(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert call_kernel(in_the_way, XDG_CACHE_HOME=str(in_the_way)) == "0.5"
