"""The page: Mesa's SolaraViz with a map, curves, the state of a cell, and doses that are given by hand.

``tumorabm serve SCENARIO`` shows it, as does ``solara run tumorabm.server.page`` with the scenario's path in the
environment variable ``TUMORABM_SCENARIO``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import solara
from mesa.visualization import SolaraViz
from mesa.visualization.utils import update_counter

from tumorabm import html
from tumorabm.cells import TumorCell
from tumorabm.model import TumorModel
from tumorabm.pharmacology.formulations import FORMULATIONS
from tumorabm.scenario import Scenario, ScenarioError, load_scenario
from tumorabm.scenario.site_schema import PRIMARY
from tumorabm.server import SCENARIO_VARIABLE
from tumorabm.server.controls import DOSE_RANGE_IU_PER_M2, as_meant, controls_of, scenarios_beside
from tumorabm.server.curves import CurvePicture
from tumorabm.server.map_picture import COLOUR_BY, NO_CELLS, Look, draw_map, place_on_map, snapshot
from tumorabm.server.simulation import Simulation

_STYLE = """
/* Solara's line below the page, not over it */
div:has(> b > a[href="https://solara.dev"]) { position: static !important; text-align: right; }
/* the label of a slider above it: beside a long one there is no room to move it */
.v-input__slider .v-input__slot { flex-wrap: wrap; }
.v-input__slider .v-label { flex: 0 0 100%; }
/* a message for each of several problems */
.v-alert__content { white-space: pre-line; }
"""
RESET = " — press Reset"

_drawing = threading.Lock()  # matplotlib's settings are those of the process, and each tab draws in its own thread


@solara.component
def Page() -> None:
    """Show one browser tab, which has a model of its own."""
    if SCENARIO_VARIABLE not in os.environ:
        solara.Error(f"There is no scenario; expected its path in the environment variable {SCENARIO_VARIABLE}")
        return
    ChosenScenario()


@solara.component
def ChosenScenario() -> None:
    """Show one of the scenarios of the folder."""
    scenarios = solara.use_memo(lambda: scenarios_beside(Path(os.environ[SCENARIO_VARIABLE])), [])
    chosen, choose = solara.use_state(next(iter(scenarios)))
    solara.Title(f"tumorabm: {chosen}")
    solara.Style(_STYLE)
    with solara.Sidebar():
        solara.Select("scenario", list(scenarios), chosen, on_value=choose)
    NewTissue(str(scenarios[chosen])).key(chosen)


@solara.component
def NewTissue(path: str) -> None:
    """Make the tissue of a scenario in a thread of its own, and show it when it is there.

    Until then Mesa's controls are away: they would go on with what was set for the scenario before.
    """

    def make() -> tuple[Simulation, Scenario] | str:
        try:
            return Simulation(path), load_scenario(path)
        except ScenarioError as error:  # the file was changed since the scenarios were looked for
            return str(error)

    made = solara.lab.use_task(make, dependencies=[path], prefer_threaded=True)
    if made.finished and isinstance(made.value, str):
        solara.Error(made.value)
    elif made.finished:
        Tissue(path, *made.value)
    else:
        solara.Info(
            f"The tissue of {Path(path).stem} is being made. The first time, kernels are compiled: half a minute."
        )


@solara.component
def Tissue(path: str, made: Simulation, scenario: Scenario) -> None:
    """Show a scenario: Mesa's controls, and what is seen of the tissue."""
    simulation = solara.use_memo(lambda: solara.reactive(made), [path])
    solara.use_effect(lambda: lambda: simulation.value.stop(), [])  # when the tab is closed, or shows another scenario
    controls = solara.use_memo(lambda: controls_of(scenario), [path])
    values = solara.use_memo(lambda: {name: solara.reactive(of["value"]) for name, of in controls.items()}, [path])
    SolaraViz(
        simulation,
        components=[],
        model_params={
            "path": path,
            **{
                name: _shown(of, values[name], as_meant(of, simulation.value.values.get(name, of["value"])))
                for name, of in controls.items()
            },
        },
        name=scenario.name,
        play_interval=1,
    )
    Seen(simulation.value)


def _shown(control: dict[str, object], value: solara.Reactive, running: object) -> dict[str, object]:
    """Return a control whose label tells its value, and whether the tissue was made with another one."""
    meant = as_meant(control, value.value)
    number = f": {meant:.5g}" if isinstance(meant, float) else ""
    return {**control, "value": value, "label": f"{control['label']}{number}{'' if meant == running else RESET}"}


@solara.component
def Seen(simulation: Simulation) -> None:
    """Show map, cell, doses and curves of a simulation, again after each step."""
    _being_drawn(simulation)
    cell, pick = solara.use_state(None)
    site, choose_site = solara.use_state(PRIMARY)
    if simulation.problem:
        solara.Error(simulation.problem)
    if simulation.tissue is None:
        return
    site = site if site in simulation.tissue.sites else PRIMARY
    if len(simulation.tissue.sites) > 1:
        solara.Select("site", list(simulation.tissue.sites), site, on_value=choose_site)
    if simulation.tissue.sites[site].well_mixed:
        time_h = simulation.tissue.time_h
        solara.HTML("div", f"{_when(time_h)}, well-mixed: there is no map", classes=["tissue-time"])
        DoseNow(simulation, simulation.running)
    else:
        with solara.Columns([8, 4]):
            Map(simulation, site, pick)
            with solara.Column():
                DoseNow(simulation, simulation.running)
                CellState(simulation, cell)
    Curves(simulation, site)


