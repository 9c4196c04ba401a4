"""`model.agents` over columns against Mesa's own set of plain agents, on every public method of the installed Mesa."""

import copy
from collections.abc import Set

import mesa
import numpy as np
import pytest
from mesa.agent import AgentSet

from tumorabm.cells import Block, CellAgentSet, ColumnModel, Population

MASS = [5.0, 3.0, 8.0, 3.0, 1.0, 9.0, 4.0]
KIND = [0, 1, 0, 2, 1, 1, 0]


def double(agent, factor=2.0):
    agent.mass *= factor
    return agent.mass


class Plain(mesa.Agent):
    """A cell as Mesa would have it."""

    def __init__(self, model, mass, kind):
        super().__init__(model)
        self.mass = mass
        self.kind = kind


class Immune(Plain):
    """An ordinary agent beside the cells, in both models."""


def stock_agents():
    model = mesa.Model(rng=3)
    for mass, kind in zip(MASS, KIND, strict=True):
        Plain(model, mass, kind)
    Immune(model, 6.0, 1)
    return model, model.agents


def column_agents():
    model = ColumnModel(rng=3)
    population = Population(model, [Block("mass", ("mass",), np.float64), Block("kind", ("kind",), np.int8)])
    population.append(len(MASS), mass=MASS, kind=KIND)
    Immune(model, 6.0, 1)
    return model, model.agents


def describe(result):
    """Replace agents by their identifiers, everywhere in a result."""
    if isinstance(result, mesa.Agent):
        return result.unique_id
    if isinstance(result, Set | list | tuple):
        return [describe(item) for item in result]
    if isinstance(result, dict):
        return {key: describe(value) for key, value in result.items()}
    if hasattr(result, "groups"):
        return describe(result.groups)
    return result


def call_order(agents):
    called = []
    agents.shuffle_do(called.append)
    return called


