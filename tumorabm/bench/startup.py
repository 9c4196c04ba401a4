"""Time from the start of a process to the end of its first step, with and without compiled code at hand."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass

from tumorabm.bench.process import in_fresh_process


@dataclass(frozen=True)
class StartUp:
    """One start.

    Parameters
    ----------
    cache
        ``cold``: nothing was compiled before; ``warm``: everything was.
    wall_s
        Wall time from before the process starts to the end of the first step of a disc of 1000 cells: interpreter,
        imports, compiling or loading compiled code, founding, step.
    compile_s
        What of it was spent compiling.
    """

    cache: str
    wall_s: float
    compile_s: float


def measure_start_up(cold: bool) -> list[StartUp]:
    """Return a warm start with the user's cache, or a cold and a warm one in a cache folder of their own."""
    if not cold:
        in_fresh_process(_first_step)  # compiles what the cache lacks
        return [_start("warm", {})]
    with tempfile.TemporaryDirectory(prefix="tumorabm-bench-") as folder:
        return [_start(cache, {"TUMORABM_CACHE_DIR": folder}) for cache in ("cold", "warm")]


def _start(cache: str, environment: dict[str, str]) -> StartUp:
    start = time.perf_counter()
    compile_s = in_fresh_process(_first_step, environment=environment)
    return StartUp(cache, time.perf_counter() - start, compile_s)


def _first_step() -> float:
    """Make a step in this process; return the seconds spent compiling."""
    from tumorabm.bench.cases import CASES, tissue
    from tumorabm.kernels import compile_seconds
    from tumorabm.model import TumorModel

    TumorModel(tissue(CASES["disc_1k"]), threads=1).step()
    return compile_seconds()
