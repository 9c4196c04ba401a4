"""Runs that cannot begin, or cannot go on: one line that says what and where, and nothing lost that was good."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import mesa
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import tumorabm.memory
from tumorabm import TumorModel, load_scenario
from tumorabm.cli import app
from tumorabm.finite import first_fault
from tumorabm.memory import needed_bytes, require_memory
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import RunFolder
from tumorabm.scenario import scenario_from_dict
from tumorabm.threads import MOST_THREADS, Threads

SCENARIO = """
hours = 6.0
[domain]
size_um = [100.0, 80.0]
[vessels]
positions_um = [[50.0, 40.0]]
[cells.blast]
type = "all_blast"
count = 6
[output]
timeseries_every_h = 0.5
cells_every_h = 2.0
fields_every_h = 2.0
"""
FAILING_TICK = 33
"""In the step that ends at 3.4 h, after the row of 3 h and the table of 2 h."""


@pytest.fixture(autouse=True)
def in_own_folder_without_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    (tmp_path / "small.toml").write_text(SCENARIO)


def run(*arguments: object):
    return CliRunner().invoke(app, ["run", "small.toml", "--quiet", "--out", "mine", *map(str, arguments)])


# -- what cannot begin -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--threads", "0"], ["--threads", "expected 1 to 1024", "got 0"]),
        (["--threads", "-1"], ["--threads", "expected 1 to 1024", "got -1"]),
        (["--threads", "100000"], ["--threads", "expected 1 to 1024", "got 100000"]),
        (["--set", "time.step_min=0"], ["time.step_min = 0", "> 0 and <= 60", "min"]),
        (["--set", "time.step_min=-6"], ["time.step_min = -6", "> 0 and <= 60"]),
        (["--set", "time.step_min=61"], ["time.step_min = 61", "> 0 and <= 60"]),
        (["--set", "time.step_min=nan"], ["time.step_min = nan", "finite", "> 0 and <= 60"]),
        (["--set", "domain.voxel_um=0"], ["domain.voxel_um = 0", "> 0", "µm"]),
        (["--set", "domain.voxel_um=inf"], ["domain.voxel_um = inf", "finite"]),
        (["--set", "domain.voxel_um=16"], ["domain.size_um.0", "whole number of voxels of 16 µm", "96 or 112"]),
        (["--set", "domain.size_um=[20000, 20000, 20000]"], ["domain.size_um", "at most 1e+08 voxels"]),
        (["--set", "domain.size_um=[1e9, 40]"], ["domain.size_um.0", "at most 1e+06 voxels of 20 µm along x"]),
        (["--set", "cells.blast.count=1000000000"], ["cells.blast.count = 1000000000", "<= 100000000"]),
        (["--set", "fields.oxygen.decay_per_min=1e39"], ["decay_per_min = 1e+39", ">= 0 and <= 1e+09", "1/min"]),
        (["--set", "fields.oxygen.diffusion_um2_per_min=2e9"], ["um2_per_min = 2000000000.0", "<= 1e+09", "µm²/min"]),
        (["--set", "fields.glucose.vessel_exchange_per_min=1e39"], ["exchange_per_min = 1e+39", "<= 1e+09"]),
        (["--set", "fields.glucose.plasma_uM=1e300"], ["fields.glucose.plasma_uM = 1e+300", "<= 1e+09", "µM"]),
        (["--set", "medium.exchange_per_min=1e300"], ["medium.exchange_per_min = 1e+300", "> 0 and <= 1e+09"]),
        (["--set", "domain.voxel_um=1e300"], ["domain.voxel_um = 1e+300", "> 0 and <= 1e+06"]),
        (["--set", "mechanics.relaxation_rate_per_min=1e308"], ["rate_per_min = 1e+308", "at most 166.7", "of 6 min"]),
    ],
)
def test_a_step_grid_or_thread_count_that_cannot_work_is_refused_with_its_bound(
    arguments: list[str], parts: list[str]
) -> None:
    refused(run(*arguments), *parts)


def refused(result, *parts: str) -> None:
    """Check for one clear line, exit code 2, and nothing left behind."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    for part in parts:
        assert part in lines[0]
    assert [path.name for path in Path().iterdir()] == ["small.toml"]


@pytest.mark.parametrize(
    ("setting", "what"),
    [("cells.blast.count=5000000", "5e+06 cells"), ("domain.size_um=[20000, 20000]", "1e+06 voxels of 9 fields")],
)
def test_what_the_machine_cannot_hold_is_refused_with_both_sizes(
    setting: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tumorabm.memory, "memory_bytes", lambda: 0.1e9)
    refused(run("--set", setting), what, "GB", "expected fewer voxels or cells")


