"""From a checked model to the program of one time step: arrive -> advance -> before firing -> fire -> reset.

The step leads from t_n to t_n + dt. Arrivals on a state are added before it is advanced; arrivals on an input are its
value during the step; an event is tested on the advanced state, after the statements before firing; the reset follows at once. A cell that fired is
refractory for exactly round(t_ref/dt) further steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import sympy as sp

from ranvier.dynamics._events import conjunction
from ranvier.dynamics._linearity import Linearity, linearity
from ranvier.dynamics._named import placed
from ranvier.dynamics._sizes import expanded
from ranvier.dynamics._spike_times import TIME_SLOPE, overshoot, shifted, wait
from ranvier.dynamics._system import Event, System
from ranvier.dynamics.functions import both, ge, gt, jump, maximum, nearest, select
from ranvier.dynamics.integrators import advance
from ranvier.dynamics.program import Program, Prologue, Statement, Tape, hoist, tidy
from ranvier.dynamics.symbols import (
    CELL,
    COUNTER,
    ONE,
    Role,
    Symbol,
    arrival_name,
    before_name,
    output_name,
    shift_name,
)
from ranvier.errors import EquationError

__all__ = ["Step", "build_step"]

_DT = sp.Symbol("dt")


@dataclass(frozen=True)
class Step:
    """One time step as a straight-line program.

    ``program`` reads states, counters, streams and coefficients by name. Its outputs are the next value of every state
    and counter (under their own names) and every emission: events (``spike``), observable variables
    (``v:out``), and those that a reset assigns as they were before it (``v:before``).
    ``period`` is the coefficient that counts the steps of the refractory period.
    ``clock`` makes those streams that the time and the coefficients ``timing`` decide (:mod:`ranvier.dynamics._clock`).
    ``exact`` names states, streams and outputs that hold a time: they are float64 in networks of any dtype, and where there
    are any, the step is computed in float64 (:mod:`ranvier.dynamics._exact_step`).
    """

    system: System
    program: Program
    prologue: Prologue
    states: tuple[str, ...]
    counters: tuple[str, ...]
    streams: tuple[str, ...]
    kicks: tuple[str, ...]
    coefficients: tuple[str, ...]
    events: tuple[str, ...]
    surrogate: sp.Expr
    reasons: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    clock: Program = field(default_factory=lambda: Program(()))
    timing: tuple[str, ...] = ()
    period: str | None = None
    exact: frozenset[str] = frozenset()

    @cached_property
    def added(self) -> frozenset[str]:
        """Streams that do nothing but add to their state: used once, as ``state + stream``, and the state nowhere else."""
        used = [*(s.expression for s in self.program.statements), *self.program.outputs.values()]
        found = set()
        for state in self.kicks:
            total = sp.Symbol(state) + sp.Symbol(arrival_name(state))
            if [e for e in used if e.free_symbols & total.free_symbols] == [total]:
                found.add(arrival_name(state))
        return frozenset(found)

    @cached_property
    def linearity(self) -> Linearity:
        """Whether its states are linear in those before, with coefficients that are the same in every step."""
        return linearity(self)

    @cached_property
    def symbols(self) -> Mapping[str, Symbol]:
        """The roles of all names that the program reads, and of its events."""
        dimension, cell = self.system.dimensions.get, CELL
        found = [Symbol(n, Role.STATE, cell, n, dimension(n)) for n in self.states]
        found += [Symbol(n, Role.COUNTER, cell, n) for n in self.counters]
        found += [Symbol(n, Role.PARAMETER, cell, n, dimension(n)) for n in self.coefficients]
        found += [Symbol(n, Role.EVENT, cell, n) for n in self.events]
        streams = [Symbol(n, Role.INPUT, cell, n, dimension(n)) for n in self.system.inputs]
        streams += [Symbol(arrival_name(n), Role.ARRIVAL, cell, n, dimension(n)) for n in self.kicks]
        streams += [Symbol(shift_name(n), Role.SHIFT, cell, n) for n in self.kicks]
        streams += [Symbol(n, Role.NOISE, cell, n, dimension(n)) for n in self.system.noises]
        streams += [Symbol(n, Role.TIME, ONE, n) for n in ("t", *self.clock.outputs)]
        return {s.name: s for s in (*found, *(s for s in streams if s.name in self.streams))}

    def role(self, role: Role) -> tuple[str, ...]:
        """Names of one role, in the order of the step."""
        return tuple(n for n, s in self.symbols.items() if s.role is role)

    def stream_of(self, port: str) -> str:
        """The stream of arrivals at ``port``: it is added to a state, or is the value of an input."""
        return arrival_name(port) if port in self.kicks else port

    def shift_of(self, port: str) -> str | None:
        """The stream of changes of arrival times at ``port``, where the step has one."""
        name = shift_name(port)
        return name if name in self.streams else None

    def port_of(self, stream: str) -> str:
        """The port at which the numbers of ``stream`` arrive."""
        return self.symbols[stream].of

    def output_of(self, variable: str) -> str:
        """The output that a user calls ``variable``: an event (``spikes``, ``spike``), a counter, a variable.

        ``v_before`` is v before the reset, which is v itself where no reset assigns it.
        """
        name = "spike" if variable == "spikes" else variable
        if name in self.system.before:
            name = self.system.before[name]
            return before_name(name) if before_name(name) in self.program.outputs else output_name(name)
        return name if name in self.events or name in self.counters else output_name(name)

    @cached_property
    def key(self) -> str:
        """Digest of the structure (not of any parameter value)."""
        program = Program(
            (*self.program.statements, Statement(sp.Symbol("surrogate"), self.surrogate)), self.program.outputs
        )
        return ":".join((program.key, *sorted(self.exact)))


def build_step(
    system: System,
    *,
    method: str | None = None,
    kicks: tuple[str, ...] = (),
    surrogate: tuple[sp.Expr, tuple[str, ...]] = (sp.Integer(0), ()),
    times: bool = False,
) -> Step:
    """Write the step of ``system``; ``kicks`` names the states on which projections arrive.

    ``surrogate`` is the derivative at the threshold as an expression in ``u`` and the names of its parameters. With
    ``times`` spikes carry the derivative of their time instead (:mod:`ranvier.dynamics._spike_times`). The same request
    is the same step.
    """
    return _build(system, method, kicks, surrogate, times)


@lru_cache(maxsize=256)
def _build(
    system: System, method: str | None, kicks: tuple[str, ...], surrogate: tuple[sp.Expr, tuple[str, ...]], times: bool
) -> Step:
    if times and system.named:
        name = next(iter(system.subexpressions))
        raise EquationError(
            "the equations are too large for the derivative of spike times: use another learning rule than EventProp.",
            line=system.lines.get(name, name),
        )
    slope, slope_parameters = (TIME_SLOPE, ()) if times else surrogate
    tape = Tape({*system.dimensions, "u", COUNTER, *map(arrival_name, kicks)})
    counting = system.refractory
    active = tape.add("active", gt(sp.Integer(1), sp.Symbol(COUNTER))) if counting else None
    value: dict[str, sp.Expr] = {}
    for name in system.states:
        x = sp.Symbol(name)
        value[name] = x
        if name in kicks:
            kick = sp.Symbol(arrival_name(name))
            held = active is not None and name in system.frozen
            value[name] = tape.add(f"{name}_arrived", x + (select(active, kick, sp.Integer(0)) if held else kick))
    if times:
        value = shifted(system, kicks, value, tape)
    start = {sp.Symbol(n): v for n, v in value.items()}

    inner = tape.branch()
    moved, exponentials, reasons = advance(system, method, inner, active)
    # A noise stream holds standard normal numbers; as a value of the equations it has dimension 1/sqrt(time).
    noise = {sp.Symbol(n): sp.Symbol(n) / sp.sqrt(_DT) for n in system.noises}
    ready = placed(system, inner, {}, system.updates.values())
    for name, expression in system.updates.items():
        moved[name] = expression.xreplace(ready).xreplace(noise)
        reasons[name] = ("update", "a rule for the next value")
    for statement in inner.statements:
        tape.statements.append(statement.rewritten(statement.expression.xreplace(start)))
    for name, expression in moved.items():
        expression = expression.xreplace(start)
        if active is not None and name in system.frozen:
            expression = select(active, expression, start[sp.Symbol(name)])
        value[name] = tape.add(f"{name}_advanced", expression)

    for name, expression in system.before_firing:
        now = placed(system, tape, {sp.Symbol(n): v for n, v in value.items()}, [expression])
        new = expression.xreplace(now)
        if active is not None and name in system.frozen:
            new = select(active, new, value[name])
        value[name] = tape.add(f"{name}_ready", new)

    outputs: dict[str, sp.Expr] = {}
    events, tested = [], dict(value)
    for event in system.events:
        now = placed(system, tape, {sp.Symbol(n): v for n, v in value.items()}, [event.condition])
        timed = times and event.name == "spike"
        outputs[event.name] = fired = _fire(
            event, now, active if event.name == "spike" else None, tape, start if timed else None
        )
        events.append(event.name)
        before = dict(value)
        for target, expression in event.assignments:
            now = placed(system, tape, {sp.Symbol(n): v for n, v in value.items()}, [expression])
            new, resets = (
                _jump(fired, expression.xreplace(now), value[target]),
                None if target in system.sent else target,
            )
            value[target] = tape.add(f"{target}_reset", new.replace(jump, select) if timed else new, resets=resets)
        if timed:
            value = wait(system, event, fired, before, value, tape)
    if counting:
        left = sp.Symbol(COUNTER)
        fewer = maximum(left - 1, sp.Integer(0))
        value[COUNTER] = (
            select(outputs["spike"], nearest(sp.Symbol("refractory") / _DT), fewer) if "spike" in outputs else fewer
        )
    outputs = {**value, **outputs}
    final = {sp.Symbol(n): v for n, v in value.items()}
    outputs.update({output_name(n): final[sp.Symbol(n)] for n in system.states})
    outputs.update({before_name(n): tested[n] for n in system.states if tested[n] != value[n]})
    last = placed(system, tape, {**final, **noise}, system.subexpressions.values())
    outputs.update({output_name(n): e.xreplace(last) for n, e in system.subexpressions.items()})

    steady = frozenset(map(sp.Symbol, (*system.parameters, *slope_parameters, "dt", "refractory"))) | {
        sp.Symbol(n) for x in exponentials for n in x.names
    }
    scalars: dict[sp.Expr, str] = {}

    def coefficient(part: sp.Expr) -> sp.Symbol:
        if part.is_Symbol:
            scalars.setdefault(part, str(part))
        return sp.Symbol(scalars.setdefault(part, f"_p{len(scalars)}"))

    body = [s.rewritten(hoist(s.expression, steady, coefficient)) for s in tape.statements]
    outputs = {n: hoist(e, steady, coefficient) for n, e in outputs.items()}
    slope = hoist(slope, steady - {sp.Symbol("u")}, coefficient)
    program = tidy(body, outputs, "_c")
    used = {s for st in program.statements for s in st.expression.free_symbols} | slope.free_symbols
    used |= {s for e in program.outputs.values() for s in e.free_symbols}
    named = tuple((name, part) for part, name in scalars.items() if sp.Symbol(name) in used)
    streams = tuple(
        n
        for n in (*system.inputs, *(f(k) for k in kicks for f in (arrival_name, shift_name)), *system.noises, "t")
        if sp.Symbol(n) in used
    )
    return Step(
        system=system,
        program=program,
        prologue=Prologue(tuple(exponentials), named),
        states=system.states,
        counters=(COUNTER,) if counting else (),
        streams=streams,
        kicks=kicks,
        coefficients=tuple(n for n, _ in named),
        events=tuple(events),
        surrogate=slope,
        reasons=reasons,
        period=next((n for n, part in named if part == nearest(sp.Symbol("refractory") / _DT)), None),
    )


def _fire(
    event: Event, now: dict[sp.Symbol, sp.Expr], active: sp.Expr | None, tape: Tape,
    start: dict[sp.Symbol, sp.Expr] | None = None,
) -> sp.Expr:  # fmt: skip
    """The event as a statement: its first comparison carries the surrogate, further conditions gate it.

    ``start`` are the states before the step, where the event is to carry the derivative of its time.
    """
    terms = conjunction(event.condition.xreplace(now))
    crossing = next((k for k, term in enumerate(terms) if isinstance(term, gt | ge)), None)
    if crossing is None:
        condition = event.condition.xreplace(now)
        return tape.add(event.name, condition if active is None else both(active, condition))
    a, b = terms[crossing].args
    if start is not None:
        first, second = next(t for t in conjunction(event.condition) if isinstance(t, gt | ge)).args
        a, b = overshoot((first - second).xreplace(start), a - b, tape), sp.Integer(0)
    a, b = (
        x if x.is_Symbol or x.is_Integer else tape.add(f"{event.name}_{side}", x)
        for x, side in ((a, "level"), (b, "threshold"))
    )
    fired = tape.add(f"{event.name}_crossed", terms[crossing].func(a, b), event=event.name)
    gates = [term for k, term in enumerate(terms) if k != crossing] + ([active] if active is not None else [])
    if not gates:
        return fired
    value: sp.Expr = fired
    for gate in gates:
        value = value * gate
    return tape.add(event.name, value)


def _jump(fired: sp.Expr, new: sp.Expr, old: sp.Expr) -> sp.Expr:
    """``new`` where fired, else ``old``; as old + jump(fired, difference, 0) where the difference is free of old."""
    difference = expanded(new - old)
    if old.is_Symbol and old in new.free_symbols and old not in difference.free_symbols:
        return old + jump(fired, difference, sp.Integer(0))
    return jump(fired, new, old)