def _when(time_h: float) -> str:
    return f"<b>day {time_h / 24.0:.2f}</b> ({round(time_h, 3):g} h)"  # some scenarios last minutes


def _being_drawn(simulation: Simulation) -> None:
    """Draw again after each step, and hold the next one back until all is shown."""
    update_counter.get()
    simulation.shown.clear()
    solara.use_effect(simulation.shown.set, None)


@solara.component
def Map(simulation: Simulation, site: str, pick: Callable[[TumorCell | None], None]) -> None:
    """Show the cells of a site over one of its fields; a click picks a cell."""
    _being_drawn(simulation)
    tissue = simulation.tissue.sites[site]
    field, choose_field = solara.use_state("asparagine")
    colour_by, choose_colour = solara.use_state("type")
    share, choose_slice = solara.use_state(0.5)
    field = field if field in tissue.fields else next(iter(tissue.fields))
    wanted = Look(site, field, colour_by, share)
    with solara.Row():
        solara.Select("field", list(tissue.fields), field, on_value=choose_field)
        solara.Select("cells coloured by", [*COLOUR_BY, NO_CELLS], colour_by, on_value=choose_colour)
    if tissue.grid.ndim == 3:
        solara.SliderFloat("height of the slice, share of the box", share, 0.0, 1.0, 0.02, on_value=choose_slice)
    with simulation.lock:
        seen = snapshot(simulation.tissue, wanted)
    with _drawing:
        picture = draw_map(seen)

    def on_click(shares: dict[str, float]) -> None:
        place = place_on_map(seen.size_um, shares["x"], shares["y"])
        pick(simulation.cell_at(site, *place, seen.z_um) if place else None)

    height = "" if seen.z_um is None else f", slice at z = {seen.z_um:.0f} µm"
    solara.HTML("div", f"{_when(seen.time_h)}{height}", classes=["tissue-time"])
    look = "max-width: 100%; align-self: flex-start; cursor: crosshair"
    _Picture(
        png=picture.png, alt=f"map of the cells over {field}", kind="tissue-map", look=look, event_clicked=on_click
    )
    solara.HTML("div", html.together(*map(_chip, picture.legend)), classes=["tissue-legend"])


@solara.component_vue("picture.vue")
def _Picture(
    png: bytes, alt: str, kind: str, look: str, event_clicked: Callable[[dict[str, float]], None] | None = None
) -> None:
    """Show a picture and tell where it was clicked, as shares of its width and height from the left upper corner.

    ``kind`` is its class of HTML, and ``look`` its style.
    """


@solara.component
def Curves(simulation: Simulation, site: str) -> None:
    """Show what was observed of a site until now."""
    _being_drawn(simulation)
    tissue = simulation.tissue.sites[site]

    def new() -> CurvePicture:
        with _drawing:
            return CurvePicture()

    picture = solara.use_memo(new, [id(tissue)])

    def draw() -> bytes:
        with simulation.lock, _drawing:
            return picture.draw(tissue.timeseries(), simulation.doses_h)

    png = solara.use_memo(draw, [picture, len(tissue.datacollector.ticks), len(simulation.doses_h)])
    _Picture(png=png, alt="curves", kind="tissue-curves", look="width: 100%; margin-bottom: 3em")


@solara.component
def DoseNow(simulation: Simulation, running: bool) -> None:
    """Let a dose of asparaginase be given by hand, as long as the tissue is running."""
    dose, choose_dose = solara.use_state(2500.0)
    formulation, choose_formulation = solara.use_state("pegaspargase")
    if "asparaginase" not in simulation.tissue.fields:
        return
    with solara.Card("Dose by hand"):
        solara.SliderFloat(f"IU/m²: {dose:g}", dose, 50.0, DOSE_RANGE_IU_PER_M2[1], 50.0, on_value=choose_dose)
        solara.Select("formulation", list(FORMULATIONS), formulation, on_value=choose_formulation)
        solara.Button(
            "Give a dose now",
            color="primary",
            disabled=not running,
            on_click=lambda: simulation.give_dose_now(formulation, dose),
        )


@solara.component
def CellState(simulation: Simulation, cell: TumorCell | None) -> None:
    """Show all columns of the cell that was clicked, as long as it is in the tissue."""
    if cell is not None:
        update_counter.get()
    with solara.Card("Cell"), simulation.lock:
        if cell is None or cell.model not in simulation.tissue.sites.values():
            solara.Text("Click a cell in the map to see its state.")
        elif not cell.in_population:
            solara.Text(f"Cell {cell.unique_id} has left the tissue.")
        else:
            solara.HTML("div", _table(cell), classes=["tissue-cell"])


def _table(cell: TumorCell) -> html.Html:
    model: TumorModel = cell.model
    columns = model.cell_columns(slice(cell.row, cell.row + 1))
    values = html.table((name, _text(column[0])) for name, column in columns.items())
    return html.element("div", values, style="max-height: 22em; overflow: auto; font-size: 90%")


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _chip(entry: tuple[str, str]) -> html.Html:
    label, colour = entry
    disc = "display: inline-block; width: .8em; height: .8em; border-radius: 50%; background: "
    dot = html.element("span", style=disc + colour)
    return html.element("span", dot, f" {label}", style="margin-right: 1em; white-space: nowrap")
