"""The two protocols of the laboratory as virtual assays, and the wells that they are done in.

`western_blot` is Protocol 1 (`tumorabm.assays.blot`), `viability` Protocol 2 (`tumorabm.assays.plate`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tumorabm.assays.blot import western_blot
    from tumorabm.assays.plate import viability

__all__ = ["viability", "western_blot"]


def __getattr__(name: str) -> object:
    """Import a function when it is first used, so that the command line answers at once."""
    modules = {"western_blot": "blot", "viability": "plate"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{modules[name]}"), name)
