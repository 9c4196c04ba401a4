"""The disc of cells in pyphysicell: 4 substrates, cells that push, adhere, and proliferate with oxygen."""

import numpy as np
import pyphysicell as pc

VOXEL_UM = 20.0
RIM = {"oxygen": 38.0, "glucose": 5000.0, "glutamine": 600.0, "asparagine": 50.0}  # mmHg, µM
DIFFUSION_UM2_PER_MIN = {"oxygen": 1e5, "glucose": 3e4, "glutamine": 2.4e4, "asparagine": 2.6e4}
DECAY_PER_MIN = {"oxygen": 0.1}
UPTAKE_PER_MIN = {"oxygen": 10.0, "glucose": 0.1, "glutamine": 0.1, "asparagine": 0.1}
GROWTH_NONE_MMHG = 5.0


def simulation(positions_um: np.ndarray, side_um: float) -> pc.Simulation:
    """Return a simulation of cells at these positions, with pyphysicell's default steps (0.01, 0.1, 6 min)."""
    half = side_um / 2.0
    tumour = pc.CellType(
        "tumour",
        cycle=pc.Cycle(code=5, name="live", transition_rates={(0, 0): 0.00072}),
        secretion={name: pc.SecretionEntry(uptake_rate=rate) for name, rate in UPTAKE_PER_MIN.items()},
    )
    model = pc.Model(
        domain=pc.Domain(x_min=-half, x_max=half, y_min=-half, y_max=half, dx=VOXEL_UM, dy=VOXEL_UM, dz=VOXEL_UM),
        substrates=[substrate(name) for name in RIM],
        cell_types=[tumour],
        calculate_gradients=False,  # nothing here reads them
    )
    disc = pc.Simulation(model, seed=1)
    positions = positions_um - np.array([half, half, 0.0])
    positions[:, 2] = 0.0
    disc.add_cells(positions, "tumour")
    disc.hook("phenotype", cell_type="tumour")(proliferate_with_oxygen)
    return disc


def substrate(name: str) -> pc.Substrate:
    """Return a substrate that is held at all four sides."""
    return pc.Substrate(
        name,
        diffusion_coefficient=DIFFUSION_UM2_PER_MIN[name],
        decay_rate=DECAY_PER_MIN.get(name, 0.0),
        initial_condition=RIM[name],
        dirichlet_faces=dict.fromkeys(("xmin", "xmax", "ymin", "ymax"), (True, RIM[name])),
    )


def proliferate_with_oxygen(cells) -> None:
    """Let the rate of the cycle rise in proportion to oxygen above 5 mmHg."""
    share = (cells.signals["oxygen"] - GROWTH_NONE_MMHG) / (RIM["oxygen"] - GROWTH_NONE_MMHG)
    cells.behaviors["cycle entry"] = cells.base("cycle entry") * np.clip(share, 0.0, 1.0)
