"""Sinabs' cells with a fixed threshold, and its read-out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.compat.arguments import CompatError, switch, value
from ranvier.compat.sinabs._options import decay, resets, size_of, slope, spikes
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate

__all__ = ["IAF", "LIF", "ExpLeak"]

Size = int | tuple[int, ...] | None


def LIF(
    tau_mem: Any, tau_syn: Any = None, spike_threshold: Any = 1.0, spike_fn: Any = "MultiSpike",
    reset_fn: Any = "MembraneSubtract", surrogate_grad_fn: Surrogate | None = None, min_v_mem: float | None = None,
    train_alphas: bool = False, shape: tuple[int, ...] | None = None, norm_input: bool = True, record_states: bool = False, *,
    size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``sinabs.layers.LIF``.

    u = alpha_mem*v + (1 - alpha_mem)*x, n = floor(u/V_th) spikes where u >= V_th, then v = u - n*V_th; alpha_mem =
    exp(-1/tau_mem). ``tau_syn`` adds i' = alpha_syn*(i + x), which then stands for x; without ``norm_input`` there is no factor
    1 - alpha_mem. The emission is n (record ``"n"``); ``spike_fn="SingleSpike"`` sends one spike at most.
    ``reset_fn="MembraneReset"`` sets v to 0. ``min_v_mem`` bounds v from below.

    v, i, x, V_th (``spike_threshold``) [1]; tau_mem, tau_syn in steps. The time constants learn, or with ``train_alphas`` the
    factors.

    Raises
    ------
    CompatError
        For other spike or reset functions, and for a surrogate of torch.

    >>> net = rv.Sequential(rv.Linear(20, 10), rv.compat.sinabs.LIF(tau_mem=20.0), dt=1*ms)
    """
    line, values = decay("LIF", "mem", tau_mem, train_alphas)
    norm = switch("LIF", "norm_input", norm_input)
    text = (line, "(1 - alpha_mem)*" if norm else "", "alpha_mem*")
    size = size_of("LIF", shape, size, record_states)
    common = (tau_syn, spike_threshold, spike_fn, reset_fn, surrogate_grad_fn, min_v_mem)
    return _cell("LIF", text, values, *common, train_alphas, size)


def IAF(
    spike_threshold: Any = 1.0, spike_fn: Any = "MultiSpike", reset_fn: Any = "MembraneSubtract",
    surrogate_grad_fn: Surrogate | None = None, tau_syn: Any = None, min_v_mem: float | None = None,
    shape: tuple[int, ...] | None = None, record_states: bool = False, *, size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``sinabs.layers.IAF``: :func:`LIF` without leak, u = v + x.

    Raises
    ------
    CompatError
        For other spike or reset functions, and for a surrogate of torch.

    >>> net = rv.Sequential(rv.Linear(20, 10), rv.compat.sinabs.IAF(), dt=1*ms)
    """
    size = size_of("IAF", shape, size, record_states)
    common = (tau_syn, spike_threshold, spike_fn, reset_fn, surrogate_grad_fn, min_v_mem)
    return _cell("IAF", ("", "", ""), {}, *common, False, size)


def ExpLeak(
    tau_mem: Any, shape: tuple[int, ...] | None = None, train_alphas: bool = False, min_v_mem: float | None = None,
    norm_input: bool = False, record_states: bool = False, *, size: Size = None,
) -> Cell:  # fmt: skip
    """The twin of ``sinabs.layers.ExpLeak``, a read-out: v' = alpha_mem*v + x, with alpha_mem = exp(-1/tau_mem); it emits v.

    ``norm_input`` multiplies x by 1 - alpha_mem. ``min_v_mem`` is refused: there it bounds the state, but not what is emitted.

    >>> cell = rv.compat.sinabs.ExpLeak(tau_mem=20.0, size=10)
    """
    if min_v_mem is not None:
        raise CompatError("ExpLeak: min_v_mem has no counterpart here: leave it out.")
    line, values = decay("ExpLeak", "mem", tau_mem, train_alphas)
    factor = "(1 - alpha_mem)*" if switch("ExpLeak", "norm_input", norm_input) else ""
    return Cell(
        f"v' = alpha_mem*v + {factor}x : 1\n{line}\nx : 1 (input)", emit="v", name="expleak",
        size=size_of("ExpLeak", shape, size, record_states), **values,
    )  # fmt: skip


def _cell(
    cell: str, text: tuple[str, str, str], values: dict[str, Any], tau_syn: Any, spike_threshold: Any, spike_fn: Any, reset_fn: Any,
    surrogate_grad_fn: Any, min_v_mem: Any, train_alphas: bool, size: Size,
) -> Cell:  # fmt: skip
    """The cell of LIF and IAF: ``text`` is the line of the decay, the factor of the drive and that of the membrane."""
    line, norm, kept = text
    threshold = value(spike_threshold)
    current, drive = "", "x"
    if tau_syn is not None:
        own, more = decay(cell, "syn", tau_syn, train_alphas)
        line, values, drive = f"{line}\n{own}", {**values, **more}, "alpha_syn*(i + x)"
        current = f"i' = {drive} : 1"
    many, subtracts = spikes(cell, spike_fn), resets(cell, reset_fn)
    # r is the membrane as it is kept; v bounds it where it is read
    level, bound = ("v", "") if min_v_mem is None else ("r", "v = maximum(r, low) : 1")
    values = values if min_v_mem is None else {**values, "low": value(min_v_mem)}
    after = "raw*int(raw < V_th)"
    if subtracts:
        after = "raw - more*V_th" if many else "raw"
    lost = f"{level} -= V_th" if subtracts else ""
    statements = "; ".join(filter(None, (lost, "n += 1" if many else "")))
    return Cell(
        f"""
        {level}' = {after} : 1
        u' = raw : 1
        {"n' = more : 1" if many else ""}
        {"more = maximum(floor(raw/V_th) - 1, 0) : 1" if many else ""}
        {current}
        {bound}
        raw = {kept}v + {norm}{drive} : 1
        {line}
        x : 1 (input)
        """,
        threshold="u >= V_th", reset=statements, emit="n" if many else None, reset_gradient="surrogate", name=cell.lower(), size=size,
        surrogate=slope(cell, surrogate_grad_fn, _width(cell, threshold)), V_th=threshold, **values,
    )  # fmt: skip


def _width(cell: str, threshold: Any) -> float:
    numbers = np.unique(np.asarray(threshold, float))
    if len(numbers) != 1 or not numbers[0] > 0:
        raise CompatError(
            f"{cell}: spike_threshold={threshold!r} must be one number above 0: its surrogate has that width."
        )
    return float(numbers[0])
