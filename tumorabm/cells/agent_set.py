"""The agents of a model with a population, as a Mesa `AgentSet`: rows first, then ordinary agents."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mesa import Agent
from mesa.agent import AgentSet

from tumorabm.cells.agents import TumorCell

if TYPE_CHECKING:
    from tumorabm.cells.population import Population


class CellAgentSet(AgentSet):
    """Mesa's `AgentSet` over the rows of a population, in row order, followed by ordinary agents.

    Made by `of_population`, the set is *live*: it always holds the present cells and makes a view only of those that
    are looked at. ``len``, ``get``, ``set`` and ``agg`` of columns make none. Whatever filters, sorts or groups by a
    function needs a view of every cell; work on whole columns is faster through `Population.data`.

    In-place operations (``shuffle``, ``sort``, ``select`` with ``inplace=True``, ``add``, ``discard``, ``remove``,
    ``pop``, ``clear``) turn this set, and never the model's registration, into a fixed set with weak references,
    as every other set derived from it is. ``do``, ``shuffle_do`` and ``map`` skip agents that were removed by an
    earlier call of the same round.
    """

    _population: Population | None = None
    _ordinary: AgentSet | None = None

    @classmethod
    def of_population(cls, population: Population, ordinary: AgentSet) -> CellAgentSet:
        """Return the live set of all cells of ``population`` followed by the ``ordinary`` agents."""
        agents = cls.__new__(cls)
        agents.random = population.model.random
        agents._population = population
        agents._ordinary = ordinary
        return agents

    @property
    def _agents(self) -> WeakKeyDictionary:
        # What Mesa's own methods work on, in all versions.
        if self._population is None:
            return self._members
        return WeakKeyDictionary(dict.fromkeys(self))

    @_agents.setter
    def _agents(self, members: WeakKeyDictionary) -> None:
        self._members = members
        self._population = self._ordinary = None

    def _fix(self) -> None:
        if self._population is not None:
            self._agents = self._agents

    def __len__(self) -> int:
        if self._population is None:
            return super().__len__()
        return self._population.size + len(self._ordinary)

    def __iter__(self) -> Iterator[Agent]:
        return super().__iter__() if self._population is None else self._iterate_rows()

    def _iterate_rows(self) -> Iterator[Agent]:
        population = self._population
        generation = population.generation
        for row in range(population.size):
            if population.generation != generation:
                raise RuntimeError("cells were born, removed or sorted during iteration; iterate over a list of them")
            yield population.view(row)
        yield from self._ordinary

    def __contains__(self, agent: object) -> bool:
        if self._population is None:
            return super().__contains__(agent)
        if isinstance(agent, TumorCell):
            return agent.in_population and agent.model is self._population.model
        return agent in self._ordinary

    def __getitem__(self, item: int | slice) -> Agent | list[Agent]:
        """Return one agent or a list of agents by place in the set."""
        if self._population is None:
            return super().__getitem__(item)
        if isinstance(item, slice):
            return [self[place] for place in range(len(self))[item]]
        place = range(len(self))[operator.index(item)]
        size = self._population.size
        return self._population.view(place) if place < size else list(self._ordinary)[place - size]

    def copy(self) -> AgentSet:
        """Return a fixed set of the present agents (a public method of ``model.agents`` from Mesa 3.5 on)."""
        return AgentSet(self, self.random)

    __copy__ = copy

    def to_list(self) -> list[Agent]:
        """Return the agents as a list (a public method from Mesa 3.5 on)."""
        return list(self)

    def get(self, attr_names: str | list[str], handle_missing: str = "error", default_value: Any = None) -> list[Any]:
        """Return attributes of all agents, straight from the columns where all of them are columns."""
        names = [attr_names] if isinstance(attr_names, str) else attr_names
        if self._population is None or any(name not in self._population.columns for name in names):
            return super().get(attr_names, handle_missing, default_value)
        ordinary = self._ordinary.get(attr_names, handle_missing, default_value)
        values = [self._population.data[name].tolist() for name in names]
        cells = values[0] if isinstance(attr_names, str) else [list(row) for row in zip(*values, strict=True)]
        return cells + ordinary

    def set(self, attr_name: str, value: Any) -> CellAgentSet:
        """Set an attribute of all agents to one value, straight in the columns where it is a column."""
        if self._population is None or attr_name not in self._population.columns:
            return super().set(attr_name, value)
        self._population.fill(attr_name, value)
        self._ordinary.set(attr_name, value)
        return self

    def do(self, method: str | Callable, *args: Any, **kwargs: Any) -> CellAgentSet:
        """Call a method, or a function of the agent, for each agent; return the set."""
        self._call(list(self), method, args, kwargs)
        return self

    def shuffle_do(self, method: str | Callable, *args: Any, **kwargs: Any) -> CellAgentSet:
        """Do the same in random order, which the set keeps no trace of."""
        agents = list(self)
        self.random.shuffle(agents)
        self._call(agents, method, args, kwargs)
        return self

    def map(self, method: str | Callable, *args: Any, **kwargs: Any) -> list[Any]:
        """Call a method, or a function of the agent, for each agent; return the results."""
        return self._call(list(self), method, args, kwargs)

    def _call(self, agents: Iterable[Agent], method: str | Callable, args: tuple, kwargs: dict) -> list[Any]:
        if isinstance(method, str):
            call = operator.methodcaller(method, *args, **kwargs)
        else:

            def call(agent: Agent) -> Any:
                return method(agent, *args, **kwargs)

        return [call(agent) for agent in agents if agent in self]

    def shuffle(self, inplace: bool = False) -> AgentSet:
        """Return the agents in random order, as Mesa's set does."""
        if inplace:
            self._fix()
        return super().shuffle(inplace)

    def add(self, agent: Agent) -> None:
        """Add an agent to this set (which is fixed from then on)."""
        self._fix()
        super().add(agent)

    def discard(self, agent: Agent) -> None:
        """Take an agent out of this set if it is in (the set is fixed from then on)."""
        self._fix()
        super().discard(agent)

    def remove(self, agent: Agent) -> None:
        """Take an agent out of this set (which is fixed from then on); KeyError if it is not in."""
        self._fix()
        super().remove(agent)
