"""Drugs: formulations of asparaginase, the dosing calendar, and plasma."""

from tumorabm.pharmacology.formulations import FORMULATIONS, Formulation
from tumorabm.pharmacology.plasma import Plasma

__all__ = ["FORMULATIONS", "Formulation", "Plasma"]
