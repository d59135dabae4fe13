"""Straight-line programs in the operations of a target: vector instructions, C or NumPy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import sympy as sp

from ranvier.dynamics import Program
from ranvier.errors import ProviderError
from ranvier.kernels.elementary import Elementary, Value

__all__ = ["emit"]

_UNARY = {
    "exp": "exp", "expm1": "expm1", "exprel": "exprel", "dexprel": "dexprel", "log": "log", "log1p": "log1p", "sin": "sin",
    "cos": "cos", "arctan": "arctan", "arcsin": "arcsin", "arccos": "arccos", "erf": "erf", "tanh": "tanh", "sigmoid": "sigmoid", "absolute": "absolute", "floor": "floor", "nearest": "round",
    "settled": "settled", "angle": "angle",
}  # fmt: skip
_BINARY = {"minimum": "minimum", "maximum": "maximum", "between": "between"}
_COMPARE = {"gt": "gt", "ge": "ge", "eq": "eq"}


def emit(lanes: Elementary, program: Program, read: Callable[[str], Value]) -> Mapping[str, Value]:
    """Write the program's statements; returns the value of every output.

    ``read`` supplies what the program takes from outside, once per name. Truth values stay masks as long as only
    conditions use them.
    """
    expressions = (*(s.expression for s in program.statements), *program.outputs.values())
    uses = Counter(part.func.__name__ for e in expressions for part in e.atoms(sp.Function))
    writer = _Writer(lanes, read, uses)
    for statement in program.statements:
        writer.values[statement.target] = writer.value(statement.expression)
    return {name: writer.number(writer.value(e)) for name, e in program.outputs.items()}


class _Writer:
    def __init__(self, lanes: Elementary, read: Callable[[str], Value], uses: Mapping[str, int]) -> None:
        self.lanes, self.read, self.uses = lanes, read, uses
        self.values: dict[sp.Symbol, Value] = {}

    def number(self, value: Value) -> Value:
        return self.lanes.to_float(value) if value.type == self.lanes.mask else value

    def truth(self, value: Value) -> Value:
        return value if value.type == self.lanes.mask else self.lanes.nonzero(value)

    def numbers(self, args: tuple[sp.Expr, ...]) -> list[Value]:
        return [self.number(self.value(a)) for a in args]

    def value(self, e: sp.Expr) -> Value:
        lanes = self.lanes
        if e.is_Symbol:
            if e not in self.values:
                self.values[e] = self.read(str(e))
            return self.values[e]
        if e.is_number and not e.has(sp.Function):
            return lanes.constant(float(e))
        if isinstance(e, sp.Add):
            return self._sum(e)
        if isinstance(e, sp.Mul):
            return self._product(e)
        if isinstance(e, sp.Pow):
            return self._power(*e.args)
        name = e.func.__name__
        if name in _UNARY:
            (x,) = self.numbers(e.args)
            return lanes.function(_UNARY[name], x, self.uses[name])
        if name in _BINARY:
            return getattr(lanes, _BINARY[name])(*self.numbers(e.args))
        if name in _COMPARE:
            return getattr(lanes, _COMPARE[name])(*self.numbers(e.args))
        if name == "both":
            return lanes.both(*(self.truth(self.value(a)) for a in e.args))
        if name == "either":
            return lanes.either(*(self.truth(self.value(a)) for a in e.args))
        if name == "invert":
            return lanes.negate_mask(self.truth(self.value(e.args[0])))
        if name in ("select", "jump"):
            condition, a, b = e.args
            return lanes.select(self.truth(self.value(condition)), *self.numbers((a, b)))
        if name == "detach":
            return self.number(self.value(e.args[0]))
        if name == "sign":
            (x,) = self.numbers(e.args)
            zero = lanes.constant(0.0)
            return lanes.sub(lanes.to_float(lanes.gt(x, zero)), lanes.to_float(lanes.lt(x, zero)))
        raise ProviderError(f"no target has code for the function {name!r}")

    def _sum(self, e: sp.Add) -> Value:
        positive = [a for a in e.args if not a.could_extract_minus_sign()]
        negative = [-a for a in e.args if a.could_extract_minus_sign()]
        terms = [self.number(self.value(a)) for a in positive]
        total = terms[0] if terms else None
        for term in terms[1:]:
            total = self.lanes.add(total, term)
        for a in negative:
            term = self.number(self.value(a))
            total = self.lanes.neg(term) if total is None else self.lanes.sub(total, term)
        return total

    def _product(self, e: sp.Mul) -> Value:
        below = [a for a in e.args if isinstance(a, sp.Pow) and a.args[1].is_number and a.args[1] < 0]
        above = [a for a in e.args if a not in below]
        sign = sp.Integer(-1) in above
        above = [a for a in above if a != -1]
        masks = [a for a in above if self._is_truth(a)]
        factors = [a for a in above if a not in masks]
        if masks and not factors and not below and not sign:
            out = self.truth(self.value(masks[0]))
            for a in masks[1:]:
                out = self.lanes.both(out, self.truth(self.value(a)))
            return out
        total: Value | None = None
        for a in factors:
            value = self.number(self.value(a))
            total = value if total is None else self.lanes.mul(total, value)
        for a in below:
            value = self.number(self.value(a.args[0] ** -a.args[1]))
            total = self.lanes.div(self.lanes.constant(1.0) if total is None else total, value)
        if total is None:
            total = self.lanes.constant(1.0)
        if sign:
            total = self.lanes.neg(total)
        for a in masks:
            total = self.lanes.select(self.truth(self.value(a)), total, self.lanes.constant(0.0))
        return total

    def _is_truth(self, e: sp.Expr) -> bool:
        if e.is_Symbol:
            return e in self.values and self.values[e].type == self.lanes.mask
        return e.func.__name__ in ("gt", "ge", "eq", "both", "either", "invert")

    def _power(self, base: sp.Expr, power: sp.Expr) -> Value:
        lanes = self.lanes
        if power == sp.Rational(1, 2):
            return lanes.sqrt(self.number(self.value(base)))
        if power.is_number and power < 0:
            return lanes.div(lanes.constant(1.0), self.number(self.value(base**-power)))
        if power.is_Integer:
            return lanes.power_int(self.number(self.value(base)), int(power))
        return lanes.power(*self.numbers((base, power)))
