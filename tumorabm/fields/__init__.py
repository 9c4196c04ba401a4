"""The diffusion grid: geometry, boundaries, vessels, and the implicit solver."""

from tumorabm.fields.field import FACES, Exchange, Field
from tumorabm.fields.grid import Grid
from tumorabm.fields.open_space import open_space
from tumorabm.fields.scratch import Scratch

__all__ = ["FACES", "Exchange", "Field", "Grid", "Scratch", "open_space"]
