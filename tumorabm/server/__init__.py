"""The page in which a tissue can be watched and treated: Mesa's SolaraViz with a map, curves and a cell's state."""

SCENARIO_VARIABLE = "TUMORABM_SCENARIO"
"""Environment variable with the path of the scenario that the page shows."""
