"""Sweeps: a plan of many runs of one scenario, run by local processes or job arrays, and the table of their results.

Results decide what is done: a run is done once it is in a readable part of the store (`tumorabm.sweep.store`).
"""
