"""The search for a quotient of a cell's equations that was 0/0 when a value became NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp
import torch

from ranvier.dynamics import Program, Tape, placed, quotients
from ranvier.kernels import eager
from ranvier.units.steps import times_at

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.state.state import State

__all__ = ["undefined_quotient"]

Tensor = torch.Tensor


def undefined_quotient(graph: Graph, before: State, after: State) -> str | None:
    """A sentence that names the quotient and the values at which it is 0/0; None where no quotient is.

    ``before`` is the state before the step in which a variable of ``after`` became NaN.
    """
    for name, variables in after.variables.items():
        bad = sum((~torch.isfinite(v) for v in variables.values()), torch.zeros((), dtype=torch.bool))
        if not bool(torch.as_tensor(bad).any()) or name not in graph.populations:
            continue
        system = graph.populations[name].cell.system
        found = quotients(system)
        outputs = {f"{part}{k}": getattr(q, part) for k, q in enumerate(found) for part in ("above", "below")}
        outputs |= {f"read{k}_{n}": system.written(sp.Symbol(n)) for k, q in enumerate(found) for n in q.reads}
        known = {**graph.populations[name].values(), **before.variables[name]}
        now, dt = (torch.tensor(float(x), dtype=torch.float64) for x in (times_at(before.step, graph.dt), graph.dt))
        dtype = torch.float64 if graph.step(name).exact else graph.dtype
        known = {n: v.detach().to(dtype) for n, v in {**known, "t": now, "dt": dt}.items()}
        readable = {n: e for n, e in outputs.items() if {str(s) for s in system.symbols_of(e)} <= known.keys()}
        tape = Tape()
        place = placed(system, tape, {}, readable.values())
        program = Program(tuple(tape.statements), {n: e.xreplace(place) for n, e in readable.items()})
        like = next(iter(before.variables[name].values())).to(dtype)
        values = eager.step_function(program, sp.Integer(0))(known, like)
        for k, quotient in enumerate(found):
            if f"above{k}" not in values or f"below{k}" not in values:
                continue
            zero = (_full(values[f"above{k}"], like) == 0) & (_full(values[f"below{k}"], like) == 0)
            where = torch.nonzero(zero & bad)
            if len(where):
                at = tuple(where[0].tolist())
                numbers = {n: float(_full(values[f"read{k}_{n}"], like)[at]) for n in quotient.reads}
                place = ", ".join(f"{n} = {v:.9g} {_unit(system.dimensions[n])}".strip() for n, v in numbers.items())
                return (
                    f"the quotient '{quotient.text}' is 0/0 at {place or 'this step'} (in: {quotient.line}); write it "
                    "with exprel(x) = (exp(x) - 1)/x, or with where(…) and its limit"
                )
    return None


def _full(value: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype).expand(like.shape)


def _unit(dimension: object) -> str:
    return "" if str(dimension) == "1" else str(dimension)
