"""A Mesa model whose agents are the rows of a population beside ordinary Mesa agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mesa import Agent, Model
from mesa.agent import AgentSet

from tumorabm.cells.agent_set import CellAgentSet
from tumorabm.cells.agents import TumorCell

if TYPE_CHECKING:
    from tumorabm.cells.population import Population


class ColumnModel(Model):
    """`mesa.Model` that counts the cells of its `Population` among its agents.

    ``agents``, ``agents_by_type``, ``agent_types`` and ``remove_all_agents`` cover cells and ordinary agents. All of
    them draw their identifiers from one counter, ``agent_id_counter``.

    Notes
    -----
    Cells are born and removed in bulk, so Mesa 3.5's experimental signals of added and removed agents are sent for
    ordinary agents only.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.population: Population | None = None
        self.agent_id_counter = 1

    def attach_population(self, population: Population) -> None:
        """Make the cells of ``population`` agents of this model (called by the population itself, once)."""
        if self.population is not None:
            raise ValueError(f"{type(self).__name__} has a population already; expected one for each model")
        self.population = population

    @property
    def ordinary_agents(self) -> AgentSet:
        """Mesa's own set of the agents that are not cells."""
        return super().agents

    @Model.agents.getter  # keeps Mesa's setter, which refuses assignment
    def agents(self) -> AgentSet:
        """All agents: the cells in row order, then ordinary agents. See `CellAgentSet`."""
        if self.population is None:
            return self.ordinary_agents
        return CellAgentSet.of_population(self.population, self.ordinary_agents)

    @property
    def agents_by_type(self) -> dict[type[Agent], AgentSet]:
        """The agents of each type."""
        if self.population is None:
            return super().agents_by_type
        cells = CellAgentSet.of_population(self.population, AgentSet([], random=self.random))
        return {TumorCell: cells, **super().agents_by_type}

    @property
    def agent_types(self) -> list[type[Agent]]:
        """All types of agents."""
        return list(self.agents_by_type)

    def register_agent(self, agent: Agent) -> None:
        """Add an ordinary agent to the model (called by ``Agent.__init__``)."""
        if isinstance(agent, TumorCell):
            raise ValueError("register_agent: a TumorCell belongs to the model through its row; expected another agent")
        # Mesa 3.3 counts in a dictionary of the class, which would keep every model alive for ever.
        getattr(Agent, "_ids", {}).pop(self, None)
        uid = self.agent_id_counter
        agent.unique_id = uid
        super().register_agent(agent)  # Mesa 3.5 numbers the agent itself, from the same counter
        self.agent_id_counter = uid + 1

    def deregister_agent(self, agent: Agent) -> None:
        """Take an agent out of the model (called by ``Agent.remove``); KeyError if it is not in."""
        if not isinstance(agent, TumorCell):
            super().deregister_agent(agent)
        elif agent in self.agents:
            agent.remove()
        else:
            raise KeyError(agent)

    def remove_all_agents(self) -> None:
        """Remove all cells and all ordinary agents."""
        if self.population is not None:
            self.population.bury(range(self.population.size))
        super().remove_all_agents()

    def step_ordinary_agents(self) -> None:
        """Call ``step`` of every ordinary agent, in random order drawn from ``model.random``."""
        self.ordinary_agents.shuffle_do("step")
