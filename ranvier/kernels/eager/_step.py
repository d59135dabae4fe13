"""The reference provider: a step as torch operations, one step at a time. It is the specification of every other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache

import sympy as sp
import torch

from ranvier.dynamics import TIME, ByStructure, Program, Prologue, Step
from ranvier.kernels.eager._torch import compile_function, source

__all__ = ["clock", "coefficients", "some_coefficients", "step_function"]

Tensor = torch.Tensor
Values = Mapping[str, Tensor]


@lru_cache(maxsize=512)
def _prologue(prologue: Prologue) -> Callable[[Values, Tensor], dict[str, Tensor]]:
    lines = ["def prologue(_v, _like):", "    _o = {}"]
    made = {n for x in prologue.exponentials for n in x.names}

    def name(n: str) -> str:
        return f"_o[{n!r}]" if n in made else f"_v[{n!r}]"

    for x in prologue.exponentials:
        rows = ", ".join("[" + ", ".join(f"_tensor({source(a, name)}, _like)" for a in row) + "]" for row in x.matrix)
        lines.append(f"    _E, _F = _propagator([{rows}], _v['dt'])")
        lines += [f"    _o[{n!r}] = _E[..., {i}, {j}]" for i, j, n in x.E]
        lines += [f"    _o[{n!r}] = _F[..., {i}, {j}]" for i, j, n in x.F]
    lines += [f"    _o[{n!r}] = _tensor({source(e, name)}, _like)" for n, e in prologue.scalars]
    lines.append("    return _o")
    return compile_function("prologue", lines, {"_propagator": _propagator})


def _propagator(rows: list[list[Tensor]], dt: Tensor) -> tuple[Tensor, Tensor]:
    """exp(A dt) and its integral over the step, from one exponential of the augmented matrix; A may be singular."""
    n = len(rows)
    flat = torch.broadcast_tensors(*(a for row in rows for a in row))
    A = torch.stack([torch.stack(flat[i * n : (i + 1) * n], -1) for i in range(n)], -2)
    one = torch.eye(n, dtype=A.dtype, device=A.device).expand(A.shape)
    zero = torch.zeros_like(A)
    big = torch.cat([torch.cat([A, one], -1), torch.cat([zero, zero], -1)], -2) * dt
    whole = torch.linalg.matrix_exp(big)
    return whole[..., :n, :n], whole[..., :n, n:]


def coefficients(step: Step, values: Values, dt: float) -> dict[str, Tensor]:
    """Every coefficient of ``step`` in float64, differentiable in ``values``."""
    some = next((v for v in values.values()), None)
    device = some.device if some is not None else torch.device("cpu")
    wide = {n: v.to(torch.float64) for n, v in values.items()}
    wide["dt"] = torch.tensor(dt, dtype=torch.float64, device=device)
    out = _prologue(step.prologue)(wide, wide["dt"])
    return {n: out[n] for n in dict.fromkeys((*step.coefficients, *step.timing))}


def some_coefficients(
    step: Step, names: Collection[str], dt: float
) -> tuple[tuple[str, ...], Callable[[Values], dict[str, Tensor]]] | None:
    """What finds some coefficients as :func:`coefficients` does, and the parameters that it reads; None where it finds all or none."""
    part = step.prologue.only(names)
    if part is None:
        return None
    compute, like = _prologue(part), torch.tensor(dt, dtype=torch.float64)
    reads = frozenset[str]().union(*part.reads.values())

    def found(values: Values) -> dict[str, Tensor]:
        return compute({n: v.to(torch.float64) for n, v in values.items()} | {"dt": like}, like)

    return tuple(sorted(reads)), found


def clock(step: Step, values: Values, times: Tensor, rank: int) -> dict[str, Tensor]:
    """The streams that the time decides, float64 [T, …] of 1 + ``rank`` axes; ``values`` are coefficients, ``times`` [T] in ms."""
    given = {n: values[n] for n in step.timing} | {TIME: times.reshape(-1, *(1 for _ in range(rank)))}
    out = step_function(step.clock, sp.Integer(0))(given, times)
    return {
        n: v.expand(len(times), *v.shape[1:]) if v.ndim > rank else v.expand(len(times), *v.shape)
        for n, v in out.items()
    }


def _lines(label: str, program: Program, slope: sp.Expr) -> list[str]:
    own = {str(s.target) for s in program.statements}
    local = {n: f"x{k}" for k, n in enumerate([*program.reads, *sorted(own)])}

    def name(n: str) -> str:
        return local[n]

    lines = [f"def {label}(_v, _like):"]
    lines += [f"    {local[n]} = _v[{n!r}]" for n in program.reads]
    for statement in program.statements:
        target, e = local[str(statement.target)], statement.expression
        if statement.event is None:
            lines.append(f"    {target} = {source(e, name)}")
        else:
            a, b = (f"_tensor({source(x, name)}, _like)" for x in e.args)
            sign = ">" if e.func.__name__ == "gt" else ">="
            lines += [f"    _a, _b = torch.broadcast_tensors({a}, {b})",
                      f"    {target} = _fire(_a, _b, (_a {sign} _b).to(_like), lambda u: _slope(u, _v))"]  # fmt: skip
    lines += ["    return {" + ", ".join(f"{n!r}: {source(e, name)}" for n, e in program.outputs.items()) + "}"]
    reads = {str(s): f"_v[{str(s)!r}]" for s in slope.free_symbols} | {"u": "u"}
    lines += [
        "def _slope(u, _v):",
        "    _like = u",
        f"    return _tensor({source(slope, reads.__getitem__)}, u) + 0 * u",
    ]
    return lines


class _Keyed(ByStructure):
    """A program with its slope, hashed by structure so that equal steps share one compiled function."""

    def __init__(self, program: Program, slope: sp.Expr) -> None:
        self.program, self.slope = program, slope
        self.key = (program.key, sp.srepr(slope))


@lru_cache(maxsize=512)
def _compiled(keyed: _Keyed) -> Callable:
    return compile_function("step", _lines("step", keyed.program, keyed.slope))


def step_function(program: Program, slope: sp.Expr) -> Callable[[Values, Tensor], dict[str, Tensor]]:
    """``f(values, like)`` -> outputs of one step; ``values`` holds everything the program reads, by name."""
    return _compiled(_Keyed(program, slope))
