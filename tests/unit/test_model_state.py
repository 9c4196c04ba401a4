"""A model restored from its state is complete: nothing differs then, and nothing after further steps."""

import math
import types
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mesa.agent import AgentSet
from scipy.spatial import cKDTree

from tumorabm import TumorModel, load_scenario
from tumorabm.cells import Population
from tumorabm.random_state import generator_state, restored_generator
from tumorabm.scenario import Scenario, scenario_from_dict
from tumorabm.threads import Threads

BASELINE = Path(__file__).parents[1] / "baseline"

NOT_STATE = {
    "_around": "what cells meet, noted anew at the start of each step",
    "_pace": "of clocks, written and read within one step",
    "_scratch": "the solver's memory, of undefined content between steps",
    "_enzyme_saturation": "set to zero and written before it is read",
    "_rng": "the generator's first state, which Mesa keeps to show it",
    "_validated": "Mesa's note that it has called the reporters once",
    "_time": "Mesa's own clock (from 3.5), by which it schedules its steps, begins anew",
    "_collection_steps": "of Mesa's clock, when its collector was called",
    "_event_list": "of Mesa's clock",
    "_default_schedule": "of Mesa's clock",
    "_event_generators": "of Mesa's clock",
    "stages_s": "wall time",
    "_views": "Mesa agents, made again on touch",
    "_generation": "count of changes of the rows, against which only views of this model are held",
}
"""Attributes in which a restored model may differ, and why."""

