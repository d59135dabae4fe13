"""Lines of one model put together: ports that an equation takes over, sums of contributions, dependencies."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import sympy as sp

from ranvier.dynamics._bounds import check_numbers
from ranvier.dynamics._names import is_noise
from ranvier.dynamics._sizes import depth, nodes
from ranvier.dynamics._symbols import Reader
from ranvier.dynamics.functions import folded
from ranvier.dynamics.text import Equation
from ranvier.errors import DimensionError, EquationError

__all__ = ["resolve", "take_over"]

#: parts and levels of a subexpression that is still written out where it is used
_LARGEST, _DEEPEST = 300, 24


def take_over(equations: tuple[Equation, ...]) -> tuple[Equation, ...]:
    """An equation takes over an input declared under the same name; every other repetition is a clash."""
    kept: dict[str, Equation] = {}
    for equation in (e for e in equations if e.kind != "contribution"):
        known = kept.get(equation.name)
        if known is not None:
            ports = [e for e in (known, equation) if "input" in e.flags]
            if not ports:
                raise EquationError(
                    f"{equation.name!r} is defined twice: {known.line!r} and {equation.line!r}; rename one of them.",
                    line=equation.line,
                )
            if known.dimension != equation.dimension:
                raise DimensionError(
                    f"{equation.name!r} has dimension {known.dimension} in {known.line!r} and {equation.dimension} in "
                    f"{equation.line!r}: give both one unit, or rename one of them."
                )
            if ports[0] is equation:
                continue
        kept[equation.name] = equation
    contributions = tuple(e for e in equations if e.kind == "contribution")
    for equation in contributions:
        port = kept.get(equation.name)
        if port is None or "input" not in port.flags:
            found = "no such input" if port is None else f"{port.line!r} instead"
            raise EquationError(
                f"'{equation.name} += …' adds to an input called {equation.name!r}, but there is {found}: "
                f"declare '{equation.name} : unit (input)', or add to another input.",
                line=equation.line,
            )
        if port.dimension != equation.dimension:
            raise DimensionError(
                f"{equation.line!r} has dimension {equation.dimension}, but the input {equation.name!r} has "
                f"{port.dimension}: give both one unit."
            )
    return (*kept.values(), *contributions)


def resolve(equations: tuple[Equation, ...], reader: Reader) -> tuple[dict[sp.Symbol, sp.Expr], dict[str, sp.Expr]]:
    """Every subexpression, and every input with contributions, in terms of states, inputs and parameters.

    The second are the large ones, by names that no model uses, in the order in which they can be computed: written out
    where they are used, a chain of them would double from line to line. The first then hold these names.
    """
    raw: dict[str, sp.Expr] = {}
    lines: dict[str, str] = {}
    ports = set()
    for e in equations:
        if e.kind in ("subexpression", "contribution"):
            raw[e.name] = raw.get(e.name, sp.Integer(0)) + reader.read_as(e.body, e.dimension, e.line, e.name)
            lines[e.name] = e.line
            if e.kind == "contribution":
                ports.add(e.name)
    graph = {n: {str(s) for s in x.free_symbols} & raw.keys() for n, x in raw.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        loop = error.args[1]
        raise EquationError(
            f"circular subexpressions: {' -> '.join(loop)}; an algebraic loop has no value: "
            f"make one of them a state (dx/dt or x').",
            line=lines[loop[0]],
        ) from None
    out: dict[sp.Symbol, sp.Expr] = {}
    named: dict[str, sp.Expr] = {}
    for name in order:
        value = raw[name].xreplace(out)
        value = folded(value + sp.Symbol(name) if name in ports else value)
        check_numbers(value, lines[name])
        if nodes(value, _LARGEST) >= _LARGEST or depth(value) > _DEEPEST:
            noise = sorted(str(s) for s in value.free_symbols if is_noise(str(s)))
            if noise:
                raise EquationError(
                    f"{name!r} is too large an expression for white noise {noise[0]!r} in it: use the noise in an equation "
                    f"'dx/dt = … + strength*{noise[0]}' of its own.",
                    line=lines[name],
                )
            named[f"_named_{name}"] = value
            value = sp.Symbol(f"_named_{name}")
        out[sp.Symbol(name)] = value
    return out, named
