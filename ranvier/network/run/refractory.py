"""Steps of refractoriness left: whole numbers of any size in the state, bounded numbers in the lanes.

A float32 cannot count down from more than 2^24. So a provider gets at most ``Bounds.refractory`` steps, and a window takes less than
half of them. Afterwards the steps held back are added again, to cells that were refractory before and to those that fired
in the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch

from ranvier.dynamics import COUNTER, Step
from ranvier.errors import DimensionError, ShapeError
from ranvier.network.graph import Graph
from ranvier.network.parts.population import Population
from ranvier.units.steps import nearest_steps

__all__ = ["Refractory", "refractory_of"]

Tensor = torch.Tensor
_NEVER = (1 << 31) - 1


class Refractory:
    """The refractory period ``value`` (ms) of the population ``name``, in steps; ``period`` is its coefficient in a step.

    A provider is given at most ``most`` steps.
    """

    def __init__(self, name: str, value: Tensor, period: str | None, dt: float, most: int) -> None:
        self.most = most
        steps = nearest_steps(value.cpu().numpy(), dt)
        if steps.size and steps.max() > _NEVER:
            raise DimensionError(
                f"population {name!r}: a refractory period of {float(value.max()):g} ms is more than {_NEVER:,} "
                f"steps of {dt:g} ms: give a shorter one."
            )
        self.steps = torch.from_numpy(np.asarray(steps.astype(np.int32))).to(value.device)
        self.long = bool((self.steps > self.most).any())
        self.coefficient = {} if period is None else {period: self.steps.clamp(max=self.most).to(torch.float64)}

    def given(self, variables: Mapping[str, Tensor], dtype: torch.dtype, count: int) -> dict[str, Tensor]:
        """The variables of a population as a provider takes them for a window of ``count`` steps."""
        left = variables[COUNTER]
        if count >= self.most // 2 and (self.long or bool((left > self.most).any())):
            raise ShapeError(
                f"a window of {count} steps is too long beside refractory periods of more than {self.most} steps: call with "
                f"shorter inputs and pass the state on."
            )
        return {**variables, COUNTER: (left.clamp(max=self.most) if self.long else left).to(dtype)}

    def after(self, before: Mapping[str, Tensor], states: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
        """The variables after a window, from what a provider gave back."""
        waiting, known = states[COUNTER].detach().to(torch.int32), before[COUNTER].to(torch.int32)
        left = waiting
        if known.numel() and int(known.max()) > self.most:
            waiting = torch.where(known > self.most, known - count, left)
        if self.long:
            begun = left > self.most - count  # only a spike in this window leaves so many
            waiting = torch.where(begun, left + (self.steps - self.most).clamp(min=0), waiting)
        return {**states, COUNTER: waiting}

    def recorded(self, before: Mapping[str, Tensor], left: Tensor, taken: Tensor) -> Tensor:
        """Steps left [T, …] as int32, from those that a provider recorded ``taken`` [T] steps after ``before``."""
        known, out = before[COUNTER].to(torch.int32), left.detach().to(torch.int32)
        if self.long or (known.numel() and int(known.max()) > self.most):
            taken = taken.to(torch.int32).reshape(-1, *(1 for _ in known.shape))
            begun = out > self.most - taken  # only a spike since then leaves so many
            out = torch.where(begun, out + (self.steps - self.most).clamp(min=0), out)
            out = torch.where(known > self.most, known - taken, out)
        return out


def refractory_of(graph: Graph, population: Population, step: Step) -> Refractory:
    """The refractory period of a population as it is now; made once for each number that all cells share."""
    given, dt, most = graph.values.get(population.name, {}).get("refractory"), graph.dt, graph.bounds.refractory
    value = (population.value("refractory") if given is None else given).detach()
    if value.numel() != 1:
        return Refractory(population.name, value, step.period, dt, most)
    return _shared(population.name, value.item(), value.dtype, tuple(value.shape), value.device, step.period, dt, most)


@lru_cache(maxsize=256)
def _shared(
    name: str, value: float, dtype: torch.dtype, shape: tuple[int, ...], device: torch.device, period: str | None, dt: float,
    most: int,
) -> Refractory:  # fmt: skip
    return Refractory(name, torch.full(shape, value, dtype=dtype, device=device), period, dt, most)
