"""How a cell's state answers a small change, where that does not depend on what the cell is doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp
import torch

from ranvier.dynamics import Cuts, Step, adjoint
from ranvier.kernels.eager import step_function

__all__ = ["Response", "steady_response"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Response:
    """M[q, s] = d state q after / d state s before a step; b[stream][q] = d state q / d stream. Shared by all cells."""

    M: Tensor
    b: Mapping[str, Tensor]

    def over(self, steps: int) -> Tensor:
        """M to the power of ``steps``."""
        return torch.linalg.matrix_power(self.M, steps)

    def kernel(self, stream: str, steps: int) -> Tensor:
        """C [steps, q]: the derivative of the state after the last step by the arrival at step k."""
        out, row = [], self.b[stream]
        for _ in range(steps):
            out.append(row)
            row = self.M @ row
        return torch.stack(out[::-1]) if out else row.new_zeros(0, len(row))


def steady_response(step: Step, cuts: Cuts, coefficients: Mapping[str, Tensor]) -> Response | None:
    """The response of a cell under ``cuts``, from its own adjoint; None where it varies over time or between cells."""
    streams = tuple(step.streams)
    program = cuts.apply(step).only(step.states)
    seeds = {n: f"_lam_{n}" for n in step.states}
    reverse = adjoint(program, seeds, (*step.states, *streams), step.surrogate)
    if any(n not in coefficients or coefficients[n].numel() != 1 for n in reverse.values):
        return None
    one = torch.eye(len(step.states), dtype=torch.float64)
    given = {n: coefficients[n].detach().double().reshape(()) for n in reverse.values}
    given |= {seed: one[k] for k, seed in enumerate(seeds.values())}
    out = step_function(reverse.program, sp.Integer(0))(given, one)
    row = {n: torch.as_tensor(v, dtype=torch.float64).expand(len(one)) for n, v in out.items()}
    M = torch.stack([row[f"grad:{n}"] for n in step.states], 1) if step.states else one
    return Response(M, {n: row[f"grad:{n}"] for n in streams})
