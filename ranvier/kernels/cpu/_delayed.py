"""Spike-driven products in which every synapse has a few taps in time, from a latency of its own on.

``out[t, b, n] = sum over k and j of taps[n, k, j] * x[t - first[n, k] - j, b, k]``, where a time before 0 reads the
history. One tap is a fixed latency, two a delay between steps, more a smooth one.

Time is counted from the start of the history (*extended time*, ``H`` history steps, then ``T``). For one batch element
and a block of targets the kernels keep a small time line per target, ``line[n, time]``, in the first-level cache; an
event at time s touches all taps of a synapse as one vector at ``line[n, s + first[n, k]]``. Events are sorted by source
first, so that a source's synapses are read once for all its events. Nothing of shape ``[T, B, N, K]`` ever exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ranvier.kernels.cpu._buffers import empty
from ranvier.kernels.cpu._correlate import Reading, correlate, pack, silent_lines, steps_at_once
from ranvier.kernels.cpu._delay_kernels import collect_kernel, deliver_kernel, order_kernel
from ranvier.kernels.cpu._events import EventList, events
from ranvier.kernels.cpu._jit import Kernel
from ranvier.kernels.cpu._operands import address, lanes, require
from ranvier.kernels.cpu._tiles import run_spans

__all__ = [
    "DelayedEvents",
    "TapTable",
    "delayed_dense",
    "delayed_events",
    "delayed_forward",
    "delayed_input_gradient",
    "delayed_tap_gradient",
    "read_back",
    "sorted_events",
]

_WIDEST = 64  # targets in a block
_LINE_BYTES = 5 << 13  # of time lines in a block: the first-level cache
_BLOCKS = 4  # blocks wanted at least, so that threads can share the gradient to the taps


@dataclass(frozen=True, slots=True)
class DelayedEvents:
    """The events of an input ``[T, B, K]`` and of the history before it, sorted by batch element, source and time.

    Attributes
    ----------
    pointer
        Int64 ``[B * K + 1]``: where the events of each source of each element begin.
    time
        Int32 ``[count]``, extended time.
    value
        ``[count]``; None where every event is exactly 1.
    steps, batch, inputs, history
        T, B, K and H.
    """

    pointer: Tensor
    time: Tensor
    value: Tensor | None
    steps: int
    batch: int
    inputs: int
    history: int

    @property
    def density(self) -> float:
        """Events per source and step."""
        return self.time.numel() / max(1, (self.steps + self.history) * self.batch * self.inputs)


def delayed_events(x: Tensor, history: Tensor | None, longest: int) -> DelayedEvents:
    """List the events of ``x`` ``[T, B, K]`` and of the last ``longest`` steps of ``history`` ``[D, B, K]``.

    Raises
    ------
    TypeError, ValueError
        Not such tensors.
    """
    require(x, "x", (None, None, None))
    steps, batch, inputs = x.shape
    now, before, used = events(x.view(steps * batch, inputs)), None, 0
    if history is not None and longest:
        require(history, "history", (None, batch, inputs), x.dtype)
        recent = history[max(0, history.shape[0] - longest) :]
        used = recent.shape[0]
        before = events(recent.reshape(used * batch, inputs))
    return sorted_events(now, before, (steps, batch, inputs, used), x.dtype)


def sorted_events(
    now: EventList, before: EventList | None, sizes: tuple[int, int, int, int], dtype: torch.dtype
) -> DelayedEvents:
    """Sort events listed by row: those of ``[T * B, K]`` and of the history ``[H * B, K]``; ``sizes`` are T, B, K, H."""
    steps, batch, inputs, used = sizes
    earlier = before or now
    valued_before = before is not None and before.value is not None
    kernel = order_kernel(dtype, now.value is not None, valued_before)
    cursor = torch.zeros(batch * inputs, dtype=torch.int64)
    count = now.count + (before.count if before is not None else 0)
    time = empty([count], torch.int32)
    value = empty([count], dtype) if now.value is not None or valued_before else None
    table = [address(t) for found in (now, earlier) for t in (found.pointer, found.index, found.value)]
    table += [address(cursor), address(time), address(value)]

    def sort(stage: int) -> None:
        run_spans(lambda i, j: kernel(table, [i, j, batch, steps, used, inputs, 0, 0, 0, 0, stage]), batch)

    sort(0)
    pointer = torch.zeros(batch * inputs + 1, dtype=torch.int64)
    torch.cumsum(cursor, 0, out=pointer[1:])
    cursor.copy_(pointer[:-1])
    sort(1)
    return DelayedEvents(pointer, time, value, steps, batch, inputs, used)


class TapTable:
    """Taps ``[N, K, W]`` and first latencies int32 ``[N, K]``, laid out by blocks of targets; W is rounded up.

    ``extended`` is the time the blocks are made for.

    Raises
    ------
    TypeError, ValueError
        They disagree, or a latency is negative.
    """

    def __init__(self, taps: Tensor, first: Tensor, extended: int) -> None:
        require(taps, "taps", (None, None, None))
        self.targets, self.inputs, self.given = taps.shape
        require(first, "latency", (self.targets, self.inputs), torch.int32)
        self.dtype = taps.dtype
        shortest, longest = (int(bound) for bound in first.aminmax()) if first.numel() else (0, 0)
        if shortest < 0:
            raise ValueError(f"latency holds {shortest}; a synapse cannot act before its spike: use 0 or more steps")
        step = lanes(self.dtype)
        self.wide = min(step, 1 << max(0, self.given - 1).bit_length())
        self.taps = -(-self.given // self.wide) * self.wide
        self.longest, self.extended = longest, extended
        fitting = _LINE_BYTES // (self.line_length(extended) * self.dtype.itemsize * step)
        shared = -(-self.targets // (_BLOCKS * step))
        self.width = max(1, min(_WIDEST // step, fitting, shared)) * step
        self.blocks = -(-self.targets // self.width)
        self._taps, self._first = taps, first

    @property
    def reach(self) -> int:
        """Steps before a window that matter in it."""
        return self.longest + self.given - 1

    @cached_property
    def reversed(self) -> TapTable:
        """The table that reads backwards in time, roles of sources and targets exchanged."""
        taps = self._taps.flip(2).transpose(0, 1).contiguous()
        return TapTable(taps, (self.longest - self._first).t().contiguous(), self.extended)

    @cached_property
    def blocked(self) -> Tensor:
        """``[blocks, K, width, taps]``, zero where nothing was given."""
        return self._block(self._taps, self.taps)

    @cached_property
    def first(self) -> Tensor:
        """Int32 ``[blocks, K, width]``."""
        return self._block(self._first.unsqueeze(-1), 1).squeeze(-1)

    @property
    def reading(self) -> Reading:
        """How the targets' time lines are read back into sums per source."""
        return Reading(self.first, self.blocked, self.targets, self.inputs, self.width)

    def place(self, length: int) -> Tensor:
        """Int32 ``[blocks, K, width]``: the first tap in a block's time lines of that length."""
        return self.first + torch.arange(0, self.width * length, length, dtype=torch.int32)

    def unblocked(self, blocked: Tensor) -> Tensor:
        """``[N, K, W]`` from ``[blocks, K, width, taps]``."""
        flat = blocked.transpose(1, 2).reshape(self.blocks * self.width, self.inputs, self.taps)
        return flat[: self.targets, :, : self.given]

    def line_length(self, extended: int) -> int:
        """Elements of a time line that every event and every vector fits in."""
        step = lanes(self.dtype)
        return -(-(extended + self.longest + self.taps) // step) * step

    def _block(self, table: Tensor, taps: int) -> Tensor:
        whole = self.targets == self.blocks * self.width and table.shape[2] == taps
        if not whole:
            padded = torch.zeros(self.blocks * self.width, self.inputs, taps, dtype=table.dtype)
            padded[: self.targets, :, : table.shape[2]] = table
            table = padded
        return table.view(self.blocks, self.width, self.inputs, taps).transpose(1, 2).contiguous()


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
    return read_back(grad, table.reading, table.line_length(history + grad.shape[0] + steps_at_once()), history)


def read_back(grad: Tensor, reading: Reading, length: int, history: int) -> tuple[Tensor, Tensor]:
    """What ``grad`` ``[T, B, N]`` hands back to the input ``[T, B, K]`` and to the H steps before it."""
    steps, batch, targets = grad.shape
    lines = silent_lines(batch, targets, length, grad.dtype)
    pack(grad, lines, history)
    out = correlate(lines, reading, history + steps, batch)
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
    return correlate(lines, reverse.reading, steps, batch)


def _run(kernel: Kernel, happened: DelayedEvents, table: TapTable, taps: Tensor, dense: Tensor, items: int) -> None:
    length = table.line_length(happened.history + happened.steps)
    place = table.place(length)
    pointers = [happened.pointer, happened.time, happened.value, place, taps, dense]
    sizes = [happened.batch, happened.steps, happened.history, table.inputs, table.targets, table.width, length, table.taps]

    def task(start: int, stop: int) -> None:
        line = empty([table.width * length], table.dtype)
        kernel([*map(address, pointers), address(line)], [start, stop, *sizes])

    run_spans(task, items)


def _check(happened: DelayedEvents, table: TapTable) -> None:
    if happened.inputs != table.inputs:
        raise ValueError(f"the input has {happened.inputs} sources, the taps have {table.inputs}")
    if happened.value is not None:
        require(happened.value, "events.value", (happened.time.numel(),), table.dtype)
