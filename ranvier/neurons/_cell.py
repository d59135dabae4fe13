"""A cell: a readable record of equations, checked when it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from ranvier.dynamics import (
    COUNTER,
    OWN_RESETS,
    Reset,
    Start,
    Step,
    System,
    build_step,
    check_method,
    divisors,
    parse_equations,
    read_starts,
    read_system,
    wrong_reset,
)
from ranvier.errors import EquationError
from ranvier.neurons._habits import check_words, instead_of, remedy
from ranvier.neurons._part import Part
from ranvier.neurons.values import check_text, check_values, has_one_each, merge_values, positive_among, shape_of
from ranvier.surrogates import ArcTan, Surrogate
from ranvier.units import Quantity
from ranvier.values import Distribution, Learn

if TYPE_CHECKING:
    from ranvier.network import Layer
    from ranvier.neurons._membrane_norm import CellNorm

__all__ = ["Cell"]

#: what makes a cell again
_WORDS = (
    "equations", "threshold", "reset", "events", "before_firing", "method", "surrogate", "emit", "arrivals", "name", "size",
    "membrane_norm", "reset_gradient", "values",
)  # fmt: skip


class Cell:
    """A neuron model as text: equations, threshold, reset, and the values of its parameters.

    Parameters
    ----------
    equations
        One per line: ``dx/dt = … : unit`` (a differential equation), ``x' = … : unit`` (the next value),
        ``x = … : unit`` (a subexpression), ``x : unit (input)`` (a port), ``x += … : unit`` (adds to a port).
        Flag ``(unless refractory)`` freezes a variable. ``xi``, ``xi_name`` are white noise, ``t`` the time.
        Functions: exp, expm1, exprel, log, log1p, log10, sin, cos, tan, arcsin, arccos, arctan, sinh, cosh, tanh, sigmoid, erf,
        sqrt, abs, sign, floor, ceil, round, mod (or ``%``; ``//`` is the whole quotient), minimum, maximum, clip, pow; ``int(condition)`` is 1 where the condition holds and 0 elsewhere,
        ``where(condition, a, b)`` chooses; ``detach(a)`` is a without its derivative. Conditions compare with > >= < <= == != and join with and, or, not.
    threshold
        The condition for a spike, such as ``"v > V_th"``; its first comparison carries the surrogate gradient.
    reset
        Statements executed at the spike, such as ``"v = V_r; w += b"``.
    refractory
        Duration; exactly round(refractory/dt) further steps.
    events
        More named events: ``{"name": ("condition", "statements")}``.
    before_firing
        Statements executed in every step after all variables have advanced and before any threshold is tested, such as
        ``"v = maximum(v, -1)"``. Variables that are frozen in refractoriness stay. ``v_before`` is v after them.
    method
        Integration method for all differential equations (exact, exponential_euler, exponential_midpoint, euler, rk2,
        rk4); chosen per equation where None, see :meth:`explain`. Stages of a method end where an event would set the
        variable to a new value.
    surrogate
        The derivative at the threshold (:mod:`ranvier.surrogates`).
    emit
        What projections carry away: ``"spike"``, or the name of a variable for a read-out.
    arrivals
        ``{"port": "variable"}`` where what arrives at a port touches another variable; most often set by a part.
    size
        Number of cells, or a shape; may also be given to the population.
    membrane_norm
        Which variable the threshold normalises; :func:`ranvier.MembraneNorm` sets it.
    reset_gradient
        Which gradient the reset passes to its spike where a call does not say ``reset=``: ``"surrogate"``, ``"detached"``
        or ``"level"`` (``docs/gradients.md``); None: as the network has it.
    values
        Every parameter, and initial values of variables (0 otherwise): a number, quantity, array, distribution or
        ``rv.Learn``. An initial value may be a text, such as ``v="E_L + 5*mV*rand()"`` or ``m="alpha/(alpha + beta)"``: an
        expression of parameters, subexpressions and other initial values, of ``i`` (the index of the cell), ``N`` (the number of
        cells), ``rand()`` (uniform from 0 to 1) and ``randn()`` (standard normal).

    Raises
    ------
    EquationError, DimensionError
        With the line, the dimensions and the remedy.

    >>> cell = rv.Cell(
    ...     "dv/dt = (E_L - v)/tau : mV", threshold="v > V_th", reset="v = E_L", E_L=-70*mV, V_th=-50*mV, tau=20*ms
    ... )
    """

    def __init__(
        self,
        equations: str,
        *,
        threshold: str | None = None,
        reset: str | None = None,
        refractory: Any = None,
        events: Mapping[str, tuple[str, str]] | None = None,
        before_firing: str | None = None,
        method: str | None = None,
        surrogate: Surrogate | None = None,
        emit: str | None = None,
        arrivals: Mapping[str, str] | None = None,
        name: str = "cell",
        size: int | tuple[int, ...] | None = None,
        membrane_norm: CellNorm | None = None,
        reset_gradient: Reset | None = None,
        **values: Any,
    ) -> None:
        if not threshold and (reset or before_firing or refractory is not None):
            given = {"reset": reset, "before_firing": before_firing, "refractory": refractory}
            what = next(f"{n}={v!r}" for n, v in given.items() if v is not None and v != "")
            raise EquationError(f"{what} needs a threshold to follow: pass threshold='…' too.", line=what)
        if not isinstance(surrogate, Surrogate | None):
            raise EquationError(
                f"surrogate={surrogate!r} is not a surrogate: use one of rv.surrogates, such as rv.surrogates.ArcTan().",
                line=name,
            )
        if reset_gradient is not None and (trouble := wrong_reset(reset_gradient, OWN_RESETS, "reset_gradient")):
            raise EquationError(trouble, line=name)
        check_text(
            name, equations=equations, threshold=threshold or "", reset=reset or "", before_firing=before_firing or ""
        )
        self.equations, self.threshold, self.reset, self.before_firing = equations, threshold, reset, before_firing
        self.events, self.arrivals = dict(events or {}), dict(arrivals or {})
        self.method, self.name, self.surrogate = method, name, surrogate
        self.membrane_norm, self.reset_gradient = membrane_norm, reset_gradient
        self.size = shape_of(size, name)
        self.values = values if refractory is None else {**values, "refractory": refractory}
        check_words(self.values)
        named = self._named_events()
        codes = (*(code for _, _, code in named if code), *filter(None, [before_firing]))
        below = divisors(equations, tuple(c for _, c, _ in named), codes)
        texts = self._texts()
        given = {n: v for n, v in self.values.items() if n not in texts}
        self.positive = positive_among(given, below)
        dimensions = check_values(given, self.positive)
        self.system: System = read_system(
            equations, named, dimensions, refractory is not None, before_firing=before_firing or ""
        )
        #: initial values that are texts, each behind those that it reads
        self.starts: tuple[Start, ...] = read_starts(texts, self.system)
        check_method(self.system, method)
        self._check_flags()
        self._check_use()
        self.emit = emit or ("spike" if threshold else None)
        known = [e.name for e in self.system.events]
        known += [*self.system.states, *self.system.subexpressions, *self.system.before]
        if self.emit is not None and self.emit not in known:
            raise EquationError(
                f"emit={emit!r} is neither an event nor a variable of the cell: choose one of {', '.join(known)}.",
                line=str(emit),
            )

    def _texts(self) -> dict[str, str]:
        """The initial values of variables that are texts."""
        texts = {n: v for n, v in self.values.items() if isinstance(v, str)}
        if not texts:
            return texts
        lines = {e.name: e.kind for e in parse_equations(self.equations)}
        return {n: v for n, v in texts.items() if lines.get(n) in ("ode", "update")}

    def _named_events(self) -> list[tuple[str, str, str]]:
        named = [("spike", self.threshold, self.reset or "")] if self.threshold else []
        for name, event in self.events.items():
            if not isinstance(event, tuple | list) or len(event) != 2:
                raise EquationError(
                    f"event {name!r} is {event!r}: give a pair, condition and statements: ('w > 1', 'w = 0').",
                    line=name,
                )
            named.append((name, event[0], event[1] or ""))
        return named

    def _check_flags(self) -> None:
        for equation in self.system.equations:
            if "event-driven" in equation.flags:
                raise EquationError(
                    "(event-driven) is for synapses; a cell advances every variable in every step: remove the flag.",
                    line=equation.line,
                )
        for port, variable in self.arrivals.items():
            if variable not in self.system.states or port not in self.ports:
                raise EquationError(
                    f"arrivals={{{port!r}: {variable!r}}}: name a port and a variable of the cell.", line=port
                )

    def _check_use(self) -> None:
        system = self.system
        used = {str(s) for e in system.expressions for s in e.free_symbols} | {*system.states, "refractory"}
        used = used.union(*(start.program.reads for start in self.starts))
        unused = [n for n in self.values if n not in used]
        if unused:
            name, known = unused[0], {n: None for n in sorted(used & system.dimensions.keys()) if n not in ("dt", "t")}
            raise EquationError(
                f"value {name!r} is used by no equation of the cell: remove it or correct its name."
                f"{remedy(name, self.values[name], known)}",
                line=name,
            )

    @property
    def needs_size(self) -> bool:
        """Whether each cell has numbers of its own, so that a population must know how many there are."""
        return self.membrane_norm is not None or any(has_one_each(v) for v in self.parameters.values())

    @property
    def fires(self) -> bool:
        """Whether it can fire."""
        return any(event.name == "spike" for event in self.system.events)

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

    @property
    def default_port(self) -> str | None:
        """The one port declared as ``(input)``, even where an equation took it over; None if there is not one."""
        return self.system.ports[0] if len(self.system.ports) == 1 else None

    def arrival(self, port: str) -> str:
        """The input or state that arrivals at ``port`` touch: the port itself, unless a part redirects it."""
        return self.arrivals.get(port, port)

    def with_values(self, **values: Any) -> Cell:
        """The same cell with some values replaced or added."""
        return self.changed(values={**self.values, **values})

    def changed(self, **words: Any) -> Cell:
        """The same cell with other words, as its attributes are called; ``values`` are all of its values."""
        kept = {n: getattr(self, n) for n in _WORDS} | words
        values = kept.pop("values")
        return Cell(**kept, **values)

    def layer(self, *, dt: Any, **options: Any) -> Layer:
        """The cells as a module of torch, ``out, state = layer(x, state)``: the same as ``rv.Layer(self, dt=…)``.

        >>> lif = rv.LIF(128, tau=10*ms).layer(dt=1*ms)
        >>> spikes, state = lif(torch.rand(100, 32, 128))
        """
        from ranvier.network import Layer  # the one import upward: a cell knows nothing of networks, until it is asked

        return Layer(self, dt=dt, **options)

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse a call: a layer is called.

        Raises
        ------
        EquationError
            Always, with the remedy.
        """
        raise EquationError(
            "a cell cannot be called: it is a record of equations. Write lif = rv.LIF(…).layer(dt=1*ms), then "
            "out, state = lif(x, state).",
            line=self.name,
        )

    if not TYPE_CHECKING:  # a misspelt name is an error to type checkers

        def __getattr__(self, name: str) -> NoReturn:
            told = instead_of(name, self.__dict__.get("values", {}))
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{told}", name=name, obj=self)

    def __add__(self, part: Part) -> Cell:
        if not isinstance(part, Part):
            return NotImplemented
        ports = {n: self.system.dimensions[n] for n in self.system.ports}
        text = f"{self.equations}\n{part.text_for(ports)}"
        reset = "\n".join(filter(None, (self.reset, part.reset))) or self.reset
        return self.changed(
            equations=text,
            values=merge_values(self.values, part.values),
            arrivals={**self.arrivals, **part.arrivals},
            reset=reset,
        )

    def step(self, kicks: tuple[str, ...] = (), surrogate: Surrogate | None = None, times: bool = False) -> Step:
        """The program of one time step, for projections arriving on the states ``kicks``.

        With ``times`` a spike carries the derivative of its time instead of a surrogate.
        """
        unknown = [k for k in kicks if k not in self.system.states]
        if unknown:
            known = ", ".join(self.system.states) or "none"
            raise EquationError(
                f"nothing can be added to {unknown[0]!r}: the cell's variables are {known}.", line=unknown[0]
            )
        chosen = self.surrogate or surrogate or ArcTan()
        slope = (chosen.slope, tuple(chosen.values))
        return build_step(self.system, method=self.method, kicks=kicks, surrogate=slope, times=times)

    def explain(self, kicks: tuple[str, ...] = ()) -> str:
        """The equations, the integrator of each variable and why, whether steps can be put together, and the generated step."""
        step = self.step(kicks)
        lines = ["equations", *(f"    {e}" for e in self.system.equations)]
        lines += [f"before firing: {self.before_firing}"] * bool(self.before_firing)
        lines += ["events"] * bool(self.system.events)
        lines += [f"    {e.name}: when {e.text[0]} do {e.text[1] or 'nothing'}" for e in self.system.events]
        lines += ["integration", *(f"    {n}: {m} ({why})" for n, (m, why) in step.reasons.items())]
        if COUNTER in step.counters:
            lines.append("    refractory: exactly round(refractory/dt) further steps")
        if step.states:
            lines += ["over time", f"    {', '.join(step.states)}: {step.linearity}"]
        lines.append("once per call (float64)")
        for x in step.prologue.exponentials:
            size = f"{len(x.matrix)}x{len(x.matrix)}"
            lines.append(f"    {', '.join(x.names)} = exponential and integral of the {size} system over dt")
        lines += [f"    {n} = {e}" for n, e in step.prologue.scalars if str(e) != n]
        lines += [
            "every step",
            *(f"    {s}" for s in step.program.only((*step.states, *step.counters, *step.events)).statements),
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        values = ", ".join(
            f"{n}={v!r}" if isinstance(v, str) else f"{n}={v}"
            for n, v in self.values.items()
            if isinstance(v, str | float | int | Quantity | Learn | Distribution)
        )
        return f"{self.name}({values})"
