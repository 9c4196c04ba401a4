"""Radius of a colony of tumour cells in culture over time, as the community benchmark of 2022 gives it.

Source: Bru et al., Phys Rev Lett 81:4008 (1998).
"""

import numpy as np

TIME_H = np.array([336, 386, 408, 481, 506, 646])
RADIUS_UM = np.array([570, 700, 795, 1020, 1125, 1520])

RADIUS_WITHIN = 0.1
"""What a simulation is held to, as a share of the measured radius."""
