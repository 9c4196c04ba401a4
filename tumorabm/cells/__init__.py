"""The population: one row of columns for each cell, shown to Mesa as agents and property layers.

`Population` owns the columns, `TumorCell` is the agent that Mesa and a user see of one row, `ColumnModel` is the
`mesa.Model` whose ``agents`` are those rows beside ordinary Mesa agents, and `attach_layers` shows the concentration
fields as Mesa property layers over the solver's memory.
"""

from tumorabm.cells.agent_set import CellAgentSet
from tumorabm.cells.agents import RemovedCellError, TumorCell
from tumorabm.cells.column_model import ColumnModel
from tumorabm.cells.layers import FieldLayer, attach_layers
from tumorabm.cells.population import Block, Population

__all__ = [
    "Block",
    "CellAgentSet",
    "ColumnModel",
    "FieldLayer",
    "Population",
    "RemovedCellError",
    "TumorCell",
    "attach_layers",
]
