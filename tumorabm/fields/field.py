"""One substrate on a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tumorabm.fields.grid import Grid
from tumorabm.fields.integrate import inspect
from tumorabm.fields.multigrid import GUARD, build_levels
from tumorabm.fields.scratch import Scratch
from tumorabm.fields.stage import NOT_CONVERGED, NOT_FINITE, OK, TINY_MM, Terms, solve_stage
from tumorabm.fields.substeps import NotSolvedError, Substeps

FACES = ("x_low", "x_high", "y_low", "y_high", "z_low", "z_high")

_NOTHING = np.empty(0)


@dataclass
class Exchange:
    """What a field exchanged in one call of `Field.advance`.

    The arrays belong to the field and are overwritten by its next step: copy what is kept.

    Parameters
    ----------
    uptake_saturation_min
        (nz, ny, nx) float64, min, integral of c / (c + Ku). Cells with a joint maximal velocity of V amol/min in a
        voxel took V times this, amol. None in a field that was never given an uptake.
    enzyme_saturation_min
        The same for the enzyme, with its own Michaelis constant; None in a field that was never given an enzyme.
    from_vessels_amol
        Net amount that came from the vessels.
    through_faces_amol
        Net amount that came in through Dirichlet faces.
    decayed_amol
        Amount that decayed.
    substeps, cycles
        Time steps and multigrid cycles that were needed.
    balance_correction
        Largest ``abs(factor - 1)`` by which a sub-step's concentrations were scaled to close the balance.
    """

    uptake_saturation_min: np.ndarray | None
    enzyme_saturation_min: np.ndarray | None
    from_vessels_amol: float
    through_faces_amol: float
    decayed_amol: float
    substeps: int
    cycles: int
    balance_correction: float


class Field:
    """The concentration of one substrate, with diffusion, decay, vessels, sources, uptake, and an enzyme.

    Solves, on every voxel,

        dc/dt = div(D grad c) - decay c + p (plasma - c) + s - u c/(c + Ku) - e c/(c + Ke)

    Different fields may be advanced in different threads at once; one field may not.

    Parameters
    ----------
    name
        Name of the substrate, for messages.
    grid
        The voxels.
    diffusion_um2_per_min
        Diffusion coefficient D, µm²/min.
    decay_per_min
        First-order decay, 1/min.
    faces
        Concentration (mM) at each Dirichlet face, by its name in `FACES`; every other face is closed.
    concentration_mM
        (nz, ny, nx) float64, C-contiguous, mM: memory to use. It is updated in place and never replaced.
    initial_mM
        Concentration at the start where no memory is given, mM.
    tolerance, floor_mM
        Error allowed in a sub-step: ``tolerance`` times the local concentration (at least times a tenth of the
        largest one), plus ``floor_mM``.
    scratch
        Solver memory shared with other fields of the same grid; by default the field has its own.

    Attributes
    ----------
    concentration_mM : numpy.ndarray
        (nz, ny, nx) float64, mM.
    plasma_mM : float
        Concentration in the vessels, mM; set it at any time.
    vessel_exchange_per_min : numpy.ndarray
        (nz, ny, nx) float64, 1/min, exchange p with the vessels; write into it at any time.
    uptake_saturation_min : numpy.ndarray or None
        What the last step's `Exchange` has under this name.

    Raises
    ------
    ValueError
        For a negative or non-finite number, an unknown face, a Dirichlet z face on a two-dimensional grid, or memory
        of another shape, dtype or layout.
    """

    def __init__(
        self,
        name: str,
        grid: Grid,
        diffusion_um2_per_min: float,
        decay_per_min: float = 0.0,
        faces: Mapping[str, float] | None = None,
        concentration_mM: np.ndarray | None = None,
        initial_mM: float = 0.0,
        tolerance: float = 5e-4,
        floor_mM: float = 1e-7,
        scratch: Scratch | None = None,
    ) -> None:
        self.name, self.grid = name, grid
        self.diffusion_um2_per_min = self._number("diffusion_um2_per_min", diffusion_um2_per_min)
        self.decay_per_min = self._number("decay_per_min", decay_per_min)
        self.tolerance = self._number("tolerance", tolerance, above_zero=True)
        self.floor_mM = self._number("floor_mM", floor_mM)
        self.faces = self._checked_faces(faces or {})
        if concentration_mM is None:
            concentration_mM = np.full(grid.shape, self._number("initial_mM", initial_mM))
        self.concentration_mM = concentration_mM
        self._concentration = self._flat("concentration_mM", concentration_mM)
        self.plasma_mM = 0.0
        self.vessel_exchange_per_min = np.zeros(grid.shape)
        self.uptake_saturation_min: np.ndarray | None = None
        self._enzyme_saturation: np.ndarray | None = None
        self._rate = np.zeros(grid.n_voxels, np.float32)
        self._scratch = scratch or Scratch(grid)
        self._first_substep_min = math.inf
        dirichlet = tuple((f"{axis}_low" in self.faces, f"{axis}_high" in self.faces) for axis in "zyx")
        self._levels = build_levels(grid.shape, grid.voxel_um, self.diffusion_um2_per_min, dirichlet)
        self._lower, self._upper = self._couplings()
        self._wall, self._wall_inflow = self._walls()

    def advance(
        self,
        dt_min: float,
        source_mM_per_min: np.ndarray | None = None,
        uptake_mM_per_min: np.ndarray | None = None,
        uptake_km_mM: float = 1.0,
        enzyme_mM_per_min: np.ndarray | None = None,
        enzyme_km_mM: float = 1.0,
        max_substep_min: float = math.inf,
    ) -> Exchange:
        """Advance the concentration by one cell step and report what was exchanged.

        The change of the total equals the sum of the reported amounts, less what cells and enzyme took and plus what
        the source gave, to rounding.

        Parameters
        ----------
        dt_min
            Length of the step, min.
        source_mM_per_min
            (nz, ny, nx) float64, source s, constant over the step.
        uptake_mM_per_min, enzyme_mM_per_min
            (nz, ny, nx) float64, maximal velocities u and e.
        uptake_km_mM, enzyme_km_mM
            Michaelis constants Ku and Ke, mM.
        max_substep_min
            Longest time step; below ``dt_min``, only the second-order scheme is used.

        Raises
        ------
        ValueError
            For an argument, or a value in the field's arrays, that is negative or not finite, naming the voxel.
        FloatingPointError
            If the solver does not converge; the field then stands at the last sub-step that did.
        """
        dt_min = self._number("dt_min", dt_min, above_zero=True)
        if not max_substep_min > 0:
            raise ValueError(f"field {self.name}: max_substep_min: expected a number above 0, got {max_substep_min}")
        terms = self._terms(source_mM_per_min, uptake_mM_per_min, uptake_km_mM, enzyme_mM_per_min, enzyme_km_mM)
        if uptake_mM_per_min is not None and self.uptake_saturation_min is None:
            self.uptake_saturation_min = np.zeros(self.grid.shape)
        if enzyme_mM_per_min is not None and self._enzyme_saturation is None:
            self._enzyme_saturation = np.zeros(self.grid.shape)
        saturations = [
            _NOTHING if array is None else array.reshape(-1)
            for array in (self.uptake_saturation_min, self._enzyme_saturation)
        ]
        for saturation in saturations:
            saturation.fill(0.0)
        if self._stays_empty(terms):
            self._rate.fill(0.0)
            return Exchange(self.uptake_saturation_min, self._enzyme_saturation, 0.0, 0.0, 0.0, 1, 0, 0.0)
        with self._scratch.borrow() as work:
            course = Substeps(
                self._levels,
                terms,
                work,
                self._concentration,
                self._rate,
                *saturations,
                self.tolerance,
                self.floor_mM,
            )
            try:
                self._first_substep_min = course.run(dt_min, float(max_substep_min), self._first_substep_min)
            except NotSolvedError as error:
                when = f"{error.reached_min:g} min into a step of {dt_min:g} min"
                raise self._failure(error.status, error.voxel, error.measure, when) from None
        vessels, faces, decayed = (course.totals * self.grid.voxel_volume_um3).tolist()
        return Exchange(
            self.uptake_saturation_min,
            self._enzyme_saturation,
            vessels,
            faces,
            decayed,
            course.substeps,
            course.cycles,
            course.balance_correction,
        )

    def relax_to_steady_state(
        self,
        source_mM_per_min: np.ndarray | None = None,
        uptake_mM_per_min: np.ndarray | None = None,
        uptake_km_mM: float = 1.0,
        enzyme_mM_per_min: np.ndarray | None = None,
        enzyme_km_mM: float = 1.0,
    ) -> None:
        """Set the concentration to the steady state of the given terms; arguments as for `advance`.

        Raises
        ------
        ValueError
            If nothing but sources and diffusion acts in a closed box, so that no steady state is unique.
        FloatingPointError
            If the solver does not converge, for instance because sources exceed what saturable sinks can take.
        """
        terms = self._terms(source_mM_per_min, uptake_mM_per_min, uptake_km_mM, enzyme_mM_per_min, enzyme_km_mM)
        sinks = (terms.exchange, terms.uptake, terms.enzyme, terms.wall)
        if self.decay_per_min == 0.0 and not any(sink.any() for sink in sinks):
            raise ValueError(
                f"field {self.name}: no unique steady state: expected decay, vessels, uptake, an enzyme or a Dirichlet "
                "face, but all faces are closed and there is no sink"
            )
        with self._scratch.borrow() as work:
            work.iterate[GUARD:-GUARD] = self._concentration
            status, _, voxel, change, _ = solve_stage(
                self._levels, terms, work, self._concentration, 0.0, 0.0, max(self.floor_mM, TINY_MM)
            )
            if status != OK:
                raise self._failure(status, voxel, change, "in the steady state")
            self._concentration[:] = work.iterate[GUARD:-GUARD]
        self._rate[:] = 0.0

    def state(self) -> dict[str, object]:
        """Return what the next step depends on, for `restore`: the field's own memory, mM and min, and numbers.

        An exchange with vessels that is zero everywhere is None, so that its untouched memory stays so.
        """
        exchange = self.vessel_exchange_per_min
        return {
            "concentration_mM": self.concentration_mM,
            "rate_mM_per_min": self._rate,
            "uptake_saturation_min": self.uptake_saturation_min,
            "vessel_exchange_per_min": exchange if exchange.any() else None,
            "plasma_mM": self.plasma_mM,
            "first_substep_min": self._first_substep_min,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from where the field of the same grid stood whose `state` this was."""
        self.concentration_mM[...] = state["concentration_mM"]
        self._rate[...] = state["rate_mM_per_min"]
        saturation, exchange = state["uptake_saturation_min"], state["vessel_exchange_per_min"]
        self.uptake_saturation_min = None if saturation is None else np.array(saturation)
        if exchange is not None:
            self.vessel_exchange_per_min[...] = exchange
        elif self.vessel_exchange_per_min.any():
            self.vessel_exchange_per_min.fill(0.0)
        self.plasma_mM, self._first_substep_min = state["plasma_mM"], state["first_substep_min"]

    def _terms(
        self,
        source: np.ndarray | None,
        uptake: np.ndarray | None,
        uptake_km: float,
        enzyme: np.ndarray | None,
        enzyme_km: float,
    ) -> Terms:
        """Return the checked terms for the kernels."""
        self._present("concentration_mM", self.concentration_mM)
        return Terms(
            self._present("vessel_exchange_per_min", self.vessel_exchange_per_min),
            self._present("source_mM_per_min", source),
            self._present("uptake_mM_per_min", uptake),
            self._present("enzyme_mM_per_min", enzyme),
            self._lower,
            self._upper,
            self._wall,
            self._wall_inflow,
            self.decay_per_min,
            self._number("plasma_mM", self.plasma_mM),
            self._number("uptake_km_mM", uptake_km, above_zero=True),
            self._number("enzyme_km_mM", enzyme_km, above_zero=True),
        )

    def _present(self, name: str, array: np.ndarray | None) -> np.ndarray:
        """Return a checked array, flat, or one of length 0 where there is none or nothing but zeros in it, or raise."""
        if array is None:
            return _NOTHING
        flat = self._flat(name, array)
        voxel, anything = inspect(flat)
        if voxel >= 0:
            raise ValueError(
                f"field {self.name}: {name}: expected finite values of at least 0, "
                f"got {flat[voxel]:g} at {self._place(voxel)}"
            )
        return flat if anything else _NOTHING

    def _stays_empty(self, terms: Terms) -> bool:
        """Return whether there is nothing in the field and nothing that could come in."""
        supplied = terms.wall_inflow.any() or len(terms.source) > 0 or (len(terms.exchange) > 0 and terms.plasma > 0)
        return not (supplied or self._concentration.any())

    def _number(self, name: str, value: float, above_zero: bool = False) -> float:
        """Return a finite, non-negative number as a float, or raise."""
        if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
            expected = "above 0" if above_zero else "of at least 0"
            raise ValueError(f"field {self.name}: {name}: expected a finite number {expected}, got {value}")
        return float(value)

    def _flat(self, name: str, array: np.ndarray) -> np.ndarray:
        """Return a flat view of a C-contiguous float64 array of the grid's shape, or raise."""
        good = isinstance(array, np.ndarray) and array.shape == self.grid.shape
        if not (good and array.dtype == np.float64 and array.flags.c_contiguous):
            found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ValueError(
                f"field {self.name}: {name}: expected a C-contiguous float64 array of shape {self.grid.shape}, "
                f"got {found}"
            )
        return array.reshape(-1)

    def _checked_faces(self, faces: Mapping[str, float]) -> dict[str, float]:
        """Return the Dirichlet faces, or raise."""
        for face in faces:
            if face not in FACES:
                raise ValueError(f"field {self.name}: faces: unknown face {face!r}, expected one of {', '.join(FACES)}")
            if self.grid.ndim == 2 and face.startswith("z"):
                raise ValueError(f"field {self.name}: faces: {face} must stay closed on a two-dimensional grid")
        return {face: self._number(f"faces.{face}", value) for face, value in faces.items()}

    def _couplings(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the couplings to the voxel before and after, 1/min; axes z, y, x in turn."""
        inside = self.diffusion_um2_per_min / self.grid.voxel_um**2
        lower, upper = np.full(sum(self.grid.shape), inside), np.full(sum(self.grid.shape), inside)
        ends = np.cumsum(self.grid.shape)
        lower[ends - self.grid.shape], upper[ends - 1] = 0.0, 0.0
        return lower, upper

    def _walls(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the couplings to Dirichlet faces, and these times the values there; axes z, y, x in turn."""
        coupling, inflow, start = np.zeros(sum(self.grid.shape)), np.zeros(sum(self.grid.shape)), 0
        conductance = 2.0 * self.diffusion_um2_per_min / self.grid.voxel_um**2
        for axis, n in zip("zyx", self.grid.shape, strict=True):
            for face, entry in ((f"{axis}_low", start), (f"{axis}_high", start + n - 1)):
                if face in self.faces:
                    coupling[entry] += conductance
                    inflow[entry] += conductance * self.faces[face]
            start += n
        return coupling, inflow

    def _place(self, voxel: int) -> str:
        """Return a voxel's indices in words."""
        k, j, i = np.unravel_index(voxel, self.grid.shape)
        return f"voxel x={i}, y={j}, z={k}"

    def _failure(self, status: int, voxel: int, measure: float, when: str) -> FloatingPointError:
        """Return the error for a status of the solver."""
        if status == NOT_FINITE:
            what = f"a value that is not finite at {self._place(voxel)}"
        elif status == NOT_CONVERGED:
            what = f"no convergence, last correction {measure:.3g} mM"
        else:
            what = f"the balance is off by {measure:.3g} of the total"
        return FloatingPointError(f"field {self.name}: {what}, {when}")
