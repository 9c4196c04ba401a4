"""What a scenario, a model and a recorded run show of themselves in a notebook: short tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tumorabm.biology.states import APOPTOTIC
from tumorabm.html import Html, element, pairs, table, together
from tumorabm.scenario.site_schema import PRIMARY

if TYPE_CHECKING:
    from tumorabm.model import TumorModel
    from tumorabm.output.opened_run import Run
    from tumorabm.scenario import Scenario
    from tumorabm.scenario.cell_schema import CellGroup
    from tumorabm.scenario.pharmacology_schema import Dose
    from tumorabm.scenario.space_schema import SpatialDomain, Vessels, WellMixedDomain

Rows = list[tuple[str, str]]
"""Names and values."""

_MOST_LISTED = 8


def scenario_html(scenario: Scenario) -> str:
    """Return what a scenario is, as HTML."""
    return _titled(f"scenario {scenario.name}", pairs(scenario_rows(scenario)))


def model_html(model: TumorModel) -> str:
    """Return where a model stands, as HTML; the model stays as it is."""
    rows = [
        ("time", f"{model.time_h:g} h, step {model.tick} of {model.n_steps}"),
        ("seed", str(model.scenario.seed)),
        ("fields", ", ".join(model.fields)),
        ("threads", str(model.threads.count)),
    ]
    return _titled(f"model of {model.scenario.name}", together(pairs(rows), _cells_of(model)))


def run_html(run: Run) -> str:
    """Return what a recorded run was, as HTML."""
    return _titled(f"run {run.folder.name}", together(pairs(run_rows(run)), _live_cells(run)))


def run_rows(run: Run) -> Rows:
    """Return what a recorded run was and how it ended."""
    made = run.provenance
    finished = made.get("finished")
    return [
        ("scenario", f"{made.get('scenario')}, seed {made.get('seed')}"),
        ("simulated", f"{made.get('simulated_hours', 0.0):g} h"),
        ("ended", "complete" if finished is True else f"early: {finished}"),
        ("made by", f"tumorabm {made.get('package_version')}, code {str(made.get('code_version'))[:12]}"),
        ("wall time", f"{made.get('wall_s', 0.0):.0f} s"),
    ]


def scenario_rows(scenario: Scenario) -> Rows:
    """Return what a scenario is: space, cells, doses, and how results are recorded."""
    sites = {PRIMARY: scenario, **scenario.sites}
    rows = [("description", scenario.description)] if scenario.description else []
    rows.append(("time", f"{scenario.hours:g} h in steps of {scenario.time.step_min:g} min; seed {scenario.seed}"))
    for name, site in sites.items():
        where = f" of {name}" if len(sites) > 1 else ""
        rows.append((f"domain{where}", _domain(site.domain)))
        if site.vessels:
            rows.append((f"vessels{where}", _vessels(site.vessels)))
    if scenario.medium:
        rows.append(("medium", "stirred, around the tissue"))
    rows.append(("fields", ", ".join(scenario.field_names)))
    has_wells = scenario.domain.mode == "well_mixed" and scenario.domain.wells > 1
    rows.append(("cells", _listed(f"{name}: {_group(group, has_wells)}" for name, group in scenario.cells.items())))
    for name, site in scenario.sites.items():
        rows.append((f"cells of {name}", _listed(f"{group}: {cells.count}" for group, cells in site.cells.items())))
    rows.append(("doses", _listed(map(dose_in_words, scenario.pharmacology.doses))))
    if scenario.perturbations:
        rows.append(("perturbations", _listed(f"{name} = {value:g}" for name, value in scenario.perturbations.items())))
    output = scenario.output
    rows.append(
        (
            "recorded",
            f"time series every {output.timeseries_every_h:g} h, cells every {output.cells_every_h:g} h, "
            f"fields every {output.fields_every_h:g} h",
        )
    )
    return rows


def dose_in_words(dose: Dose) -> str:
    """Return what is given, how much, and when."""
    if dose.dose_iu_per_m2 is not None:
        amount = f"{dose.dose_iu_per_m2:g} IU/m²"
    else:
        amount = f"{dose.dose_iu:g} IU" if dose.dose_iu is not None else f"to {dose.peak_uM:g} µM"
    course = f", every {dose.every}, {dose.times} times" if dose.every else ""
    return f"{dose.product} {amount} on day {dose.day:g}{course}"


def _domain(domain: SpatialDomain | WellMixedDomain) -> str:
    if domain.mode == "well_mixed":
        return f"well mixed: {domain.wells} wells of {domain.volume_uL:g} µL"
    size = " × ".join(f"{side:g}" for side in domain.size_um)
    return f"{size} µm, voxels of {domain.voxel_um:g} µm"


def _vessels(vessels: Vessels) -> str:
    if vessels.positions_um is not None:
        return f"{len(vessels.positions_um)}, at given places"
    if vessels.density_per_mm2 is not None:
        return f"{vessels.density_per_mm2:g} per mm²"
    return f"{vessels.density_per_mm3:g} per mm³"


def _group(group: CellGroup, has_wells: bool) -> str:
    count = len(group.positions_um) if group.count is None else group.count
    wells = "each well" if group.wells is None else f"wells {', '.join(map(str, group.wells))}"
    return f"{count} of type {group.type}" + (f" in {wells}" if has_wells else "")


def _listed(parts: Iterable[str]) -> str:
    """Return parts as one text; what is beyond the first few is counted."""
    parts = list(parts)
    more = f"; and {len(parts) - _MOST_LISTED} more" if len(parts) > _MOST_LISTED else ""
    return "; ".join(parts[:_MOST_LISTED]) + more if parts else "none"


def _cells_of(model: TumorModel) -> Html:
    rows = []
    for name, site in model.sites.items():
        cells = site.population.data
        is_dead = cells["phase"] >= APOPTOTIC
        live, dead = (Counter(cells["cell_type"][chosen].tolist()) for chosen in (~is_dead, is_dead))
        rows += [(name, cell_type, live[index], dead[index]) for index, cell_type in enumerate(site.cell_types)]
    return table(rows, ("site", "cell type", "live", "dead"))


def _live_cells(run: Run) -> Html:
    """Return live cells of each type and site, at the start and at the end."""
    if run.timeseries is None:
        return element("p", "no time series was recorded")
    rows = []
    for site, series in run.timeseries.groupby("site", sort=False):
        types = [name for name in series if name.startswith("live_")]
        rows += [(site, name.removeprefix("live_"), *series[name].iloc[[0, -1]].astype(int)) for name in types]
    return table(rows, ("site", "live cells", "start", "end"))


def _titled(title: str, content: Html) -> str:
    return str(element("div", element("b", title), content))
