"""A stimulus as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.dynamics import Reader, build_step, parse_expression, time_apart
from ranvier.errors import EquationError, ShapeError
from ranvier.kernels import eager
from ranvier.network.parts.population import tensor_of
from ranvier.network.stimuli._signal import Signal, name_in
from ranvier.network.stimuli.counts import count_of
from ranvier.neurons import Cell
from ranvier.neurons.values import check_text
from ranvier.units import Dimension, as_quantity
from ranvier.units.steps import times_at
from ranvier.values import Distribution, Learn

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Stimulus"]

#: numbers that are computed at once: always the same ones together, so that they round alike whatever the block
_TOGETHER = 16384
_ALONE = (
    "a stimulus is a function of the time alone: for differential equations, noise and inputs make a population of "
    "rv.Cell(…, emit='x') instead."
)


class Stimulus(Signal):
    """A signal given by equations in the time.

    The last equation is what is emitted; step n, from t_n = n*dt to t_n + dt, gets its value at t = t_n.

    Parameters
    ----------
    equations
        One per line, ``x = expression`` or ``x = expression : unit``; ``t`` is the time, ``dt`` the step, and the
        language that of :class:`rv.Cell`: ``where(condition, a, b)``, ``sin``, ``exp``, units such as ``nA``.
    size
        Number of cells.
    values
        Every name that the equations use: a number, a quantity, an array [size] or a distribution.

    Raises
    ------
    EquationError, DimensionError
        With the line and the remedy; also for differential equations and noise, which depend on more than the time.

    >>> slow_wave = net.source("slow_wave", rv.Stimulus("x = 1*nA*sin(2*pi*3*Hz*t)", 100))
    >>> names = net.connect("slow_wave", "cells", rv.OneToOne(), to="I")
    """

    def __init__(self, equations: str, size: int = 1, **values: Any) -> None:
        self.shape = (count_of(size, "Stimulus: size"),)
        check_text("Stimulus", equations=equations)
        known = {n: v.dimension if isinstance(v, Distribution) else as_quantity(v).dimension for n, v in values.items()
                 if not isinstance(v, Learn)}  # fmt: skip
        learnt = [n for n, v in values.items() if isinstance(v, Learn)]
        if learnt:
            raise EquationError(f"{learnt[0]}=… of a stimulus cannot be learnt: give its value.", line=learnt[0])
        text, name = _with_units(equations, known)
        self.cell = Cell(text, emit=name, name="Stimulus", **values)
        system = self.cell.system
        if system.states or system.noises or system.inputs:
            line = next(e.line for e in system.equations if e.kind != "subexpression" or system.noises)
            raise EquationError(_ALONE, line=line)
        self.dimension = system.dimensions[name]
        whole = build_step(system)
        self._step = time_apart(replace(whole, program=whole.program.only((whole.output_of(name),))))
        for n, v in values.items():
            if not isinstance(v, Distribution) and as_quantity(v).shape not in ((), self.shape):
                raise ShapeError(
                    f"Stimulus: {n} has shape {as_quantity(v).shape}; give one value, or one for each of {size} cells."
                )

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        return torch.from_numpy(self.numbers(first, count, graph)).unsqueeze(1).to(graph.device, graph.dtype)

    def numbers(self, first: int, count: int, graph: Graph) -> np.ndarray:
        step, name = self._step, self._step.output_of(self.cell.emit or "")
        own = f"{name_in(graph, self)}.stimulus"  # drawn values are those of this stimulus, like its name
        values = {n: tensor_of(v, self.shape, graph.seed, f"{own}.{n}") for n, v in self.cell.parameters.items()}
        coefficients = eager.coefficients(step, values, graph.dt)
        function, like = eager.step_function(step.program, step.surrogate), torch.empty((), dtype=torch.float64)
        together = max(1, _TOGETHER // self.shape[0])
        pieces = []
        for low in range(first // together * together, first + count, together):
            times = torch.from_numpy(times_at(np.arange(low, low + together), graph.dt))
            x = function({**coefficients, **eager.clock(step, coefficients, times, 1)}, like)[name]
            x = torch.as_tensor(x, dtype=torch.float64).expand(together, *self.shape)
            pieces.append(x[max(first - low, 0) : first + count - low])
        whole = torch.cat(pieces) if pieces else torch.empty(0, *self.shape, dtype=torch.float64)
        bad = torch.nonzero(~torch.isfinite(whole))
        if len(bad):
            when = float(times_at(first + int(bad[0, 0]), graph.dt))
            raise EquationError(
                f"the stimulus is {float(whole[tuple(bad[0])])} at t = {when:g} ms: keep it finite.",
                line=self.cell.equations,
            )
        return whole.numpy()

    def __repr__(self) -> str:
        return f"Stimulus({self.cell.equations.strip()!r}, size={self.shape[0]})"


def _with_units(text: str, known: Mapping[str, Dimension]) -> tuple[str, str]:
    """The equations with the unit of each line written out, and the name of the last."""
    lines, name, dimensions = [], "", dict(known)
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        found = re.match(r"^(\w+)\s*=(?!=)\s*(.+)$", line)
        if found is None or line.startswith("#"):
            lines.append(line)
            continue
        name, body = found[1], found[2].partition(":")[0]
        dimensions[name] = Reader(dimensions).read(parse_expression(body, line), line)[1]
        lines.append(line if ":" in line else f"{line} : {dimensions[name]}")
    if not name and "/dt" in text.replace(" ", ""):
        raise EquationError(_ALONE, line=text)
    if not name:
        raise EquationError("a stimulus needs an equation such as 'x = 1*nA*sin(2*pi*3*Hz*t)': write one.", line=text)
    return "\n".join(lines), name
