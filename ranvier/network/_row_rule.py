"""Whether a plasticity rule can run inside the compiled loop, and what the loop needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
import torch

from ranvier.kernels.cpu import RowRule
from ranvier.network._graph import GraphError
from ranvier.synapses import BoundPlasticity

if TYPE_CHECKING:
    from ranvier.network._plastic import PlasticSynapses

__all__ = ["not_row_rule", "row_rule"]


def _decay(bound: BoundPlasticity, name: str) -> sp.Expr | None:
    """The factor by which a variable shrinks per step, or None where it does anything else."""
    x = sp.Symbol(name)
    program = bound.step.program.only((name,))
    value = program.outputs[name]
    for statement in reversed(program.statements):
        value = value.xreplace({statement.target: statement.expression})
    factor, rest = value.as_independent(x, as_Add=False)
    steady = {sp.Symbol(c) for c in bound.step.coefficients}
    return factor if rest == x and factor.free_symbols <= steady else (sp.Integer(1) if value == x else None)


def not_row_rule(bound: BoundPlasticity) -> str | None:
    """Why the compiled loop cannot run a rule, as a sentence; None where it can."""
    for name in bound.system.states:
        if _decay(bound, name) is None:
            return f"{name} does more than decay exponentially"
    for end in ("pre", "post"):
        if bound.reads(end):
            return f"it reads {bound.reads(end)[0]} of the {end}synaptic cell"
    for program in bound.codes.values():
        if "t" in program.reads:
            return "its code reads the time"
    varied = [
        n
        for n, v in bound.rule.values.items()
        if n not in bound.system.states and getattr(v, "value", v) is not None and _many(v)
    ]
    return f"{varied[0]} differs between synapses" if varied else None


def _many(value: object) -> bool:
    inner = getattr(value, "value", value)
    return not isinstance(inner, int | float) and getattr(inner, "size", 1) != 1


def row_rule(synapses: PlasticSynapses) -> tuple[RowRule, dict[str, float], dict[str, torch.Tensor]]:
    """The rule for the loop, the decay of each variable per step, and its parameters."""
    bound = synapses.bound
    known = {"w", *bound.system.states}
    read = sorted({n for program in bound.codes.values() for n in program.reads} - known)
    rule = RowRule(tuple(bound.system.states), tuple(read), bound.codes.get("on_pre"), bound.codes.get("on_post"))
    decays = {}
    for name in bound.system.states:
        factor = _decay(bound, name)
        if factor is None:
            raise GraphError(f"{name} does more than decay exponentially: the compiled loop cannot run this rule.")
        decays[name] = float(factor.subs({sp.Symbol(c): float(v) for c, v in synapses.exact.items()}))
    return rule, decays, {n: synapses.parameters[n] for n in read}
