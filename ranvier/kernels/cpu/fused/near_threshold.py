"""Cells that a gradient to spikes can pass: the derivative at their threshold is not zero."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
from llvmlite import ir

from ranvier.dynamics import ByStructure, Statement, Step, derivative, tidy
from ranvier.kernels.cpu.scan.exact import all_if, exact_kept
from ranvier.kernels.cpu.scan.frame import Frame, Group, ScanRoutine
from ranvier.kernels.writer import emit

__all__ = ["Near", "near_kernel"]

_FACTOR = sp.Symbol("_near")
_U = sp.Symbol("u")


@dataclass(frozen=True)
class Near:
    """A kernel that reads each ``kept`` value and ``coefficient``, and writes the one ``factor``."""

    kernel: ScanRoutine
    kept: tuple[str, ...]
    coefficients: tuple[str, ...]


class _Key(ByStructure):
    def __init__(self, step: Step) -> None:
        self.step, self.key = step, step.key


def near_kernel(step: Step, dtype: str, emission: str, kept: tuple[str, ...]) -> Near:
    """The kernel that computes, from the values ``kept``, the factor by which a gradient to ``emission`` goes on.

    That is slope(level - threshold), and zero in a refractory cell. Where a cell's event has no such factor, it is one.
    """
    return _near(_Key(step), dtype, emission, kept)


@lru_cache(maxsize=1024)
def _near(key: _Key, dtype: str, emission: str, kept: tuple[str, ...]) -> Near:
    step = key.step
    again = [s for s in step.program.statements if str(s.target) not in kept]
    program = tidy([*again, Statement(_FACTOR, _factor(step, emission))], {"near": _FACTOR}, "_n")
    reads = set(program.reads)
    kept = tuple(n for n in kept if n in reads)
    coefficients = tuple(n for n in step.coefficients if n in reads)
    frame = Frame(
        dtype,
        "ranvier_near",
        {
            "kept": Group(kept, row=True, lane=True, exact=exact_kept(step, kept)),
            "coefficient": Group(coefficients, lane=True, exact=all_if(step.exact, coefficients)),
            "factor": Group(("near",), row=True),
        },
        exact=bool(step.exact),
    )
    (given,), (steady,), (factor,) = map(frame.read, frame.groups)
    placed = given | steady
    with frame.time() as t, frame.neurons() as i:

        def read(name: str) -> ir.Value:
            return placed[name].load(t, i)

        factor["near"].store(t, i, emit(frame.words, program, read)["near"], frame.streaming)
    return Near(frame.compile(), kept, coefficients)


def _factor(step: Step, emission: str) -> sp.Expr:
    """d(emission)/d(level), as the adjoint takes it."""
    out = step.program.outputs[emission]
    of = {s.target: s for s in step.program.statements}
    crossing = next((s for s in step.program.statements if s.event == emission), None)
    if crossing is None or not out.is_Symbol:
        return sp.Integer(1)
    level, threshold = crossing.expression.args
    slope = step.surrogate.xreplace({_U: level - threshold})
    if out == crossing.target:
        return slope
    return slope * derivative(of[out].expression, crossing.target)
