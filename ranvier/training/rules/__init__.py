"""Learning rules: how the gradient of a loss reaches the parameters of an unchanged network."""

from ranvier.training.rules._bptt import BPTT
from ranvier.training.rules._rule import Criterion, Outcome, Rule

__all__ = ["BPTT", "Criterion", "Outcome", "Rule"]
