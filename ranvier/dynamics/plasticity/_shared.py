"""Checks of variables that synapses share."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sympy as sp

from ranvier.dynamics._clock import TIME
from ranvier.dynamics._sizes import expanded
from ranvier.dynamics._system import System
from ranvier.dynamics.plasticity._domain import Domain
from ranvier.errors import EquationError

__all__ = ["check_shared"]


def check_shared(rule: str, system: System, domains: Mapping[str, Domain], varied: Collection[str]) -> None:
    """Check that each shared variable has an equation of its own domain, and that code only adds to it.

    Raises
    ------
    EquationError
        With the line and the remedy.
    """
    for name, domain in domains.items():
        if name not in system.states:
            raise EquationError(
                f"domains names {name!r}, which has no equation: write 'd{name}/dt = … : unit', or remove it.",
                line=rule,
            )
        if name in system.times:
            raise EquationError(
                f"{name!r} is a time in ms, and times of several synapses have no sum: give it another unit, or leave it to "
                f"each synapse (without domains).",
                line=system.lines[name],
            )
        _check_equation(system, name, domain, domains, varied)
    for event in system.events:
        for target, expression in event.assignments:
            x = sp.Symbol(target)
            if target in domains and x in system.symbols_of(expanded(expression - x)):
                raise EquationError(
                    f"{event.name} sets {target!r}, which the synapses of {domains[target]!r} share: code may only add to it, "
                    f"'{target} += …' without {target} on the right; its decay belongs in its equation.",
                    line=event.text[1],
                )


def _check_equation(
    system: System, name: str, domain: Domain, domains: Mapping[str, Domain], varied: Collection[str]
) -> None:
    rate = system.odes[name] if name in system.odes else system.updates[name]
    near = {n for n, other in domains.items() if other == domain}
    for other in sorted(str(s) for s in system.symbols_of(rate)):
        if other in near or other in (TIME, "dt") or (other in system.parameters and other not in varied):
            continue
        why = "has a value for each synapse" if other in (*system.states, *varied) else "belongs to a cell"
        raise EquationError(
            f"the equation of {name!r}, which the synapses of {domain!r} share, reads {other!r}, which {why}: add what "
            f"synapses contribute in code, '{name} += …'.",
            line=system.lines[name],
        )
