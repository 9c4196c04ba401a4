"""tumorabm: an agent-based simulator of asparagine metabolism in the tumour microenvironment."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tumorabm.model import TumorModel
    from tumorabm.output.opened_run import Run, open_run
    from tumorabm.scenario import Scenario, ScenarioError, load_scenario
    from tumorabm.sweep.collect import read_sweep

__all__ = ["Run", "Scenario", "ScenarioError", "TumorModel", "load_scenario", "open_run", "read_sweep"]
_MODULES = {
    "Run": "tumorabm.output.opened_run",
    "TumorModel": "tumorabm.model",
    "open_run": "tumorabm.output.opened_run",
    "read_sweep": "tumorabm.sweep.collect",
}


def __getattr__(name: str) -> object:
    """Import the public names when they are first used, so that the command line answers at once."""
    if name in __all__:
        return getattr(import_module(_MODULES.get(name, "tumorabm.scenario")), name)
    raise AttributeError(f"module 'tumorabm' has no attribute {name!r}")
