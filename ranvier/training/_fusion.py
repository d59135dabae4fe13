"""Fusion of several senses whose weights learn the faster, the weaker each sense is alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier._nearest import meant
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.batches import Signal
from ranvier.training.rules import BPTT, Outcome, Rule

__all__ = ["InverseEffectiveness"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class InverseEffectiveness(Rule):
    """A rule under which the gradient of fusing parts is multiplied by k = 1 + tanh(gamma*(1 - s/f)).

    f is the confidence of the fused output in a batch, and s the mean confidence of the outputs of single senses: the mean over samples of
    the largest softmax probability of the output's mean over time. Where single senses are weak, k is above 1 and fusion learns fast; where
    they suffice, it is below. All other gradients are those of ``rule``.

    Parameters
    ----------
    fused, single
        Names of the output of the fusion [T, B, C], and of those of single senses [T, B, C]. The loss is
        ``rv.losses.Tasks``, which trains all of them.
    parts
        Names of the projections or populations that fuse.
    gamma
        How strongly k follows the ratio; 0 is ``rule`` itself.
    rule
        The rule that computes the gradients.

    Raises
    ------
    TrainingError
        Where an output or a part is unknown, or no part learns.

    Use an optimiser whose steps grow with the gradient, such as gradient descent. Adam's steps do not change with a constant k.

    Source: He et al., Science Advances 2026 (inverse effectiveness driven multimodal fusion). Their code was not at hand; k is ours, after
    their principle.

    >>> rule = rv.training.InverseEffectiveness("fused", ("eye", "ear"), parts=("fusion",))
    """

    fused: str
    single: Sequence[str]
    parts: Sequence[str]
    gamma: float = 1.0
    rule: Rule = field(default_factory=BPTT)

    def __post_init__(self) -> None:
        for name in ("single", "parts"):
            value = getattr(self, name)
            if isinstance(value, str) or not value:
                raise TrainingError(f"InverseEffectiveness: {name}={value!r} must be a tuple of names.")
        if not isinstance(self.gamma, int | float) or not 0 <= self.gamma < math.inf:
            raise TrainingError(f"InverseEffectiveness: gamma={self.gamma!r} must be a number of at least 0.")
        if not isinstance(self.rule, Rule):
            raise TrainingError(
                f"InverseEffectiveness: rule={self.rule!r} must be one of rv.rules, such as rv.rules.BPTT()."
            )

    @property
    def regularizable(self) -> bool:
        """As ``rule``."""
        return self.rule.regularizable

    @property
    def mixes(self) -> bool:
        """As ``rule``."""
        return self.rule.mixes

    def arguments(self) -> dict[str, Any]:
        """As ``rule``."""
        return self.rule.arguments()

    def gradient(self, net: Network, x: Signal, criterion: Any) -> Outcome:
        """Run a batch ``x`` [T, B, …] and add to ``.grad`` of every parameter."""
        own = self._parameters(net)
        before = [None if q.grad is None else q.grad.clone() for q in own]
        outcome = self.rule.gradient(net, x, criterion)
        k = self.factor(outcome.out)
        for q, held in zip(own, before, strict=True):
            if q.grad is not None:
                q.grad = k * q.grad if held is None else held + k * (q.grad - held)
        return outcome

    def factor(self, out: Any) -> float:
        """k of the outputs of a batch."""
        names = (self.fused, *self.single)
        if not isinstance(out, Mapping):
            raise TrainingError(
                f"InverseEffectiveness compares the outputs {', '.join(names)}, but the network has one: add net.outputs.append(…) "
                f"for each."
            )
        for name in names:
            if name not in out:
                raise TrainingError(f"there is no output {name!r}.{meant(name, out)} There are {', '.join(out)}.")
        f, *s = (float(out[name].double().mean(0).softmax(-1).amax(-1).mean()) for name in names)
        return 1 + math.tanh(self.gamma * (1 - sum(s) / len(s) / f))

    def _parameters(self, net: Network) -> list[torch.nn.Parameter]:
        known = {**net.projections, **net.populations}
        for name in self.parts:
            if name not in known:
                raise TrainingError(f"there is no part {name!r}.{meant(name, known)} There are {', '.join(known)}.")
        own = {id(q): q for name in self.parts for q in known[name].parameters() if q.requires_grad}
        if not own:
            raise TrainingError(
                f"InverseEffectiveness: parts={self.parts!r} learn nothing: name projections with weights, such as those of the fusion."
            )
        return list(own.values())
