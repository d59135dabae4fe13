"""Spike-driven products in which every synapse has a latency of its own.

``out[t, b, n] = sum over k of weight[n, k] * x[t - latency[n, k], b, k]``, where a time before 0 reads the history.
Time is counted from the start of the history (*extended time*, ``H`` history steps, then ``T``). For one batch element
and a block of targets the kernels keep a small time line per target, ``line[n, time]``, in the first-level cache; an
event at time s touches ``line[n, s + latency[n, k]]``. Nothing of shape ``[T, B, N, K]`` ever exists.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.kernels.cpu._buffers import empty
from ranvier.kernels.cpu._delay_kernels import deliver_kernel, input_kernel, weight_kernel
from ranvier.kernels.cpu._events import EventList, events
from ranvier.kernels.cpu._gather import chunks
from ranvier.kernels.cpu._operands import address, lanes, require
from ranvier.kernels.cpu._tiles import run_spans

__all__ = ["DelayedEvents", "delayed_events", "delayed_forward", "delayed_input_gradient", "delayed_weight_gradient"]

_WIDEST = 64  # targets in a block: its time lines stay in the first-level cache for about 150 steps
_BLOCKS = 4  # blocks wanted at least, so that threads can share the weight gradient


@dataclass(frozen=True, slots=True)
class DelayedEvents:
    """The events of an input ``[T, B, K]`` and of the history before it.

    Attributes
    ----------
    now
        Events of ``x`` seen as ``[T * B, K]``.
    before
        Events of the last ``history`` steps, ``[history * B, K]``; None without history.
    steps, batch, history
        T, B and H.
    """

    now: EventList
    before: EventList | None
    steps: int
    batch: int
    history: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """How targets are blocked and time lines laid out; depends on shapes and latencies only."""

    width: int  # targets in a block
    blocks: int
    length: int  # elements of a time line
    place: Tensor  # int32 [blocks, K, width]: n * length + latency

    def blocked(self, weight: Tensor) -> Tensor:
        """``[N, K]`` to ``[blocks, K, width]``, zero beyond N."""
        padded = torch.zeros(self.blocks * self.width, weight.shape[1], dtype=weight.dtype)
        padded[: weight.shape[0]] = weight
        return padded.view(self.blocks, self.width, -1).transpose(1, 2).contiguous()


def delayed_events(x: Tensor, history: Tensor | None, longest: int) -> DelayedEvents:
    """List the events of ``x`` ``[T, B, K]`` and of the last ``longest`` steps of ``history`` ``[D, B, K]``.

    Raises
    ------
    TypeError, ValueError
        Not such tensors.
    """
    require(x, "x", (None, None, None))
    steps, batch, inputs = x.shape
    now = events(x.view(steps * batch, inputs))
    if history is None or longest == 0:
        return DelayedEvents(now, None, steps, batch, 0)
    require(history, "history", (None, batch, inputs), x.dtype)
    recent = history[max(0, history.shape[0] - longest) :]
    before = events(recent.reshape(recent.shape[0] * batch, inputs))
    return DelayedEvents(now, before, steps, batch, recent.shape[0])


def delayed_forward(happened: DelayedEvents, weight: Tensor, latency: Tensor) -> Tensor:
    """``out[t, b, n]`` as above: ``[T, B, N]``.

    Parameters
    ----------
    happened
        The events.
    weight
        ``[N, K]``.
    latency
        Int32 ``[N, K]``, in steps, none negative.

    Raises
    ------
    TypeError, ValueError
        Operands disagree in shape, dtype or layout, or a latency is negative.
    """
    targets = _check(happened, weight, latency)
    steps, batch = happened.steps, happened.batch
    layout = _layout(latency, happened.history + steps, weight.dtype)
    blocked = layout.blocked(weight)
    out = empty([steps, batch, targets], weight.dtype)
    kernel = deliver_kernel(weight.dtype, happened.now.value is not None, _valued_before(happened))
    shared = _table(happened) + [address(layout.place), address(blocked), address(out)]
    sizes = [batch, steps, happened.history, happened.now.columns, targets, layout.width, layout.length]

    def task(start: int, stop: int) -> None:
        line = empty([layout.width * layout.length], weight.dtype)
        kernel([*shared, address(line)], [start, stop, *sizes])

    run_spans(task, layout.blocks * batch)
    return out


def delayed_weight_gradient(happened: DelayedEvents, latency: Tensor, grad: Tensor) -> Tensor:
    """``dW[n, k] = sum over events (s, b, k) of value * grad[s + latency[n, k], b, n]``: ``[N, K]``.

    ``grad`` is ``[T, B, N]``. Raises as :func:`delayed_forward`.
    """
    steps, batch, targets = happened.steps, happened.batch, latency.shape[0]
    require(grad, "grad", (steps, batch, targets))
    layout = _layout(latency, happened.history + steps, grad.dtype)
    inputs = happened.now.columns
    blocked = torch.zeros(layout.blocks, inputs, layout.width, dtype=grad.dtype)
    kernel = weight_kernel(grad.dtype, happened.now.value is not None, _valued_before(happened))
    shared = _table(happened) + [address(layout.place), address(blocked), address(grad)]
    sizes = [batch, steps, happened.history, inputs, targets, layout.width, layout.length]

    def task(start: int, stop: int) -> None:
        line = empty([layout.width * layout.length], grad.dtype)
        kernel([*shared, address(line)], [start, stop, *sizes])

    run_spans(task, layout.blocks)
    return blocked.transpose(1, 2).reshape(layout.blocks * layout.width, inputs)[:targets]


def delayed_input_gradient(grad: Tensor, weight: Tensor, latency: Tensor, history: int) -> tuple[Tensor, Tensor]:
    """``dx[s, b, k] = sum over n of weight[n, k] * grad[s + latency[n, k], b, n]``, dense.

    Parameters
    ----------
    grad
        ``[T, B, N]``.
    weight
        ``[N, K]``.
    latency
        Int32 ``[N, K]``.
    history
        Steps H before the first for which the gradient is wanted too.

    Returns
    -------
        The gradient to the input ``[T, B, K]`` and to the last H steps before it ``[H, B, K]``.
    """
    steps, batch, targets = grad.shape
    inputs = weight.shape[1]
    require(grad, "grad", (steps, batch, targets), weight.dtype)
    extended = history + steps
    layout = _layout(latency, extended, grad.dtype)
    pieces = chunks(extended, grad.dtype)
    size = pieces[0][1] if len(pieces) > 1 else -(-extended // lanes(grad.dtype)) * lanes(grad.dtype)
    blocked = layout.blocked(weight)
    out = empty([extended, batch, inputs], grad.dtype)
    kernel = input_kernel(grad.dtype, size // lanes(grad.dtype))
    shared = [address(layout.place), address(blocked), address(grad), address(out)]
    sizes = [batch, steps, history, inputs, targets, layout.width, layout.length, layout.blocks, size * len(pieces)]

    def task(start: int, stop: int) -> None:
        line = empty([layout.width * layout.length], grad.dtype)
        sums = empty([inputs * size * len(pieces)], grad.dtype)
        kernel([*shared, address(line), address(sums)], [start, stop, *sizes])

    run_spans(task, batch)
    return out[history:], out[:history]


def _check(happened: DelayedEvents, weight: Tensor, latency: Tensor) -> int:
    require(weight, "weight", (None, happened.now.columns))
    require(latency, "latency", tuple(weight.shape), torch.int32)
    for listed in (happened.now, happened.before):
        if listed is not None and listed.value is not None:
            require(listed.value, "events.value", (listed.count,), weight.dtype)
    return weight.shape[0]


def _layout(latency: Tensor, extended: int, dtype: torch.dtype) -> _Layout:
    """Lay out time lines long enough for every event and for the vectors that read past the last step."""
    targets, inputs = latency.shape
    step = lanes(dtype)
    width = min(_WIDEST, max(1, -(-targets // (_BLOCKS * step))) * step)
    blocks = -(-targets // width)
    longest = 0
    if latency.numel():
        shortest, longest = (int(bound) for bound in latency.aminmax())
        if shortest < 0:
            raise ValueError(f"latency holds {shortest}; a synapse cannot act before its spike: use 0 or more steps")
    pieces = max(1, len(chunks(extended, dtype)))
    length = -(-(extended + longest + pieces * step) // step) * step
    place = torch.zeros(blocks * width, inputs, dtype=torch.int32)
    place[:targets] = latency
    place = place.view(blocks, width, inputs).transpose(1, 2)
    place = place + torch.arange(0, width * length, length, dtype=torch.int32)
    return _Layout(width, blocks, length, place.contiguous())


def _table(happened: DelayedEvents) -> list[int]:
    lists = (happened.now, happened.before or happened.now)
    return [address(tensor) for events in lists for tensor in (events.pointer, events.index, events.value)]


def _valued_before(happened: DelayedEvents) -> bool:
    return happened.before is not None and happened.before.value is not None
