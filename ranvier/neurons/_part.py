"""Parts: equations to add to a cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ranvier.dynamics import parse_equations
from ranvier.errors import EquationError
from ranvier.neurons.values import merge_values
from ranvier.units import Dimension

__all__ = ["Part"]

_UNIT_OF = re.compile(r"\{(\w+)\}")


class Part:
    """Equations to add to a cell with ``+``: a synaptic port, an adaptation current, a noise source.

    An equation for a name that the cell declares as ``(input)`` takes that port over; ``x += … : unit`` adds to it.

    Parameters
    ----------
    equations
        As for :class:`Cell`; ``{port}`` stands for the unit that the cell declares for its input ``port``.
    arrivals
        ``{"port": "variable"}`` where what arrives at a port touches another variable.
    reset
        Statements that the cell executes at its spike, after its own.
    values
        Parameters and initial values of the part.

    >>> cell = rv.AdEx() + rv.Part("I += g_slow*(E_slow - v) : nA\\ng_slow : uS (input)", E_slow=-90*mV)
    """

    def __init__(
        self, equations: str, *, arrivals: Mapping[str, str] | None = None, reset: str = "", **values: Any
    ) -> None:
        self.equations, self.arrivals, self.reset, self.values = equations, dict(arrivals or {}), reset, values

    def text_for(self, ports: Mapping[str, Dimension]) -> str:
        """The equations for a cell with these ports, units filled in."""
        own = parse_equations(_UNIT_OF.sub("1", self.equations))
        ports = {**ports, **{e.name: e.dimension for e in own if "input" in e.flags}}

        def unit(match: re.Match[str]) -> str:
            if match[1] not in ports:
                known = ", ".join(ports) or "none"
                raise EquationError(
                    f"the part replaces an input called {match[1]!r}, but the cell has {known}: declare "
                    f"'{match[1]} : unit (input)' in the cell, name another port, or give the part a unit.",
                    line=match[1],
                )
            return str(ports[match[1]])

        return _UNIT_OF.sub(unit, self.equations)

    def __add__(self, other: Part) -> Part:
        if not isinstance(other, Part):
            return NotImplemented
        return Part(
            f"{self.equations}\n{other.equations}",
            arrivals={**self.arrivals, **other.arrivals},
            reset="\n".join(filter(None, (self.reset, other.reset))),
            **merge_values(self.values, other.values),
        )

    def __repr__(self) -> str:
        values = "".join(f", {n}={v!r}" for n, v in self.values.items())
        return f"Part({self.equations.strip()!r}{values})"