DRUGS = {
    "doses": [
        {"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.05},
        {"drug": "asparaginase", "formulation": "erwinia", "dose_iu_per_m2": 5000.0, "day": 0.1, "route": "im"},
        {"drug": "rapamycin", "peak_uM": 0.1, "day": 0.08},
    ],
    "antibodies": [{"against": "e_coli", "day": 0.12, "clearance_factor": 3.0}],
    "diet": [{"day": 0.15, "asparagine_factor": 0.5}],
}
GROUPS = {"tumour": {"type": "breast_tumour", "count": 60}, "stroma": {"type": "fibroblast", "count": 10}}


def sites() -> Scenario:
    density = {"density_per_mm2": 400.0}
    return scenario_from_dict(
        {
            "hours": 24.0,
            "domain": {"size_um": [200.0, 200.0]},
            "vessels": density,
            "cells": GROUPS,
            "perturbation_schedule": [{"at_h": 2.0, "perturbation": "asns", "value": 0.3}],
            "sites": {
                "lung": {"domain": {"size_um": [160.0, 160.0]}, "vessels": density, "cells": {"stroma": {"count": 5}}}
            },
            "circulation": {
                "groups": ["tumour"], "detachment_per_h": 0.5, "intravasation_per_h": 5.0, "vessel_reach_um": 200.0
            },
            "pharmacology": DRUGS,
        }
    )  # fmt: skip


def wells() -> Scenario:
    return scenario_from_dict(
        {
            "hours": 24.0,
            "domain": {"mode": "well_mixed", "wells": 3, "volume_uL": 0.01},
            "cells": {"tumour": {"type": "solid_tumour", "count": 8}},
        }
    )


def volume() -> Scenario:
    return load_scenario(BASELINE / "tissue_3d.toml")


def clocks() -> Scenario:
    return load_scenario(BASELINE / "tissue_clocks.toml", ["cells.squeezed.count=150", "cells.roaming.count=100"])


def differences(one: object, other: object, path: str = "model", seen: set | None = None) -> list[str]:
    """Return the paths at which two objects differ in type or in a bit, over all that can be reached from them."""
    seen = set() if seen is None else seen
    if (id(one), id(other)) in seen:
        return []
    seen.add((id(one), id(other)))
    if type(one) is not type(other):
        return [f"{path}: {type(one).__name__} and {type(other).__name__}"]
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
        return [] if same else [path]
    if isinstance(one, cKDTree):
        return differences(one.data, other.data, path, seen)
    if isinstance(one, np.random.Generator):
        return differences(one.bit_generator.state, other.bit_generator.state, f"{path}.state", seen)
    if isinstance(one, Population):
        pairs = [(f"{path}.{name}", one.block(name), other.block(name)) for name in one._arrays]
        pairs.append((f"{path}.model", one.model, other.model))
        return [line for name, a, b in pairs for line in differences(a, b, name, seen)]
    if hasattr(one, "getstate"):  # random.Random
        return differences(one.getstate(), other.getstate(), path, seen)
    if isinstance(one, Mapping) and not hasattr(one, "__dict__"):
        keys, other_keys = ([key for key in mapping if key not in NOT_STATE] for mapping in (one, other))
        if keys != other_keys:
            return [f"{path}: {keys} and {other_keys}"]
        items = [(f"{path}[{key!r}]", one[key], other[key]) for key in keys]
        return [line for name, a, b in items for line in differences(a, b, name, seen)]
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return [f"{path}: {len(one)} and {len(other)} items"]
        pairs = zip(one, other, strict=True)
        return [line for i, (a, b) in enumerate(pairs) for line in differences(a, b, f"{path}[{i}]", seen)]
    if isinstance(one, Threads | type | types.FunctionType | types.MethodType | partial | AgentSet):
        return []  # no state of the model
    if _attributes(one):
        attributes = [_attributes(thing) for thing in (one, other)]
        return differences(*attributes, path, seen)
    if isinstance(one, float) and math.isnan(one):
        return [] if math.isnan(other) else [path]
    return [] if one == other else [f"{path}: {one!r} and {other!r}"]


def _attributes(thing: object) -> dict[str, object]:
    slots = {name: getattr(thing, name) for name in getattr(type(thing), "__slots__", ()) if hasattr(thing, name)}
    return dict(sorted((getattr(thing, "__dict__", {}) | slots).items()))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("make", [sites, wells, volume, clocks])
def test_a_restored_model_is_the_same_in_every_attribute_and_after_further_steps(make, threads) -> None:
    model = TumorModel(make(), threads=2)
    for steps in (0, 26, 1):
        for _ in range(steps):
            model.step()
        restored = TumorModel(model.scenario, state=model.state(), threads=threads)
        assert differences(model, restored) == []
        for _ in range(3):
            model.step()
            restored.step()
        assert differences(model, restored) == []


def test_all_that_is_compared_has_happened() -> None:
    model = TumorModel(sites(), threads=1)
    for _ in range(27):
        model.step()
    state = model.state()
    assert state["circulation"]["entered"] > 0
    assert {"rapamycin"} <= state["plasma"]["inhibitors_uM"].keys()
    assert min(state["plasma"]["inhibitors_uM"].values()) > 0.0
    assert [row[1] for row in state["plasma"]["depot_iu_per_mL"] if row[2] > 0.0] == ["im"]
    assert len(state["plasma"]["troughs"]["rows"]) == 2
    assert len(state["events"]["events"]) > 0
    assert state["environment"]["pending_amol"]["glutamine"].any()
    assert state["levers"] != TumorModel(sites(), threads=1).state()["levers"]
    assert (model.parameters != TumorModel(sites(), threads=1).parameters).all()


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_a_generator_of_any_kind_goes_on_where_it_stood(kind) -> None:
    generator = np.random.Generator(getattr(np.random, kind)(3))
    generator.random(5, dtype=np.float32)
    restored = restored_generator(generator_state(generator))
    assert restored.random(7, dtype=np.float32).tolist() == generator.random(7, dtype=np.float32).tolist()


def test_a_generator_that_numpy_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a bit generator of NumPy, got 'choice'"):
        restored_generator({"bit_generator": "choice"})


def test_cells_are_restored_only_into_an_empty_population_of_the_same_blocks() -> None:
    model, other = TumorModel(wells(), threads=1), TumorModel(clocks(), threads=1)
    with pytest.raises(ValueError, match="expected a population without cells, there are 24"):
        model.population.restore(model.population.state())
    other.population.bury(np.arange(other.population.size))
    with pytest.raises(ValueError, match=r"expected the blocks uid, .*cycles, got uid, "):
        other.population.restore(model.population.state())
