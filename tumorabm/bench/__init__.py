"""The benchmark that ``tumorabm bench`` runs: speed, memory, start-up and accuracy of this checkout on this machine.

Nothing here is imported by the engine. `suite.run_suite` measures, `report` shows and writes what was measured. Figures
of other simulators, measured elsewhere, stand apart in `elsewhere`.
"""
