"""The disc of cells as a plain Mesa model: one Python agent a cell, oxygen on a NumPy grid."""

import math

import mesa
import numpy as np
from scipy.sparse import csc_array, diags_array, eye_array, kron
from scipy.sparse.linalg import spsolve

STEP_MIN = 6.0
PUSHES_PER_STEP = 6  # one a minute; PhysiCell makes 60
VOXEL_UM = 20.0
DIFFUSION_UM2_PER_MIN = 1e5
DECAY_PER_MIN = 0.1
UPTAKE_PER_MIN = (
    3.1  # of a voxel's oxygen by one cell: 10/min times the cell's share of the voxel, 2494 µm³ of 8000 µm³
)
RIM_MMHG = 38.0
GROWTH_NONE_MMHG = 5.0
CYCLE_MIN = 18.0 * 60.0
RADIUS_UM = 8.41  # of a sphere of 2494 µm³
PUSH_SHARE = 0.25  # of an overlap that one cell gives way in a push
ADHESION_REACH = 1.25  # in sums of two radii
ADHESION_SHARE = 0.02  # of a gap that one cell closes in a push


class Cell(mesa.Agent):
    """A cell that takes up oxygen, grows with it, divides, and pushes its neighbours."""

    def __init__(self, model: "Disc", x: float, y: float, volume: float) -> None:
        super().__init__(model)
        self.x, self.y, self.volume = x, y, volume

    @property
    def radius(self) -> float:
        return RADIUS_UM * self.volume ** (1.0 / 3.0)

    def metabolise(self) -> None:
        voxel = self.model.voxel(self.x, self.y)
        self.model.uptake_per_min[voxel] += UPTAKE_PER_MIN * self.volume
        oxygen = self.model.oxygen_mmHg[voxel]
        pace = min(max((oxygen - GROWTH_NONE_MMHG) / (RIM_MMHG - GROWTH_NONE_MMHG), 0.0), 1.0)
        self.volume *= 2.0 ** (pace * STEP_MIN / CYCLE_MIN)
        if self.volume >= 2.0:
            self.divide()

    def push(self) -> None:
        dx = dy = 0.0
        radius = self.radius
        for other in self.model.around(self.x, self.y):
            if other is self:
                continue
            away_x, away_y = self.x - other.x, self.y - other.y
            distance = math.hypot(away_x, away_y)
            contact = radius + other.radius
            if 0.0 < distance < ADHESION_REACH * contact:
                share = (PUSH_SHARE if distance < contact else ADHESION_SHARE) * (contact - distance) / distance
                dx += share * away_x
                dy += share * away_y
        self.x, self.y = self.model.inside(self.x + dx, self.y + dy)

    def divide(self) -> None:
        self.volume /= 2.0
        angle = self.model.random.uniform(0.0, 2.0 * math.pi)
        Cell(self.model, *self.model.inside(self.x + math.cos(angle), self.y + math.sin(angle)), self.volume)


class Disc(mesa.Model):
    """A square with oxygen held at its rim, and cells at given positions.

    It does less than the other models: one substrate, one implicit diffusion step in 6 min, and few pushes.
    """

    def __init__(self, positions_um: np.ndarray, side_um: float, seed: int = 1) -> None:
        super().__init__(rng=seed)
        self.side_um = side_um
        self.n = round(side_um / VOXEL_UM)
        self.oxygen_mmHg = np.full((self.n, self.n), RIM_MMHG)
        self.uptake_per_min = np.zeros((self.n, self.n))
        self.diffusion, self.inflow = diffusion_operator(self.n)
        for x, y in positions_um[:, :2].tolist():
            Cell(self, x, y, 2.0 ** self.random.random())

    def step(self) -> None:
        self.uptake_per_min[:] = 0.0
        self.agents.do("metabolise")
        self.diffuse()
        for _ in range(PUSHES_PER_STEP):
            self.sort_into_voxels()
            self.agents.shuffle_do("push")

    def inside(self, x: float, y: float) -> tuple[float, float]:
        last = self.side_um - 1e-6
        return min(max(x, 0.0), last), min(max(y, 0.0), last)

    def voxel(self, x: float, y: float) -> tuple[int, int]:
        return int(y / VOXEL_UM), int(x / VOXEL_UM)

    def sort_into_voxels(self) -> None:
        self.cells_of: dict[tuple[int, int], list[Cell]] = {}
        for cell in self.agents:
            self.cells_of.setdefault(self.voxel(cell.x, cell.y), []).append(cell)

    def around(self, x: float, y: float):
        row, column = self.voxel(x, y)
        for j in (row - 1, row, row + 1):
            for i in (column - 1, column, column + 1):
                yield from self.cells_of.get((j, i), ())

    def diffuse(self) -> None:
        sinks = 1.0 / STEP_MIN + DECAY_PER_MIN + self.uptake_per_min.ravel()
        right = self.oxygen_mmHg.ravel() / STEP_MIN + self.inflow
        self.oxygen_mmHg[:] = spsolve(csc_array(diags_array(sinks) - self.diffusion), right).reshape(self.n, self.n)


def diffusion_operator(n: int):
    """Return the five-point operator (1/min) of n x n voxels within a rim, and the inflow from it (mmHg/min)."""
    rate = DIFFUSION_UM2_PER_MIN / VOXEL_UM**2
    line = diags_array([rate, -2.0 * rate, rate], offsets=[-1, 0, 1], shape=(n, n)).tolil()
    inflow = np.zeros(n)
    for end in (0, n - 1):
        line[end, end] -= rate
        inflow[end] = 2.0 * rate * RIM_MMHG
    return kron(line, eye_array(n)) + kron(eye_array(n), line), np.add.outer(inflow, inflow).ravel()
