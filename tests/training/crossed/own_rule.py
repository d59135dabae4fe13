"""A learning rule as a user writes one: a class below ``Rule``, by public calls alone, and the definition of its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import ranvier as rv
from ranvier.training.rules import Outcome, Rule
from tests.training.crossed.slow import Slow

Tensor = torch.Tensor


@dataclass(frozen=True)
class LastSteps(Rule):
    """The gradient of the last ``keep`` steps alone; what happened before is a start without gradient."""

    keep: int

    def arguments(self) -> dict[str, Any]:
        return {}

    def gradient(self, net: rv.Network, x: Tensor, criterion: Callable[[Tensor], Tensor]) -> Outcome:
        first = len(x) - self.keep
        with torch.no_grad():
            before, state = net(x[:first])
        after, _ = net(x[first:], state.detach())
        out = torch.cat([before, after])
        loss = criterion(out)
        if loss.requires_grad:
            loss.backward()
        return Outcome(out.detach(), loss.detach(), {})


def last_steps(net: rv.Network, x: Tensor, loss: Callable[[Tensor], Tensor], keep: int) -> None:
    """Autograd over the unrolled network, whose only border lies ``keep`` steps before the end."""
    first = len(x) - keep
    out, _, _ = Slow(net).run(x, first)
    value = loss(torch.cat([out[:first].detach(), out[first:]]))
    if value.requires_grad:
        value.backward()
