"""Synapses with a life of their own: equations for what lives on a synapse, and code for what happens there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ranvier.dynamics import divisors, parse_unit
from ranvier.dynamics.plasticity import Domain, LoweredRule, RuleText, lower
from ranvier.errors import EquationError
from ranvier.neurons.values import check_text, check_values, merge_values, positive_among
from ranvier.units import Dimension, as_quantity
from ranvier.values import Distribution, Learn

__all__ = ["CODES", "BoundPlasticity", "Plasticity"]

#: the pieces of code a rule may have
CODES = ("on_pre", "on_post", "every_step")


class Plasticity:
    """What every synapse of a projection does: how its weight ``w`` changes, and what it delivers.

    Parameters
    ----------
    equations
        Variables of each synapse (traces), one equation per line as in a cell.
    on_pre
        Statements executed when a presynaptic spike arrives.
    on_post
        Statements executed when the postsynaptic cell fired in the step before, after every ``on_pre`` of the step.
    every_step
        Statements executed in every step, after ``on_post``; ``"w += dt*(…)"`` is Euler's rule for the weight.
    unit
        Unit of the weight, where it is not that of the port.
    name
        What messages call the rule.
    domains
        Variables that synapses share, and which of them do: ``{"A": rv.plasticity.WholeProjection()}``. All others have a
        value for each synapse.
    values
        Parameters (one number, or one per synapse), and initial values of variables.

    ``x_pre`` and ``x_post`` read the variable x of the cell at either end, as it is when the step begins. A spike delivers
    the weight it finds, unless the code assigns to ``sent``: in ``on_pre`` that is what the spike delivers instead, in
    ``every_step`` what the synapse delivers in every step (spikes then deliver nothing of their own). ``sent`` begins as
    ``w``. ``rand`` in ``on_pre`` is a number between 0 and 1, drawn anew for every synapse and spike. Two rules join with
    ``+``: the code of the first runs first; a value that both name, such as ``w_max``, must be equal.

    A variable of a domain has one value for each of its members (a cell, a branch). Code reads it as it is when the step
    begins, and only adds to it: ``A += …`` adds the sum over all synapses of the member at which the code runs. Then its
    equation advances it, of parameters with one value and variables of the same domain.

    In step n: arrive (``on_pre``, ``on_post``, ``every_step``, deliver), advance (variables with the cells), fire, reset.

    Raises
    ------
    EquationError, DimensionError
        With the line, the dimensions and the remedy; what depends on the cells when the rule is connected.

    >>> rule = rv.Plasticity("dx/dt = -x/tau : 1", on_pre="x += 1", on_post="w += A*x", tau=20*ms, A=0.01)
    """

    def __init__(
        self, equations: str = "", *, on_pre: str = "", on_post: str = "", every_step: str = "", unit: str = "",
        name: str = "plasticity", domains: Mapping[str, Domain] | None = None, **values: Any,
    ) -> None:  # fmt: skip
        check_text(name, equations=equations, on_pre=on_pre, on_post=on_post, every_step=every_step, unit=unit)
        if not (on_pre or on_post or every_step):
            raise EquationError(
                "a rule without on_pre, on_post and every_step never does anything: give one of them.", line=name
            )
        self.equations, self.on_pre, self.on_post, self.every_step = equations, on_pre, on_post, every_step
        self.unit, self.name = unit, name
        self.domains = _checked(name, domains)
        self.values = dict(values)
        self.positive = positive_among(values, divisors(equations, codes=tuple(self.codes.values())))
        self.dimensions = check_values(values, self.positive)

    @property
    def codes(self) -> dict[str, str]:
        """The pieces of code that there are."""
        return {n: code for n in CODES if (code := getattr(self, n))}

    def weight_dimension(self, port: Dimension) -> Dimension:
        """The dimension of the weight of a projection that arrives at a port of dimension ``port``."""
        return parse_unit(self.unit, f"unit={self.unit!r}") if self.unit else port

    def bind(self, port: Dimension, pre: Mapping[str, Dimension], post: Mapping[str, Dimension]) -> BoundPlasticity:
        """Check the rule against the port's dimension and the variables of both cells, and write its programs."""
        varied = frozenset(n for n, v in self.values.items() if _many(v))
        text = RuleText(self.name, self.equations, self.codes, self.dimensions, varied, self.domains)
        made = lower(text, self.weight_dimension(port), port, pre, post)
        return BoundPlasticity(**{f.name: getattr(made, f.name) for f in fields(made)}, rule=self)

    def __add__(self, other: Plasticity) -> Plasticity:
        if not isinstance(other, Plasticity):
            return NotImplemented
        if self.unit and other.unit and self.unit != other.unit:
            raise EquationError(
                f"one rule has weights in {self.unit}, the other in {other.unit}: they cannot share them.",
                line=self.name,
            )
        texts = {n: "\n".join(filter(None, (getattr(self, n), getattr(other, n)))) for n in ("equations", *CODES)}
        shared = {n for n in self.values.keys() & other.values.keys() if _equal(self.values[n], other.values[n])}
        values = merge_values(self.values, {n: v for n, v in other.values.items() if n not in shared})
        return Plasticity(
            **texts, unit=self.unit or other.unit, name=f"{self.name}+{other.name}", domains={**self.domains, **other.domains},
            **values,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{n}={v}' for n, v in self.values.items())})"


@dataclass(frozen=True)
class BoundPlasticity(LoweredRule):
    """A rule fitted to a projection, beside the text and the values that it came from."""

    rule: Plasticity


def _checked(rule: str, domains: Mapping[str, Domain] | None) -> dict[str, Domain]:
    if domains is not None and not isinstance(domains, Mapping):
        raise EquationError(f"domains={domains!r} must map names of variables to domains.", line=rule)
    for name, domain in (domains or {}).items():
        if not isinstance(domain, Domain):
            raise EquationError(
                f"domains: {name!r} has {domain!r}, which is no domain: give one such as rv.plasticity.TargetCell().",
                line=rule,
            )
    return dict(domains or {})


def _many(value: Any) -> bool:
    """Whether a value may differ between synapses."""
    inner = getattr(value, "value", value)
    return isinstance(value, Distribution) or (not isinstance(inner, int | float) and getattr(inner, "size", 1) != 1)


def _equal(one: Any, other: Any) -> bool:
    """Whether two single numbers are the same quantity."""
    if isinstance(one, Distribution | Learn) or isinstance(other, Distribution | Learn):
        return one is other
    first, second = as_quantity(one), as_quantity(other)
    if first.shape != () or second.shape != ():
        return one is other
    return first.dimension == second.dimension and float(first.value) == float(second.value)
