"""Spheroids of EMT6 cells: number of cells and diameter over time, as the community benchmark of 2022 gives them.

Source: Freyer and Sutherland, Cancer Res 46:3504 (1986).
"""

import numpy as np

TIME_H = np.array([101.69, 148.47, 192.54, 242.71, 269.83, 275.93, 366.10, 372.88, 414.24, 463.05, 561.36])
CELLS = np.array([600, 1472, 4409, 14968, 30327, 16577, 62197, 81281, 121828, 202963, 244836])
DIAMETER_UM = np.array([154.47, 272.36, 369.92, 461.38, 558.94, 575.20, 821.14, 867.89, 916.67, 1052.85, 1207.32])

IS_OUTLIER = TIME_H == 275.93
"""Half the cells of six hours before, in a larger spheroid: reported, but nothing is held to it."""

NUMBER_WITHIN, DIAMETER_WITHIN = 1.5, 0.15
"""What a simulation is held to: the number within a factor, the diameter within a share."""
