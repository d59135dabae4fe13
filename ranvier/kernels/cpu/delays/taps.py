"""Spike-driven products in which every synapse has a few taps in time, from a latency of its own on.

``out[t, b, n] = sum over k and j of taps[n, k, j] * x[t - first[n, k] - j, b, k]``, where a time before 0 reads the
history. One tap is a fixed latency, two a delay between steps, more a smooth one.

Time is counted from the start of the history (*extended time*, ``H`` history steps, then ``T``). For one batch element
and a block of targets the kernels keep a small time line per target, ``line[n, time]``, in the first-level cache; an
event at time s touches all taps of a synapse as one vector at ``line[n, s + first[n, k]]``. Events are sorted by source
first, so that a source's synapses are read once for all its events. Nothing of shape ``[T, B, N, K]`` ever exists.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.kernels.cpu.delays._correlate import Wiring, correlate, pack, silent_lines, steps_at_once
from ranvier.kernels.cpu.delays._kernels import collect_kernel, deliver_kernel
from ranvier.kernels.cpu.delays.events import DelayedEvents
from ranvier.kernels.cpu.delays.tap_table import TapTable
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.operands import lanes
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.tiles import run_spans
from ranvier.kernels.operands import require

__all__ = [
    "delayed_dense",
    "delayed_forward",
    "delayed_input_gradient",
    "delayed_tap_gradient",
    "read_back",
    "worth_following",
]


def delayed_forward(happened: DelayedEvents, table: TapTable) -> Tensor:
    """``out[t, b, n]`` as above, from the events: ``[T, B, N]``.

    Raises
    ------
    TypeError, ValueError
        Events and table disagree.
    """
    _check(happened, table)
    out = empty([happened.steps, happened.batch, table.targets], table.dtype)
    kernel = deliver_kernel(table.dtype, table.wide, happened.value is not None)
    _run(kernel, happened, table, table.blocked, out, table.blocks * happened.batch)
    return out


def delayed_tap_gradient(happened: DelayedEvents, table: TapTable, grad: Tensor) -> Tensor:
    """``dtaps[n, k, j] = sum over events (s, b, k) of value * grad[s + first[n, k] + j, b, n]``: ``[N, K, W]``.

    ``grad`` is ``[T, B, N]``. Raises as :func:`delayed_forward`.
    """
    _check(happened, table)
    require(grad, "grad", (happened.steps, happened.batch, table.targets), table.dtype)
    blocked = torch.zeros(table.blocks, table.inputs, table.width, table.taps, dtype=table.dtype)
    kernel = collect_kernel(table.dtype, table.wide, happened.value is not None)
    _run(kernel, happened, table, blocked, grad, table.blocks)
    return table.unblocked(blocked)


def delayed_input_gradient(grad: Tensor, table: TapTable, history: int) -> tuple[Tensor, Tensor]:
    """``dx[s, b, k] = sum over n and j of taps[n, k, j] * grad[s + first[n, k] + j, b, n]``, dense.

    Parameters
    ----------
    grad
        ``[T, B, N]``.
    table
        The taps.
    history
        Steps H before the first for which the gradient is wanted too.

    Returns
    -------
        The gradient to the input ``[T, B, K]`` and to the last H steps before it ``[H, B, K]``.
    """
    require(grad, "grad", (None, None, table.targets), table.dtype)
    return read_back(grad, table.wiring, table.line_length(history + grad.shape[0] + steps_at_once()), history)


def worth_following(taps: int, batch: int, dtype: torch.dtype) -> float:
    """The density above which all steps cost less than the events (measured); vectors hold one batch element a lane."""
    wide = lanes(dtype)
    filled = batch / (-(-batch // wide) * wide)
    return min(0.2, 0.06 + 0.02 * taps) / max(filled, 1e-9)


def read_back(grad: Tensor, wiring: Wiring, length: int, history: int) -> tuple[Tensor, Tensor]:
    """Gradient to the input ``[T, B, K]`` and to the H steps before it, from ``grad`` ``[T, B, N]``."""
    steps, batch, targets = grad.shape
    lines = silent_lines(batch, targets, length, grad.dtype)
    pack(grad, lines, history)
    out = correlate(lines, wiring, history + steps, batch)
    return out[history:], out[:history]


def delayed_dense(x: Tensor, history: Tensor | None, table: TapTable) -> Tensor:
    """``out[t, b, n]`` as above, whatever the density of ``x`` ``[T, B, K]``: ``[T, B, N]``.

    The input gradient's sum with time and roles reversed.
    """
    require(x, "x", (None, None, table.inputs), table.dtype)
    steps, batch, _ = x.shape
    reach = table.reach
    reverse = table.reversed
    lines = silent_lines(batch, table.inputs, reverse.line_length(steps + steps_at_once()), table.dtype)
    pack(x, lines, reach)
    if history is not None and reach:
        recent = history[max(0, history.shape[0] - reach) :]
        pack(recent, lines, reach - recent.shape[0])
    return correlate(lines, reverse.wiring, steps, batch)


def _run(kernel: Routine, happened: DelayedEvents, table: TapTable, taps: Tensor, dense: Tensor, items: int) -> None:
    length = table.line_length(happened.history + happened.steps)
    place = table.place(length)
    arrays = {"pointer": happened.pointer, "time": happened.time, "value": happened.value, "place": place}
    arrays |= {"weight": taps, "dense": dense}
    sizes = {"batch": happened.batch, "steps": happened.steps, "history": happened.history, "inputs": table.inputs}
    sizes |= {"targets": table.targets, "width": table.width, "length": length, "taps": table.taps}

    def task(start: int, stop: int) -> None:
        line = empty([table.width * length], table.dtype)
        kernel.run(**arrays, **sizes, line=line, start=start, stop=stop)

    run_spans(task, items)


def _check(happened: DelayedEvents, table: TapTable) -> None:
    if happened.inputs != table.inputs:
        raise ValueError(f"the input has {happened.inputs} sources, the taps have {table.inputs}")
    if happened.value is not None:
        require(happened.value, "events.value", (happened.time.numel(),), table.dtype)
