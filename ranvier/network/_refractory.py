"""Steps of refractoriness left: whole numbers of any size in the state, bounded numbers in the lanes.

A float32 cannot count down from more than 2^24. So a provider gets at most ``MOST`` steps, and a window takes less than
half of them. Afterwards the steps held back are added again, to cells that were refractory before and to those that fired
in the window.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from ranvier.dynamics import COUNTER, Step
from ranvier.errors import DimensionError, ShapeError
from ranvier.network._population import Population
from ranvier.units._steps import nearest_steps

__all__ = ["Refractory"]

Tensor = torch.Tensor
MOST = 1 << 23
_NEVER = (1 << 31) - 1


class Refractory:
    """The refractory period of one population, in steps."""

    def __init__(self, population: Population, step: Step, dt: float) -> None:
        value = population.values()["refractory"].detach()
        steps = nearest_steps(value.cpu().numpy(), dt)
        if steps.size and steps.max() > _NEVER:
            raise DimensionError(
                f"population {population.name!r}: a refractory period of {float(value.max()):g} ms is more than {_NEVER:,} "
                f"steps of {dt:g} ms: give a shorter one."
            )
        self.steps = torch.from_numpy(np.asarray(steps.astype(np.int32))).to(value.device)
        self.long = bool((self.steps > MOST).any())
        self.coefficient = {} if step.period is None else {step.period: self.steps.clamp(max=MOST).to(torch.float64)}

    def given(self, variables: Mapping[str, Tensor], dtype: torch.dtype, count: int) -> dict[str, Tensor]:
        """The variables of a population as a provider takes them for a window of ``count`` steps."""
        left = variables[COUNTER]
        if count >= MOST // 2 and (self.long or bool((left > MOST).any())):
            raise ShapeError(
                f"a window of {count} steps is too long beside refractory periods of more than {MOST} steps: call with "
                f"shorter inputs and pass the state on."
            )
        return {**variables, COUNTER: (left.clamp(max=MOST) if self.long else left).to(dtype)}

    def after(self, before: Mapping[str, Tensor], states: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
        """The variables after a window, from what a provider gave back."""
        left, known = states[COUNTER].detach().to(torch.int32), before[COUNTER].to(torch.int32)
        waiting = torch.where(known > MOST, known - count, left)
        if self.long:
            begun = left > MOST - count  # only a spike in this window leaves so many
            waiting = torch.where(begun, left + (self.steps - MOST).clamp(min=0), waiting)
        return {**states, COUNTER: waiting}
