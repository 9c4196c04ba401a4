"""The nitrogen ledger: every amol that enters, leaves, is converted or sits somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NITROGEN_ATOMS = {"asparagine": 2, "glutamine": 2, "aspartate": 1, "glutamate": 1, "ammonia": 1}
"""Nitrogen atoms of each field that carries accounted nitrogen."""

FLOWS = ("vessels", "faces", "decay", "other_amino_acids", "urea", "circulation", "interventions")
"""What brings nitrogen into the tissue or takes it away."""


@dataclass
class NitrogenLedger:
    """Nitrogen of the tissue in amol: pools now, and flows since the start (positive into the tissue).

    Attributes
    ----------
    flows
        Cumulative `FLOWS`: through ``vessels`` and ``faces``, by ``decay`` (negative), from ``other_amino_acids``, into
        ``urea`` (negative), by cells that come and go through the ``circulation``, and ``interventions``: what a user
        or an ordinary agent placed, removed or wrote outside the model's own step.
    initial
        Pools at the start.
    pools
        Pools when the account was last balanced.
    debris
        Nitrogen of bodies that were cleared.
    """

    flows: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FLOWS, 0.0))
    initial: dict[str, float] = field(default_factory=dict)
    pools: dict[str, float] = field(default_factory=dict)
    debris: float = 0.0

    def open(self, pools: dict[str, float]) -> None:
        """Start the account with these pools."""
        self.initial = dict(pools)
        self.balance(pools)

    def balance(self, pools: dict[str, float]) -> None:
        """Set the pools of now, which `relative_error` holds against the flows."""
        self.pools = dict(pools)

    @property
    def relative_error(self) -> float:
        """Magnitude of (pools now + debris - initial pools - flows), over the larger of what is and should be there."""
        present = sum(self.pools.values()) + self.debris
        expected = sum(self.initial.values()) + sum(self.flows.values())
        largest = max(abs(present), abs(expected))
        return abs(present - expected) / largest if largest > 0.0 else 0.0

    def report(self) -> dict[str, object]:
        """Return the account as plain numbers for ``ledger.json`` (amol of nitrogen)."""
        return {
            "unit": "amol nitrogen",
            "initial": self.initial,
            "flows": self.flows,
            "now": {**self.pools, "debris": self.debris},
            "relative_error": self.relative_error,
        }

    def state(self) -> dict[str, Any]:
        """Return the account for `restore`."""
        return {"flows": self.flows, "initial": self.initial, "pools": self.pools, "debris": self.debris}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the account whose `state` this was."""
        self.flows, self.initial, self.pools = (dict(state[name]) for name in ("flows", "initial", "pools"))
        self.debris = state["debris"]
