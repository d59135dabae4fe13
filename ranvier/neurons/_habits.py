"""Arguments of cells in other libraries, and what to write in Ranvier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier._nearest import meant
from ranvier.errors import DimensionError, EquationError
from ranvier.units import UNITS, as_quantity
from ranvier.values import Distribution, Learn

__all__ = ["checked", "instead_of", "refuse_own", "remedy"]

_THRESHOLD = "the threshold of a cell is V_th: write V_th={value}"
_RESET = 'write reset="v -= V_th" (subtract), reset="v = 0" (to zero) or reset=None (none)'
_DECAY = "the decay over a step follows from a time constant: write tau=-dt/ln({name}), such as {example}"
_LEAK = "A cell with leak is rv.LIF(…, tau=20*ms)"
_SLOPE = "write surrogate=, with one of rv.surrogates, such as rv.surrogates.ArcTan()"
_LEARN = "mark the value itself, such as tau=rv.Learn(20*ms) or V_th=rv.Learn(1.0)"
_CUT = 'write reset_gradient="detached" for this cell or for a network, or reset="detached" in a call or a rule'
_DELAYED = "rv.compat.snntorch.Leaky(beta=0.9) resets in the step after the spike; its equations show how"
_STATE = "the state of a network is a value: out, state = net(x, state)"

_WORDS = {
    **dict.fromkeys(("threshold", "v_threshold", "v_th", "vth", "theta", "thresh"), _THRESHOLD),
    **dict.fromkeys(("beta", "decay", "alpha", "leak"), _DECAY),
    **dict.fromkeys(("reset_mechanism", "v_reset", "hard_reset", "soft_reset", "reset_mode"), _RESET),
    **dict.fromkeys(("spike_grad", "surrogate_function", "surrogate_fn", "act", "spike_fn"), _SLOPE),
    **dict.fromkeys(("learn_beta", "learn_threshold", "learnable", "trainable"), _LEARN),
    "detach_reset": _CUT,
    "reset_delay": _DELAYED,
    **dict.fromkeys(("init_hidden", "output", "step_mode"), _STATE),
}  # fmt: skip


#: methods of other libraries' cells, which are modules of torch
_OF_MODULES = frozenset(
    [
        "init_leaky", "init_synaptic", "init_alpha", "init_lapicque", "init_rleaky", "init_rsynaptic", "reset_mem", "reset_hidden",
        "detach_hidden", "mem", "syn", "forward", "step", "observe", "named_parameters", "state_dict",
        "load_state_dict", "to", "train", "eval", "cpu", "cuda", "double", "float", "half", "requires_grad_", "zero_grad",
    ]
)  # fmt: skip


def instead_of(name: str, values: Mapping[str, Any]) -> str:
    """What to write instead of the attribute ``name`` of a cell with these values, as the end of a message."""
    if name in values:
        return f": read cell.values[{name!r}], and make a cell with another one by cell.with_values({name}=…)."
    if name in _OF_MODULES:
        return (
            ": a cell is a record of equations, without state. Its module of torch is lif = cell.layer(dt=1*ms); then "
            "out, state = lif(x, state)."
        )
    return ""


def remedy(name: str, value: Any, known: Mapping[str, Any]) -> str:
    """What to write instead of ``name=value`` for a cell whose parameters are ``known``; empty where unknown."""
    text = _WORDS.get(name)
    if text is None or (text is _DECAY and "tau" not in known) or (text is _THRESHOLD and "V_th" not in known):
        return meant(name, known)
    number = "1.0, or another number" if isinstance(value, str) else value
    return f" In Ranvier {text.format(name=name, value=number, example=_example(value))}."


def _example(beta: Any) -> str:
    import math

    plain = isinstance(beta, float | int) and 0 < beta < 1
    return f"tau={-1 / math.log(beta):.4g}*ms for {beta:g} at dt=1*ms" if plain else "tau=9.491*ms for 0.9 at dt=1*ms"


def check_words(values: Mapping[str, Any]) -> None:
    """Refuse settings of other libraries that are not numbers, such as ``reset_mechanism="zero"``."""
    for name, value in values.items():
        if name in _WORDS and (value is None or isinstance(value, str | bool) or callable(value)):
            raise EquationError(
                f"{name}={value!r} is not a value of a cell.{remedy(name, value, {'tau': 0, 'V_th': 0})}", line=name
            )


def checked(cell: str, options: Mapping[str, Any], *, V_th: Any = 0.0, reset: str = "", **times: Any) -> dict[str, Any]:
    """The further arguments of a ready cell; an error for arguments that the cell sets itself.

    ``times`` are time constants with units, ``V_th`` a threshold without.
    """
    check_words(options)
    if reset in ("zero", "subtract", "none", "hard", "soft"):
        raise EquationError(f"reset={reset!r} is not a statement: {_RESET}.", line=cell)
    for name in options:
        if not times and (name == "tau" or _WORDS.get(name) is _DECAY):
            why = f"{cell} has no leak. {_LEAK}" if name == "tau" else f"{cell} has no leak. {_LEAK}; {_DECAY}"
            text = why.format(name=name, example=_example(options[name]))
            raise EquationError(f"{name}={options[name]!r}: {text}.", line=name)
        if _WORDS.get(name) is _DECAY:
            raise EquationError(f"{name}={options[name]!r}: {remedy(name, options[name], times).strip()}", line=name)
    refuse_own(cell, options, "threshold", "equations", "emit", "arrivals", "name")
    for name, value in times.items():
        _check_time(cell, name, value)
    if (unit := _dimension(V_th)) not in (None, UNITS["1"].dimension):
        raise DimensionError(
            f"V_th={V_th!r} has dimension {unit}, but v of {cell} is a plain number: write V_th=1.0, or take rv.CurrentLIF, whose "
            f"membrane is in mV."
        )
    return dict(options)


def refuse_own(cell: str, options: Mapping[str, Any], *words: str, V_th: bool = True) -> None:
    """Refuse those ``words`` of :class:`Cell` that a ready cell sets itself; ``V_th`` tells whether it has a threshold of that name."""
    for name in words:
        if name in options:
            why = remedy(name, options[name], {"V_th": 0}) if name == "threshold" and V_th else ""
            raise EquationError(
                f"{name}={options[name]!r}: {cell} sets its own {name}.{why} For another one write the equations: rv.Cell(…).",
                line=name,
            )


def _dimension(value: Any) -> Any:
    """The dimension of a value; None where it has none."""
    try:
        return value.dimension if isinstance(value, Distribution | Learn) else as_quantity(value).dimension
    except (TypeError, ValueError):
        return None


def endless(value: Any) -> bool:
    """Whether a time constant is infinite, with or without a unit."""
    try:
        number = as_quantity(value)
        return number.shape == () and float(number.value) == float("inf")
    except (TypeError, ValueError):
        return False  # the cell says what it is


def _check_time(cell: str, name: str, value: Any) -> None:
    inner = value.value if isinstance(value, Learn) else value
    if isinstance(inner, Distribution):
        return
    if endless(inner):
        raise EquationError(
            f"{name}={value!r}: {cell} needs a finite {name}. A cell without leak is rv.IF(…).", line=name
        )
    try:
        quantity = as_quantity(inner)
    except (TypeError, ValueError):
        return  # the cell says what it is
    if quantity.dimension == UNITS["1"].dimension and quantity.shape == ():
        number = float(quantity.value)
        decay = f" If it is the decay of a step, beta, {_DECAY.format(name='beta', example=_example(number))}."
        raise DimensionError(
            f"{name}={number:g} has no unit: write {name}={number:g}*ms (from ranvier.units import ms). A time constant in "
            f"steps is that many times dt.{decay if 0 < number < 1 else ''}"
        )