# What each public method is asked, as functions of (set, model).
CASES = {
    "add": [lambda s, m: s.add(Immune(m, 1.0, 1)), lambda s, m: s.add(s[2])],
    "agg": [
        lambda s, m: s.agg("mass", np.mean),
        lambda s, m: s.agg("mass", [min, max, sum]),
        lambda s, m: s.agg("unique_id", max),
    ],
    "clear": [lambda s, m: s.clear()],
    "copy": [lambda s, m: s.copy()],
    "count": [lambda s, m: s.count(s[3])],
    "discard": [lambda s, m: (s.discard(s[3]), s.discard(object))],
    "do": [
        lambda s, m: s.do("step"),
        lambda s, m: s.do(double),
        lambda s, m: s.do(double, factor=3.0).get("mass"),
        lambda s, m: s.do("remove"),
    ],
    "get": [
        lambda s, m: s.get("mass"),
        lambda s, m: s.get(["kind", "mass"]),
        lambda s, m: s.get(["kind", "unique_id"]),
        lambda s, m: s.get("absent", handle_missing="default", default_value=-1),
        lambda s, m: s.get(["mass", "absent"], "default"),
        lambda s, m: s.get("absent"),
        lambda s, m: s.get("mass", handle_missing="maybe"),
    ],
    "groupby": [
        lambda s, m: s.groupby("kind"),
        lambda s, m: s.groupby("kind", result_type="list"),
        lambda s, m: s.groupby(lambda a: a.mass > 4.0),
        lambda s, m: s.groupby("kind").count(),
        lambda s, m: s.groupby("kind").agg("mass", sum),
        lambda s, m: s.groupby("kind").map(len),
        lambda s, m: s.groupby("kind").map("get", "mass"),
        lambda s, m: s.groupby("kind").do("do", double).groups,
        lambda s, m: s.groupby("kind").do(lambda group: group.do(double)),
        lambda s, m: (len(s.groupby("kind")), [key for key, _ in s.groupby("kind")]),
    ],
    "index": [lambda s, m: s.index(s[4]), lambda s, m: s.index(s[4], 5)],
    "isdisjoint": [lambda s, m: (s.isdisjoint(s.select(at_most=2)), s.isdisjoint([]))],
    "map": [
        lambda s, m: s.map(double, 3.0),
        lambda s, m: s.map("step"),
        lambda s, m: s.map(lambda a: a),
    ],
    "pop": [lambda s, m: (s.pop(), s.pop())],
    "remove": [lambda s, m: s.remove(s[5]), lambda s, m: s.remove(object)],
    "select": [
        lambda s, m: s.select(),
        lambda s, m: s.select(inplace=True),
        lambda s, m: s.select(lambda a: a.mass > 3.0),
        lambda s, m: s.select(lambda a: a.mass > 3.0, at_most=2),
        lambda s, m: s.select(at_most=0.5),
        lambda s, m: s.select(at_most=1.0),
        lambda s, m: s.select(at_most=3, inplace=True),
        lambda s, m: s.select(agent_type=Immune),
        lambda s, m: s.select(lambda a: a.kind == 1, inplace=True, agent_type=mesa.Agent),
        lambda s, m: s.select(lambda a: a.kind == 0).agg("mass", sum),
    ],
    "set": [
        lambda s, m: s.set("mass", 2.5).get("mass"),
        lambda s, m: s.select(at_most=3).set("kind", 4) and s.get("kind"),
    ],
    "shuffle": [
        lambda s, m: s.shuffle(),
        lambda s, m: s.shuffle(inplace=True),
        lambda s, m: s.shuffle(inplace=True).select(at_most=3),
    ],
    "shuffle_do": [
        lambda s, m: call_order(s),
        lambda s, m: s.shuffle_do("step"),
        lambda s, m: s.shuffle_do(double, factor=0.5).get("mass"),
    ],
    "sort": [
        lambda s, m: s.sort("mass"),
        lambda s, m: s.sort("mass", ascending=True),
        lambda s, m: s.sort(lambda a: -a.mass),
        lambda s, m: s.sort("kind", inplace=True),
    ],
    "to_list": [lambda s, m: s.to_list()],
    "__and__": [lambda s, m: s & s.select(at_most=3)],
    "__contains__": [lambda s, m: ([agent in s for agent in m.agents], object in s)],
    "__eq__": [lambda s, m: (s == copy.copy(s), s == s.select(at_most=1))],
    "__ge__": [lambda s, m: (s >= s.select(at_most=3), s.select(at_most=3) >= s)],
    "__getitem__": [
        lambda s, m: [s[0], s[-1], s[6], s[7], s[-2]],
        lambda s, m: [s[1:3], s[::-2], s[6:], s[20:]],
        lambda s, m: s[8],
        lambda s, m: s[-9],
    ],
    "__gt__": [lambda s, m: (s > s.select(at_most=3), s.select() > s)],
    "__iand__": [lambda s, m: s.__iand__(s.select(at_most=3))],
    "__ior__": [lambda s, m: s.__ior__([Immune(m, 1.0, 1)])],
    "__isub__": [lambda s, m: s.__isub__(s.select(at_most=3))],
    "__iter__": [lambda s, m: list(iter(s))],
    "__ixor__": [lambda s, m: s.__ixor__(s.select(at_most=3))],
    "__le__": [lambda s, m: (s <= s.select(at_most=3), s.select(at_most=3) <= s)],
    "__len__": [lambda s, m: (len(s), bool(s))],
    "__lt__": [lambda s, m: (s < s.select(at_most=3), s.select(at_most=3) < s)],
    "__or__": [lambda s, m: s | s.select(at_most=3)],
    "__reversed__": [lambda s, m: list(reversed(s))],
    "__sub__": [lambda s, m: s - s.select(at_most=3)],
    "__xor__": [lambda s, m: s ^ s.select(at_most=3)],
}
GROUPBY_CASES = {"agg", "count", "do", "map", "__iter__", "__len__"}


def interface(kind):
    """Public methods of a class, and the operators that it defines beyond those of every object."""
    machinery = {"__class_getitem__", "__hash__", "__subclasshook__", "__getstate__", "__setstate__", "__copy__"}
    names = {name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}
    operators = {name for name in dir(kind) if name.startswith("__") and callable(getattr(kind, name))}
    inherited = {name for name in operators if getattr(kind, name) is getattr(object, name, None)}
    reflected = {"__rand__", "__ror__", "__rsub__", "__rxor__", "__radd__"}
    own = {"__init__", "__class__", "__init_subclass__", "__new__"}
    return names | (operators - inherited - machinery - reflected - own)


