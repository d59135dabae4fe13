"""Cells whose spikes pass relevance on: the derivative of a spike is the secant, spike/membrane."""

from __future__ import annotations

import sympy as sp
import torch

from ranvier.dynamics import Program, Step
from ranvier.dynamics.functions import ge, gt, jump
from ranvier.errors import RanvierError
from ranvier.kernels import eager
from ranvier.network import Network
from ranvier.network.parts.population import Population
from ranvier.surrogates import Surrogate

__all__ = ["pass_relevance"]

#: 1/level where the level is above the threshold, which is the width: u = (level - threshold)/threshold
_SECANT = Surrogate("(u > 0)/(1 + abs(u))")


def pass_relevance(net: Network) -> None:
    """Give every cell of ``net``, in place, the derivative under which number times derivative is relevance.

    A spike s at the membrane v passes s/v, so that what it has goes to the membrane. A reset that subtracts passes its share back to
    the spike, and a reset to a value passes nothing; so relevance of the membrane after a reset goes to that before.

    Raises
    ------
    RanvierError
        For a cell whose threshold moves, or is not above 0.
    """
    for name, population in net.populations.items():
        if not population.cell.fires:
            continue
        step = net.graph.step(name)
        width = _threshold(step, population, net.dt, name)
        population.take_surrogate(
            _SECANT, population.cell.changed(surrogate=_SECANT, reset_gradient=_reset(step)), reset=True
        )
        population.spread_surrogate(width)


def _threshold(step: Step, population: Population, dt: float, name: str) -> torch.Tensor:
    crossed = next(s for s in step.program.statements if s.event == "spike")
    found = [t for t in sp.preorder_traversal(crossed.expression) if isinstance(t, gt | ge)]
    if len(found) != 1 or not {str(s) for s in found[0].args[1].free_symbols} <= set(step.coefficients):
        raise RanvierError(
            f"the cells of {name!r} compare with a threshold that moves, so a spike has no share of the membrane: relevance takes cells with a "
            f"fixed threshold, such as rv.LIF or rv.IF."
        )
    values = {n: v.detach() for n, v in population.coefficients(step, dt).items()}
    program = Program((), {"threshold": found[0].args[1]})
    made = eager.step_function(program, sp.Integer(0))(values, torch.empty((), dtype=torch.float64))["threshold"]
    threshold = torch.as_tensor(made, dtype=torch.float64)
    if not (threshold > 0).all():
        raise RanvierError(
            f"the threshold of {name!r} is {float(threshold.min()):g}: relevance is measured from 0, so it must be above 0. Count the "
            f"membrane from rest."
        )
    return threshold


def _reset(step: Step) -> str:
    """``"surrogate"`` where a reset subtracts what does not depend on states, else ``"detached"``."""
    for statement in step.program.statements:
        for found in statement.expression.atoms(jump):
            read = {str(s) for part in found.args[1:] for s in part.free_symbols}
            if not read <= set(step.coefficients):
                return "detached"
    return "surrogate"