def test_memory_is_refused_only_above_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario("small.toml")
    for present, fits in ((needed_bytes(scenario), True), (needed_bytes(scenario) - 1.0, False)):
        monkeypatch.setattr(tumorabm.memory, "memory_bytes", lambda present=present: present)
        if fits:
            require_memory(scenario)
        else:
            with pytest.raises(MemoryError, match="needs at least"):
                require_memory(scenario)


def test_an_allocation_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(self, *arguments: object, **options: object) -> None:
        np.empty(2**62, np.int8)

    monkeypatch.setattr(TumorModel, "__init__", too_large)
    refused(run(), "expected fewer voxels or cells")


def test_memory_that_runs_out_later_is_a_failed_run(monkeypatch: pytest.MonkeyPatch) -> None:
    step = TumorModel.step

    def run_out(self: TumorModel) -> None:
        if self.tick == FAILING_TICK:
            raise MemoryError("Unable to allocate 7 GiB")
        step(self)

    monkeypatch.setattr(TumorModel, "step", run_out)
    failed(run(), "Unable to allocate 7 GiB")


@pytest.mark.parametrize("count", [0, -1, MOST_THREADS + 1])
def test_threads_outside_their_bounds_are_refused_from_python_too(count: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to {MOST_THREADS}, got {count}"):
        Threads(count)


def test_as_many_threads_as_are_allowed_work() -> None:
    assert Threads(MOST_THREADS).run(lambda i=i: i for i in range(3)) == [0, 1, 2]


# -- what cannot go on -------------------------------------------------------------------------------------------------

Harm = Callable[[TumorModel], None]


class Saboteur(mesa.Agent):
    """An ordinary agent that does harm in one step."""

    def __init__(self, model: TumorModel, harm: Harm) -> None:
        super().__init__(model)
        self._harm = harm

    def step(self) -> None:
        if self.model.tick == FAILING_TICK + 1:  # ordinary agents act at the end of the step
            self._harm(self.model)


def sabotage_by_agent(monkeypatch: pytest.MonkeyPatch, harm: Harm) -> None:
    begin = TumorModel.__init__

    def begin_with_saboteur(self: TumorModel, *arguments: object, **options: object) -> None:
        begin(self, *arguments, **options)
        Saboteur(self, harm)

    monkeypatch.setattr(TumorModel, "__init__", begin_with_saboteur)


def sabotage_between_steps(monkeypatch: pytest.MonkeyPatch, harm: Harm) -> None:
    step = TumorModel.step

    def harm_and_step(self: TumorModel) -> None:
        if self.tick == FAILING_TICK + 1:
            harm(self)
        step(self)

    monkeypatch.setattr(TumorModel, "step", harm_and_step)


def sabotage_within_step(monkeypatch: pytest.MonkeyPatch, harm: Harm) -> None:
    decide = TumorModel._decide_fates

    def decide_and_harm(self: TumorModel) -> np.ndarray:
        fate = decide(self)
        if self.tick == FAILING_TICK:
            harm(self)
        return fate

    monkeypatch.setattr(TumorModel, "_decide_fates", decide_and_harm)


def write(column: str, value: float) -> Harm:
    """Return what writes ``value`` into one column of the cell with the third identifier."""

    def harm(model: TumorModel) -> None:
        model.population.data[column][model.population.data["uid"] == 3] = value

    return harm


def spoil_field(model: TumorModel) -> None:
    model.fields["glucose"].concentration_mM[0, 2, 4] = math.nan


def spoil_exchange(model: TumorModel) -> None:
    model.fields["oxygen"].vessel_exchange_per_min[0, 2, 4] = math.inf


def spoil_plasma(model: TumorModel) -> None:
    model.plasma.concentrations["asparagine"] = math.nan


CELL = r"cell 3 \(blast\) at \((nan|-?\d+\.\d), (nan|\d+\.\d)\) µm"
VOXEL = r"voxel x=4, y=2, centre \(90\.0, 50\.0\) µm"


def failed(result, pattern: str) -> None:
    """Check for one line with the fault and the last good table, exit code 1, and a folder with all up to there."""
    assert result.exit_code == 1, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert re.match(
        rf"tumorabm: the run failed: .*{pattern}.*; what was recorded so far is in mine; "
        r"the last table of all cells is that of 2 h$",
        lines[0],
    ), lines[0]
    assert sorted(path.name for path in Path().iterdir()) == ["mine", "small.toml"]
    series = pd.read_parquet("mine/timeseries.parquet")
    assert series["time_h"].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert np.isfinite(series.drop(columns=["site", *series.columns[series.isna().all()]])).all(axis=None)
    cells = pd.read_parquet("mine/cells.parquet")
    assert sorted(set(cells["time_h"])) == [0.0, 2.0]
    assert np.isfinite(cells.select_dtypes("number")).all(axis=None)
    assert len(list(Path("mine/fields.zarr/oxygen").glob("[0-9]*"))) == 2
    assert re.search(pattern, json.loads(Path("mine/run.json").read_text())["finished"])
    assert load_scenario("mine/scenario.toml").hours == 6.0


@pytest.mark.parametrize(
    ("harm", "pattern"),
    [
        (write("asns_mrna", math.nan), f"{CELL} has asns_mrna = nan, at 3.4 h"),
        (write("asparagine_amol", math.inf), f"{CELL} has asparagine_amol = inf, at 3.4 h"),
        (write("biomass", math.nan), f"{CELL} has biomass = nan, at 3.4 h"),
        (write("body_age_min", math.nan), f"{CELL} has body_age_min = nan, at 3.4 h"),
        (write("x_um", math.nan), f"{CELL} has x_um = nan, at 3.4 h"),
        (write("radius_um", math.inf), f"{CELL} has radius_um = inf, at 3.4 h"),
        (write("x_um", -0.5), rf"{CELL} has x_um = -0\.5 \(expected 0 to 100\), at 3.4 h"),
        (write("y_um", 80.1), rf"{CELL} has y_um = 80\.1 \(expected 0 to 80\), at 3.4 h"),
        (write("z_um", 20.5), rf"{CELL} has z_um = 20\.5 \(expected 0 to 20\), at 3.4 h"),
        (write("phase", 6), rf"{CELL} has phase = 6 \(expected 0 to 5\), at 3.4 h"),
        (write("phase", -1), rf"{CELL} has phase = -1 \(expected 0 to 5\), at 3.4 h"),
        (write("cell_type", 1), r"cell 3 \(of unknown type\) at .* has cell_type = 1 \(expected 0 to 0\), at 3.4 h"),
        (write("cell_type", -1), r"cell 3 \(of unknown type\) at .* has cell_type = -1 \(expected 0 to 0\), at 3.4 h"),
        (write("biomass", 0.0), rf"{CELL} has biomass = 0\.0 \(expected above 0; .*\), at 3.4 h"),
        (write("biomass", -1.0), rf"{CELL} has biomass = -1\.0 \(expected above 0; .*\), at 3.4 h"),
        (spoil_field, f"field glucose is nan in {VOXEL}, at 3.4 h"),
        (spoil_exchange, f"field oxygen, its vessel exchange is inf in {VOXEL}, in the step after 3.4 h"),
        (spoil_plasma, "asparagine in plasma is nan, at 3.4 h"),
    ],
)
@pytest.mark.parametrize("sabotage", [sabotage_by_agent, sabotage_between_steps])
def test_an_impossible_value_stops_the_run_and_is_named(
    sabotage: Callable, harm: Harm, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, harm)
    failed(run(), pattern)


@pytest.mark.parametrize(
    ("harm", "pattern"),
    [
        (write("death_signal", math.nan), f"{CELL} has death_signal = nan, at 3.4 h"),
        (spoil_field, f"field glucose is nan in {VOXEL}, at 3.4 h"),
    ],
)
def test_what_breaks_within_a_step_is_found_at_its_end(
    harm: Harm, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage_within_step(monkeypatch, harm)
    failed(run(), pattern)


def test_a_metabolism_without_solution_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = TumorModel._prepare_uptake

    def break_one(self: TumorModel) -> None:
        prepare(self)
        if self.tick == FAILING_TICK:
            self.population.data["er_load"][self.population.data["uid"] == 3] = math.nan

    monkeypatch.setattr(TumorModel, "_prepare_uptake", break_one)
    failed(run(), rf"the metabolism of {CELL} has no valid state in the step after 3\.3 h: er_load = nan ")


def test_a_solver_that_gives_up_is_named_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from tumorabm.microenvironment import Microenvironment

    def give_up(self: Microenvironment, *arguments: object) -> None:
        if model_tick() == FAILING_TICK:
            raise FloatingPointError("field oxygen: no convergence")
        return advance(self, *arguments)

    advance, ticks = Microenvironment.advance, iter(range(1000))
    model_tick = lambda: next(ticks)  # noqa: E731 - one call a step
    monkeypatch.setattr(Microenvironment, "advance", give_up)
    failed(run(), r"field oxygen: no convergence, in the step after 3\.3 h")


def test_several_bad_cells_are_reported_by_the_lowest_uid_whatever_the_rows() -> None:
    model = TumorModel(load_scenario("small.toml"), threads=1)
    data = model.population.data
    data["atf4"][np.isin(data["uid"], (2, 5))] = math.nan
    data["x_um"][data["uid"] == 2] = math.inf
    model.population.reorder(np.arange(6)[::-1])
    assert first_fault(model).startswith("cell 2 (blast) at (inf, ")
    assert first_fault(model).endswith("has x_um = inf, atf4 = nan")


def test_a_sound_tissue_passes_even_where_sums_overflow() -> None:
    model = TumorModel(load_scenario("small.toml"), threads=1)
    assert first_fault(model) is None
    model.population.data["body_age_min"][:] = 1e308
    assert first_fault(model) is None


def test_a_dead_cell_outside_the_box_is_reported_too() -> None:
    model = TumorModel(load_scenario("small.toml"), threads=1)
    model.population.data["phase"][:] = 5
    model.population.data["y_um"][2] = math.nextafter(80.0, 81.0)
    assert "has y_um = 80.00000000000001 (expected 0 to 80)" in first_fault(model)


def test_places_on_the_border_and_wells_are_sound() -> None:
    model = TumorModel(load_scenario("small.toml"), threads=1)
    model.population.block("position_um")[:2] = [[0.0, 0.0, 0.0], [100.0, 80.0, 20.0]]
    assert first_fault(model) is None
    domain = {"mode": "well_mixed", "volume_uL": 1.0, "wells": 5}
    wells = scenario_from_dict({"hours": 1.0, "domain": domain, "cells": {"a": {"type": "all_blast", "count": 20}}})
    assert first_fault(TumorModel(wells, threads=1)) is None
    nobody = scenario_from_dict({"hours": 1.0, "domain": {"size_um": [40.0, 40.0]}})
    assert first_fault(TumorModel(nobody, threads=1)) is None


def test_a_start_that_is_no_number_records_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = TumorModel._found_fields

    def found_and_spoil(self: TumorModel) -> None:
        found(self)
        spoil_field(self)

    monkeypatch.setattr(TumorModel, "_found_fields", found_and_spoil)
    result = run()
    assert result.exit_code == 1
    assert result.stderr == f"tumorabm: the run failed: field glucose is nan in {VOXEL}, at 0 h\n".replace("\\", "")
    assert [path.name for path in Path().iterdir()] == ["small.toml"]


def test_a_start_without_steady_state_is_one_line() -> None:
    setting = "cells.blast.parameters.oxygen_import_amol_per_min=1e308"
    result = run("--set", setting)
    assert result.exit_code == 1
    assert re.fullmatch(
        r"tumorabm: the run failed: field oxygen: uptake_mM_per_min: .* got inf at .*, before the first step\n",
        result.stderr,
    )


def test_forces_that_are_not_followed_to_the_end_of_a_step_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    relax = TumorModel._relax

    def out_of_patience(self: TumorModel, dt_min: float, **limits: int) -> object:
        if self.tick == FAILING_TICK:
            self.population.block("position_um")[:] = self.population.block("position_um")[0]
            limits = {"max_evaluations": 1}
        return relax(self, dt_min, **limits)

    monkeypatch.setattr(TumorModel, "_relax", out_of_patience)
    failed(
        run(),
        r"cell \d \(blast\) at \(.*\) µm is among the cells that are still pushed apart after 1 evaluations of the "
        r"forces, 0\.\d+ min into the step after 3\.3 h; expected a mechanics.relaxation_rate_per_min below 0\.5",
    )


def test_a_voxel_in_3d_is_named_by_three_numbers() -> None:
    domain = {"size_um": [60.0, 80.0, 100.0]}
    model = TumorModel(scenario_from_dict({"hours": 1.0, "domain": domain}), threads=1)
    model.fields["oxygen"].concentration_mM[4, 3, 2] = math.nan
    assert first_fault(model) == "field oxygen is nan in voxel x=2, y=3, z=4, centre (50.0, 70.0, 90.0) µm"


def test_python_users_get_the_message_and_where_the_rest_is() -> None:
    scenario = load_scenario("small.toml")
    model = TumorModel(scenario, threads=1)

    def harm(recorder: Recorder) -> None:
        if model.tick == FAILING_TICK:
            spoil_field(model)

    with pytest.raises(FloatingPointError, match="field glucose is nan") as caught:
        record_run(model, scenario, RunFolder("small", 1, out="mine"), after_step=harm)
    assert caught.value.__notes__[0].endswith("mine; the last table of all cells is that of 2 h")
    assert model.tick == FAILING_TICK, "the step was not begun"
