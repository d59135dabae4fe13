"""The text of a rule of plasticity as programs, checked against the port and the cells of its synapses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from ranvier.dynamics._clock import TIME, exact_times
from ranvier.dynamics._named import placed, shortened
from ranvier.dynamics._sizes import expanded
from ranvier.dynamics._step import Step, build_step
from ranvier.dynamics._system import System, read_system
from ranvier.dynamics.plasticity._domain import Domain
from ranvier.dynamics.plasticity._lowered import LoweredRule, end_times
from ranvier.dynamics.plasticity._shared import check_shared
from ranvier.dynamics.program import Program, Tape
from ranvier.dynamics.symbols import POST, PRE, Role, Symbol, end_name
from ranvier.dynamics.text import parse_equations
from ranvier.errors import DimensionError, EquationError
from ranvier.units import UNITS, Dimension

__all__ = ["RuleText", "lower"]

_ALWAYS = "t >= 0*ms"
_OWN = {"w": "its weight", "sent": "what it delivers", "rand": "a random number"}


@dataclass(frozen=True)
class RuleText:
    """The text of a rule: equations, code by the names on_pre, on_post and every_step, and the dimensions of its values.

    ``varied`` are the values with a number for each synapse, ``domains`` those of variables that synapses share; messages
    call the rule ``name``.
    """

    name: str
    equations: str
    codes: Mapping[str, str]
    values: Mapping[str, Dimension]
    varied: frozenset[str] = frozenset()
    domains: Mapping[str, Domain] = field(default_factory=dict)


def lower(
    rule: RuleText, weight: Dimension, port: Dimension, pre: Mapping[str, Dimension], post: Mapping[str, Dimension]
) -> LoweredRule:
    """The programs of a rule for weights and a port of these dimensions, between cells of these variables.

    Raises
    ------
    EquationError, DimensionError
        With the line, the dimensions and the remedy.
    """
    cells = {
        end_name(n, end): Symbol(end_name(n, end), Role.STATE, end, n, dimension)
        for end, variables in ((PRE, pre), (POST, post))
        for n, dimension in variables.items()
    }
    own = {e.name for e in parse_equations(rule.equations)} | set(rule.values)
    for name in sorted(own & _OWN.keys()):
        raise EquationError(
            f"{name!r} is a word of synapses ({_OWN[name]}) and has no equation or value of its own: change it in "
            f"on_pre, on_post or every_step, for example every_step='w += dt*(…)'.",
            line=rule.name,
        )
    extra = {"w": weight, "sent": port, "rand": UNITS["1"].dimension}
    ends = {n: s for n, s in cells.items() if n not in own}
    extra |= {n: s.dimension for n, s in ends.items() if s.dimension is not None}
    events = [(n, _ALWAYS, code) for n, code in rule.codes.items()]
    system = read_system(rule.equations, events, rule.values, False, extra)
    _check(rule, system)
    check_shared(rule.name, system, rule.domains, rule.varied)
    codes = {e.name: _program(system, e.assignments, rule.domains) for e in system.events}
    sends = any("sent" in program.outputs for program in codes.values())
    if weight != port and (not sends or any("sent" in program.reads for program in codes.values())):
        raise DimensionError(
            f"{rule.name}: the weight in {weight} cannot be delivered to a port in {port}: assign to 'sent', "
            f"for example sent = w*(v_pre - v_post)."
        )
    codes = {n: c.replaced({sp.Symbol("sent"): sp.Symbol("w")}) for n, c in codes.items()}
    times = (TIME, *system.times, *end_times(ends))
    codes = {n: exact_times(c, times) for n, c in codes.items()}
    return LoweredRule(
        system, _moving(system, times, own=True, shared=rule.domains), codes, ends, rule.varied, dict(rule.domains),
        _moving(system, times, own=False, shared=rule.domains) if rule.domains else None,
    )  # fmt: skip


def _moving(system: System, times: tuple[str, ...], own: bool, shared: Collection[str]) -> Step:
    """The step of the variables of synapses, or of those that they share; neither moves the other."""
    odes, updates = ({n: e for n, e in x.items() if (n in shared) != own} for x in (system.odes, system.updates))
    step = build_step(replace(system, events=(), odes=odes, updates=updates))
    return replace(step, program=exact_times(step.program, times))


def _check(rule: RuleText, system: System) -> None:
    for kind, found in (("an input", system.inputs), ("white noise", system.noises)):
        if found:
            raise EquationError(
                f"{found[0]!r} is {kind}, which synapses do not have: put it into a cell and read it with _pre or _post.",
                line=rule.name,
            )
    for event in system.events:
        line = event.text[1]
        for target, expression in event.assignments:
            if target not in ("w", *system.states) and not (target == "sent" and event.name != "on_post"):
                allowed = "w, sent (in on_pre or every_step) and the rule's own variables"
                raise EquationError(f"{event.name} assigns to {target!r}: it may change {allowed}.", line=line)
            if event.name != "on_pre" and sp.Symbol("rand") in system.symbols_of(expression):
                raise EquationError(f"{event.name} reads rand, which belongs to spikes that arrive: on_pre.", line=line)
    _check_use(rule, system)
    for name in ("sent", "rand"):
        if any(sp.Symbol(name) in system.symbols_of(e) for e in (*system.odes.values(), *system.updates.values())):
            raise EquationError(f"{name!r} cannot stand in an equation, only in on_pre.", line=rule.name)


def _check_use(rule: RuleText, system: System) -> None:
    used = {str(s) for e in system.expressions for s in e.free_symbols} | {*system.states}
    for name in rule.values:
        if name not in used:
            raise EquationError(
                f"value {name!r} is used by no equation and no code of the rule: remove it or correct its name.",
                line=rule.name,
            )


def _program(system: System, assignments: tuple[tuple[str, sp.Expr], ...], shared: Collection[str]) -> Program:
    """Statements in order, as the new value of each variable that they change, or the change of a ``shared`` one."""
    value: dict[str, sp.Expr] = {}
    added: dict[str, sp.Expr] = {}
    tape = Tape(system.dimensions)
    for target, expression in assignments:
        now = placed(system, tape, {sp.Symbol(n): v for n, v in value.items()}, [expression])
        if target in shared:
            more = expanded(expression - sp.Symbol(target)).xreplace(now)
            added[target] = shortened(added.get(target, sp.Integer(0)) + more, f"{target}_added", tape)
        else:
            value[target] = shortened(expression.xreplace(now), f"{target}_assigned", tape)
    return Program(tuple(tape.statements), value | added)
