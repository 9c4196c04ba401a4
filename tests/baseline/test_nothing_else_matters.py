"""What must not change a result: the order of the rows, and whoever looks on."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tumorabm.model
from tumorabm import TumorModel, load_scenario
from tumorabm.output.recorder import record_run
from tumorabm.output.run_folder import RunFolder

HERE = Path(__file__).parent
TISSUES = ("tissue_2d", "tissue_3d", "tissue_clocks")

State = dict[str, bytes | str]


def found(tissue: str) -> TumorModel:
    return TumorModel(load_scenario(HERE / f"{tissue}.toml"), threads=2)


def state_of(model: TumorModel) -> State:
    """Return all bits of a model: every column in order of uid, fields, time series, ledger and pending events."""
    order = np.argsort(model.population.data["uid"])
    state: State = {f"column {name}": column[order].tobytes() for name, column in model.population.data.items()}
    state |= {f"field {name}": field.concentration_mM.tobytes() for name, field in model.fields.items()}
    state |= {f"series {name}": column.to_numpy().tobytes() for name, column in model.timeseries().items()}
    state["ledger"] = repr(model.ledger.report())
    state["events"] = repr({name: values.tolist() for name, values in model.drain_events().items()})
    return state


def differing(one: State, other: State) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


@pytest.fixture(scope="module", params=TISSUES)
def undisturbed(request: pytest.FixtureRequest) -> tuple[str, State]:
    """A tissue, and what becomes of it when it is left alone."""
    return request.param, state_of(found(request.param).run())


def test_shuffled_rows_give_the_same_bits(undisturbed: tuple[str, State]) -> None:
    tissue, expected = undisturbed
    model = found(tissue)
    generator = np.random.default_rng(3)
    while model.running:
        model.population.reorder(generator.permutation(model.population.size))
        model.step()
    assert differing(state_of(model), expected) == []


@pytest.mark.parametrize("every_ticks", [1, 10**9])
def test_how_often_rows_are_sorted_does_not_matter(
    every_ticks: int, undisturbed: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    tissue, expected = undisturbed
    monkeypatch.setattr(tumorabm.model, "SORT_EVERY_TICKS", every_ticks)
    assert differing(state_of(found(tissue).run()), expected) == []


def record(model: TumorModel) -> None:
    """Run with a recorder, which also draws the picture."""
    with tempfile.TemporaryDirectory() as folder:
        record_run(model, model.scenario, RunFolder("watched", 1, out=Path(folder) / "run"))
        assert (Path(folder) / "run" / "summary.png").exists()


def look_around(model: TumorModel) -> None:
    """Observe the model in every step, and look at its cells as Mesa agents in several ways."""
    while model.running:
        model.observe()
        model.timeseries()
        model.cell_columns()
        assert len(model.agents.get("biomass")) == model.population.size
        assert model.agents.agg("radius_um", max) > 0.0
        assert all(cell.phase >= 0 for cell in model.agents.select(at_most=50))
        assert model.touching(np.arange(20)).size > 0
        model.step()


@pytest.mark.parametrize("watch", [record, look_around])
def test_looking_on_changes_nothing(watch: Callable[[TumorModel], None], undisturbed: tuple[str, State]) -> None:
    tissue, expected = undisturbed
    model = found(tissue)
    watch(model)
    left = differing(state_of(model), expected)
    # The recorder takes the events away to write them, which is what they are kept for.
    assert left == (["events"] if watch is record else [])
