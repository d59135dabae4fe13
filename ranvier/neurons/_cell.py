"""A cell: a readable record of equations, checked when it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier.dynamics import COUNTER, METHODS, Step, System, build_step, read_system
from ranvier.errors import DimensionError, EquationError
from ranvier.surrogates import ArcTan, Surrogate
from ranvier.units import UNITS, Dimension, Quantity, as_quantity
from ranvier.values import Distribution, Learn

__all__ = ["Cell", "Part", "dimension_of"]

_TIME = UNITS["ms"].dimension


def dimension_of(name: str, value: Any) -> Dimension:
    """The dimension of a number, quantity, array, distribution or learnable value."""
    if isinstance(value, Distribution | Learn):
        return value.dimension
    try:
        quantity = as_quantity(value)
    except (TypeError, ValueError) as error:
        raise EquationError(f"{name}={value!r} is not a number, a quantity, an array, a distribution or Learn(…).", line=name) from error
    if not np.all(np.isfinite(np.asarray(quantity.value, dtype=float))):
        raise EquationError(f"{name}={value!r} is not finite: every value of a cell must be a finite number.", line=name)
    return quantity.dimension


class Part:
    """Equations to add to a cell with ``+``: a synaptic port, an adaptation current, a noise source.

    An equation for a name that the cell declares as ``(input)`` takes that port over.
    """

    def __init__(self, equations: str, **values: Any) -> None:
        self.equations, self.values = equations, values

    def __repr__(self) -> str:
        return f"Part({self.equations.strip()!r}, {', '.join(f'{n}={v!r}' for n, v in self.values.items())})"


class Cell:
    """A neuron model as text: equations, threshold, reset, and the values of its parameters.

    Parameters
    ----------
    equations
        One per line: ``dx/dt = … : unit`` (a differential equation), ``x' = … : unit`` (the next value),
        ``x = … : unit`` (a subexpression), ``x : unit (input)`` (a port). Flag ``(unless refractory)`` freezes a variable.
    threshold
        The condition for a spike, such as ``"v > V_th"``; its first comparison carries the surrogate gradient.
    reset
        Statements executed at the spike, such as ``"v = V_r; w += b"``.
    refractory
        Duration; exactly round(refractory/dt) further steps.
    events
        More named events: ``{"name": ("condition", "statements")}``.
    method
        Integration method for all differential equations (exact, exponential_euler, euler, rk2, rk4); chosen per
        equation where None, see :meth:`explain`.
    surrogate
        The derivative at the threshold (:mod:`ranvier.surrogates`).
    emit
        What projections carry away: ``"spike"``, or the name of a variable for a read-out.
    size
        Number of cells, or a shape; may also be given to the population.
    values
        Every parameter, and initial values of variables (0 otherwise): a number, quantity, array, distribution or
        ``rv.Learn``.

    Raises
    ------
    EquationError, DimensionError
        With the line, the dimensions and the remedy.

    >>> cell = rv.Cell("dv/dt = (E_L - v)/tau : mV", threshold="v > V_th", reset="v = E_L", E_L=-70*mV, V_th=-50*mV, tau=20*ms)
    """

    def __init__(
        self,
        equations: str,
        *,
        threshold: str | None = None,
        reset: str | None = None,
        refractory: Any = None,
        events: Mapping[str, tuple[str, str]] | None = None,
        method: str | None = None,
        surrogate: Surrogate | None = None,
        emit: str | None = None,
        name: str = "cell",
        size: int | tuple[int, ...] | None = None,
        **values: Any,
    ) -> None:
        if reset and not threshold:
            raise EquationError(f"the cell has a reset ({reset!r}) but no threshold: pass threshold='…' too.", line=reset)
        if method is not None and method not in METHODS:
            raise EquationError(f"unknown integration method {method!r}: choose one of {', '.join(METHODS)}.", line=str(method))
        self.equations, self.threshold, self.reset = equations, threshold, reset
        self.events = dict(events or {})
        self.method, self.name = method, name
        self.surrogate = surrogate
        self.size = (size,) if isinstance(size, int) else size
        if self.size is not None and (not self.size or any(not isinstance(n, int) or n <= 0 for n in self.size)):
            raise EquationError(f"size={size!r}: a population has at least one cell; give a positive number or a shape of positive numbers.", line=name)
        self.values = dict(values)
        if refractory is not None:
            self.values["refractory"] = refractory
        dimensions = {n: dimension_of(n, v) for n, v in self.values.items()}
        if refractory is not None and dimensions["refractory"] != _TIME:
            raise DimensionError(f"refractory={refractory!r} has dimension {dimensions['refractory']}; give a time, for example 2*ms.")
        self._check_signs()
        named = [("spike", threshold, reset or "")] if threshold else []
        named += [(n, condition, code or "") for n, (condition, code) in self.events.items()]
        self.system: System = read_system(equations, named, dimensions, refractory is not None)
        used = {str(s) for e in (*self.system.odes.values(), *self.system.updates.values(), *self.system.subexpressions.values()) for s in e.free_symbols}
        used |= {str(s) for e in self.system.events for x in (e.condition, *(a for _, a in e.assignments)) for s in x.free_symbols}
        unused = [n for n in self.values if n not in used and n not in self.system.states and n != "refractory"]
        if unused:
            raise EquationError(f"value {unused[0]!r} is used by no equation of the cell: remove it or correct its name.", line=unused[0])
        self.emit = emit or ("spike" if threshold else None)
        known = [e.name for e in self.system.events] + [*self.system.states, *self.system.subexpressions]
        if self.emit is not None and self.emit not in known:
            raise EquationError(f"emit={emit!r} is neither an event nor a variable of the cell: choose one of {', '.join(known)}.", line=str(emit))

    def _check_signs(self) -> None:
        for name, value in self.values.items():
            positive = name == "C" or name.startswith(("tau", "C_"))
            if not positive and name != "refractory":
                continue
            numbers = value.value if isinstance(value, Learn) else value
            if isinstance(numbers, Distribution):
                continue
            numbers = np.asarray(as_quantity(numbers).value, dtype=float)
            if positive and (numbers <= 0).any():
                raise EquationError(f"{name}={value!r}: a time constant or capacitance must be positive.", line=name)
            if not positive and (numbers < 0).any():
                raise EquationError(f"refractory={value!r}: a refractory period cannot be negative.", line=name)

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the parameters."""
        return {n: v for n, v in self.values.items() if n not in self.system.states}

    @property
    def initial(self) -> dict[str, Any]:
        """Initial values of the variables; 0 where none is given."""
        return {n: v for n, v in self.values.items() if n in self.system.states}

    @property
    def ports(self) -> tuple[str, ...]:
        """Names on which projections may arrive: inputs and states."""
        return (*self.system.inputs, *self.system.states)

    def with_values(self, **values: Any) -> Cell:
        """The same cell with some values replaced or added."""
        merged = {**self.values, **values}
        refractory = merged.pop("refractory", None)
        return Cell(
            self.equations, threshold=self.threshold, reset=self.reset, refractory=refractory, events=self.events, method=self.method,
            surrogate=self.surrogate, emit=self.emit, name=self.name, size=self.size, **merged,
        )  # fmt: skip

    def __add__(self, part: Part) -> Cell:
        if not isinstance(part, Part):
            return NotImplemented
        clash = sorted(self.values.keys() & part.values.keys())
        if clash:
            raise EquationError(f"both the cell and the part define {clash[0]!r}: rename it in one of them.", line=clash[0])
        merged = {**self.values, **part.values}
        refractory = merged.pop("refractory", None)
        return Cell(
            f"{self.equations}\n{part.equations}", threshold=self.threshold, reset=self.reset, refractory=refractory, events=self.events,
            method=self.method, surrogate=self.surrogate, emit=self.emit, name=self.name, size=self.size, **merged,
        )  # fmt: skip

    def step(self, kicks: tuple[str, ...] = (), surrogate: Surrogate | None = None) -> Step:
        """The program of one time step, for projections arriving on the states ``kicks``."""
        chosen = self.surrogate or surrogate or ArcTan()
        return build_step(self.system, method=self.method, kicks=kicks, surrogate=(chosen.slope, tuple(chosen.values)))

    def explain(self, kicks: tuple[str, ...] = ()) -> str:
        """The equations, the integrator of each variable and why, and the generated step."""
        step = self.step(kicks)
        lines = ["equations", *(f"    {e}" for e in self.system.equations)]
        lines += ["events"] * bool(self.system.events)
        lines += [f"    {e.name}: when {e.text[0]} do {e.text[1] or 'nothing'}" for e in self.system.events]
        lines += ["integration", *(f"    {n}: {m} ({why})" for n, (m, why) in step.reasons.items())]
        if COUNTER in step.counters:
            lines.append("    refractory: exactly round(refractory/dt) further steps")
        lines.append("once per call (float64)")
        for x in step.prologue.exponentials:
            lines.append(f"    {', '.join(x.names)} = exponential and integral of the {len(x.matrix)}x{len(x.matrix)} system over dt")
        lines += [f"    {n} = {e}" for n, e in step.prologue.scalars if str(e) != n]
        lines += ["every step", *(f"    {s}" for s in step.program.only((*step.states, *step.counters, *step.events)).statements)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        values = ", ".join(f"{n}={v}" for n, v in self.values.items() if isinstance(v, float | int | Quantity | Learn | Distribution))
        return f"{self.name}({values})"
