"""One cell of the table of rules and options: equal to the definition, refused by name, or wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch

import ranvier as rv
from ranvier.errors import RanvierError
from tests.training.crossed.definitions import RULES, Gradient, collect
from tests.training.crossed.options import OPTIONS, spikes

Tensor = torch.Tensor
Y = torch.tensor([0, 2, 1])


def loss(out: Tensor) -> Tensor:
    return rv.losses.EveryStep()(out, Y[torch.arange(out.shape[1]) % 3])


@dataclass(frozen=True)
class Outcome:
    """``distance`` to the definition, or the sentence of a refusal."""

    distance: float | None = None
    refusal: str | None = None

    def __str__(self) -> str:
        return "refused" if self.refusal else f"{self.distance:.0e}"


def network(option: str, provider: str | None = None, many: bool = False) -> tuple[rv.Network, Tensor]:
    """A network and its input: two samples, or so ``many`` and so few spikes that parts run together and by event."""
    make, shape = OPTIONS[option]
    return make(provider=provider), spikes(shape, batch=40, density=0.25) if many else spikes(shape)


def found(net: rv.Network, rule: rv.rules.Rule, x: Tensor, per_step: bool = True) -> Gradient:
    """What the rule gives."""
    net.zero_grad()
    torch.manual_seed(1)
    rule.gradient(net, x, rv.rules.PerStep(loss, per_step))
    return collect(net)


def apart(a: Gradient, b: Gradient) -> float:
    """The largest difference, relative to the largest entry of all."""
    size = max(float(g.abs().max()) for g in a.values())
    return max(float((a[n] - b[n]).abs().max()) for n in a) / max(size, 1e-12)


def outcome(rule: str, option: str, provider: str | None, per_step: bool = True, many: bool = False) -> Outcome:
    """One cell of the table."""
    net, x = network(option, provider, many)
    given, definition = RULES[rule]
    try:
        ours = found(net, given, x, per_step)
    except RanvierError as error:
        return Outcome(refusal=str(error))
    wanted = definition(net, x, loss)
    return Outcome(apart(wanted, ours))