def test_the_cases_cover_every_public_method_of_the_installed_mesa():
    stock = stock_agents()[1]
    assert interface(AgentSet) | interface(type(stock)) <= set(CASES)
    assert interface(type(stock.groupby("kind"))) <= GROUPBY_CASES


def outcome(case, agents, model):
    """What a call returns or raises, what the set holds afterwards, and what became of the model's agents."""
    try:
        result = describe(case(agents, model))
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        result = type(error)
    registered = [agent for agents_of_type in model.agents_by_type.values() for agent in agents_of_type]
    return result, describe(agents), [(agent.unique_id, agent.mass, agent.kind) for agent in registered]


def as_registered(agents):
    return agents


def as_fixed(agents):
    return AgentSet(agents, agents.random)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # Mesa 3.5 on indexing, answered all the same
@pytest.mark.filterwarnings("ignore:No Agents specified:UserWarning")  # Mesa on empty sets within set operations
@pytest.mark.parametrize("form", [as_registered, as_fixed])
@pytest.mark.parametrize(("name", "i"), [(name, i) for name, cases in CASES.items() for i in range(len(cases))])
def test_a_set_over_columns_answers_as_mesas_own(form, name, i):
    stock_model, stock = stock_agents()
    column_model, columns = column_agents()
    # From Mesa 3.5 on, model.agents has a type of its own, without some of the methods of the common AgentSet.
    stock = form(stock) if hasattr(stock, name) else as_fixed(stock)
    columns = columns if form is as_registered else copy.copy(columns)
    if not hasattr(stock, name):
        pytest.skip(f"Mesa {mesa.__version__} has no AgentSet.{name}")
    assert outcome(CASES[name][i], columns, column_model) == outcome(CASES[name][i], stock, stock_model)


def test_the_set_shows_births_and_removals_and_makes_no_view_for_columns():
    model, agents = column_agents()
    model.population.append(2, mass=1.0)
    model.population.bury([0])
    assert len(agents) == len(MASS) + 2
    agents.set("mass", 2.0)
    assert agents.agg("mass", sum) == 2.0 * len(agents)
    assert agents.get(["kind", "mass"])[0] == [0, 2.0]
    assert len(model.population._views) == 0
    assert agents[1].unique_id == 2
    assert len(model.population._views) == 1
    assert agents[1] in agents.select(at_most=2)
    assert len(model.population._views) == 3  # Mesa looks at one agent more than it takes
    agents.do("step")
    assert len(model.population._views) == model.population.size


def test_in_place_operations_change_the_set_and_not_the_registration_of_the_model():
    model, agents = column_agents()
    everyone = describe(agents)
    agents.select(lambda a: a.mass > 4.0, inplace=True)
    agents.discard(agents.to_list()[0])
    assert describe(agents) == [3, 6, 8]
    assert describe(model.agents) == everyone


def test_agents_that_an_earlier_call_removed_are_skipped():
    _, agents = column_agents()
    called = []

    def remove_the_third_and_the_last(agent):
        called.append(agent)
        for victim in victims:
            victim.remove()

    victims = [agents[2], agents[len(agents) - 1]]
    agents.do(remove_the_third_and_the_last)
    assert describe(called) == [1, 2, 4, 5, 6, 7]
    assert describe(agents) == [1, 2, 7, 4, 5, 6]
    assert agents.map(lambda agent: agent.unique_id) == describe(agents)


def test_iterating_while_cells_are_removed_is_refused_as_for_a_dictionary():
    _, agents = column_agents()
    with pytest.raises(RuntimeError, match="during iteration"):
        for agent in agents:
            agent.remove()


def test_a_cell_of_another_model_is_not_in_the_set():
    (_, agents), (_, others) = column_agents(), column_agents()
    assert agents[0] in agents
    assert agents[0] not in others
    cell = agents[0]
    cell.remove()
    assert cell not in agents


def test_one_value_for_all_cells_is_a_scalar_and_a_known_column():
    _, agents = column_agents()
    with pytest.raises(ValueError, match="expected one value for all cells"):
        agents.set("mass", [1.0] * len(agents))
    with pytest.raises(AttributeError, match="the nearest name is 'mass'"):
        agents.set("mas", 1.0)


def test_names_of_later_mesa_versions_are_there_in_all():
    _, agents = column_agents()
    assert isinstance(agents, CellAgentSet)
    assert describe(agents.copy()) == describe(agents.to_list()) == list(range(1, 9))
