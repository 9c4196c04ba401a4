"""Cells and ordinary Mesa agents in one model: identifiers, stepping, collecting, batch runs, and release of memory."""

import gc
import weakref

import mesa
import numpy as np
import pytest
from mesa.agent import AgentSet
from mesa.batchrunner import batch_run

from tumorabm.cells import Block, ColumnModel, Population, TumorCell


class Macrophage(mesa.Agent):
    """An ordinary agent that eats the first cell at each step."""

    def __init__(self, model):
        super().__init__(model)
        self.eaten = 0

    def step(self):
        if self.model.population.size:
            self.model.agents_by_type[TumorCell][0].remove()
            self.eaten += 1


class Culture(ColumnModel):
    """Cells double every second step; macrophages eat one cell each step."""

    def __init__(self, initial_cells=4, macrophages=1, rng=None):
        super().__init__(rng=rng)
        self.tick = 0
        Population(self, [Block("mass", ("mass",), np.float64)])
        self.population.append(initial_cells, mass=self.rng.random(initial_cells))
        Macrophage.create_agents(self, macrophages)
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "cells": lambda m: m.population.size,
                "mass": lambda m: m.agents_by_type[TumorCell].agg("mass", sum),
            },
            agenttype_reporters={TumorCell: {"mass": "mass"}, Macrophage: {"eaten": "eaten"}},
        )

    def step(self):
        self.tick += 1
        if self.tick % 2 == 0:
            self.population.divide(np.arange(self.population.size))
        self.step_ordinary_agents()
        self.datacollector.collect(self)


class FourSteps(Culture):
    """A culture that ends by itself: Mesa's versions differ by one in what ``max_steps`` means."""

    def step(self):
        super().step()
        self.running = self.tick < 4


def test_one_counter_numbers_cells_and_ordinary_agents():
    model = Culture(rng=1)
    assert [agent.unique_id for agent in model.agents] == [1, 2, 3, 4, 5]
    model.population.append(2)
    later = Macrophage(model)
    model.population.divide([0])
    assert later.unique_id == 8
    assert model.population.data["uid"].tolist() == [1, 2, 3, 4, 6, 7, 9]
    assert model.population.data["parent_uid"].tolist() == [0, 0, 0, 0, 0, 0, 1]
    model.population.bury([6])
    assert TumorCell(model).unique_id == 10
    assert Culture(rng=1).population.data["uid"][0] == 1


def test_ordinary_agents_live_beside_the_cells_and_are_stepped_and_removed():
    model = Culture(macrophages=2, rng=1)
    model.step()
    assert model.ordinary_agents.get("eaten") == [1, 1]
    assert model.population.size == 2 and len(model.agents) == 4
    assert model.agent_types == list(model.agents_by_type) == [TumorCell, Macrophage]
    assert {kind: len(agents) for kind, agents in model.agents_by_type.items()} == {TumorCell: 2, Macrophage: 2}
    next(iter(model.ordinary_agents)).remove()
    assert len(model.agents) == 3
    model.step()
    assert model.population.size == 2 * 2 - 1


def test_removing_all_agents_empties_the_model():
    model = Culture(rng=1)
    cell = model.population.view(2)
    model.remove_all_agents()
    assert len(model.agents) == model.population.size == 0
    assert not cell.in_population


def test_registration_by_hand_is_mesas_for_ordinary_agents_and_the_rows_for_cells():
    model = Culture(rng=1)
    cell, macrophage = model.agents[0], model.agents[4]
    with pytest.raises(ValueError, match="belongs to the model through its row"):
        model.register_agent(cell)
    for agent in (cell, macrophage):
        model.deregister_agent(agent)
        with pytest.raises(KeyError):
            model.deregister_agent(agent)
    assert [agent.unique_id for agent in model.agents] == [4, 2, 3]
    with pytest.raises(AttributeError, match="trying to set"):
        model.agents = []


def test_a_model_without_population_is_a_plain_mesa_model():
    model = ColumnModel(rng=1)
    agent = mesa.Agent(model)
    assert list(model.agents) == [agent] and isinstance(model.agents, type(mesa.Model(rng=1).agents))
    assert model.agents_by_type.keys() == {mesa.Agent}
    model.remove_all_agents()
    assert len(model.agents) == 0


def test_mesas_data_collector_reports_model_and_agents():
    model = Culture(rng=1)
    for _ in range(4):
        model.step()
    frame = model.datacollector.get_model_vars_dataframe()
    assert frame["cells"].tolist() == [3, 5, 4, 7]
    assert frame["mass"].iloc[-1] == pytest.approx(model.population.data["mass"].sum())
    cells = model.datacollector.get_agenttype_vars_dataframe(TumorCell)
    assert len(cells) == 3 + 5 + 4 + 7
    assert cells["mass"].tolist()[-7:] == model.population.data["mass"].tolist()
    assert model.datacollector.get_agenttype_vars_dataframe(Macrophage)["eaten"].tolist() == [1, 2, 3, 4]


def test_batch_run_sweeps_a_model_with_a_population():
    results = batch_run(
        FourSteps, parameters={"initial_cells": [3, 6]}, max_steps=9, number_processes=1, display_progress=False
    )
    assert sorted({(row["initial_cells"], row["cells"]) for row in results}) == [(3, 3), (6, 15)]


def test_one_seed_gives_one_course():
    courses = []
    for seed in (1, 1, 2):
        model = Culture(macrophages=3, initial_cells=9, rng=seed)
        for _ in range(3):
            model.step()
        courses.append((model.population.data["uid"].tolist(), model.population.data["mass"].tolist()))
    assert courses[0] == courses[1] != courses[2]


def test_a_model_is_freed_and_leaves_nothing_in_classes_of_mesa():
    def class_state():
        owners = (mesa.Agent, TumorCell, Macrophage, mesa.Model, ColumnModel, AgentSet)
        return {
            (owner.__name__, name): len(value)
            for owner in owners
            for name, value in vars(owner).items()
            if isinstance(value, dict | set | list)
        }

    before = class_state()
    references = []
    for seed in range(50):
        model = Culture(rng=seed)
        model.step()
        references += [weakref.ref(model), weakref.ref(model.population), weakref.ref(model.agents[0])]
    del model
    gc.collect()
    assert [reference() for reference in references] == [None] * 150
    assert class_state() == before


@pytest.mark.skipif(not hasattr(mesa.Model, "observe"), reason="models of this Mesa send no signals")
def test_signals_of_mesa_still_tell_of_ordinary_agents():
    from mesa.experimental.mesa_signals import ModelSignals

    model = Culture(rng=1)
    told = []

    def listen(message):
        told.append(message.name)

    model.observe("agents", ModelSignals.AGENT_ADDED, listen)
    Macrophage(model)
    assert told == ["agents"]
