"""Learning rules: how the gradient of a loss reaches the parameters of an unchanged network."""

from ranvier.training.rules._bptt import BPTT
from ranvier.training.rules._criterion import Criterion, PerStep
from ranvier.training.rules._eprop import EProp
from ranvier.training.rules._eventprop import EventProp
from ranvier.training.rules._evolution import EvolutionStrategies
from ranvier.training.rules._ottt import OTTT
from ranvier.training.rules._rtrl import RTRL, SnAp1
from ranvier.training.rules._rule import Outcome, Rule
from ranvier.training.rules.sltt import SLTT

__all__ = [
    "BPTT",
    "OTTT",
    "RTRL",
    "SLTT",
    "Criterion",
    "EProp",
    "EventProp",
    "EvolutionStrategies",
    "Outcome",
    "PerStep",
    "Rule",
    "SnAp1",
]
