"""The events of a sequence and of the history before it, sorted by batch element, source and time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.kernels.cpu.delays._kernels import order_kernel
from ranvier.kernels.cpu.events.find import EventList, events
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.tiles import run_routine
from ranvier.kernels.operands import require

__all__ = ["DelayedEvents", "delayed_events", "sorted_events"]


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
    lists = {"pointer": now.pointer, "index": now.index, "value": now.value}
    lists |= {"earlier_pointer": earlier.pointer, "earlier_index": earlier.index, "earlier_value": earlier.value}
    lists |= {"cursor": cursor, "time": time, "sorted_value": value}
    lengths = {"batch": batch, "steps": steps, "history": used, "inputs": inputs}

    def sort(stage: int) -> None:
        run_routine(kernel, batch, **lists, **lengths, stage=stage)

    sort(0)
    pointer = torch.zeros(batch * inputs + 1, dtype=torch.int64)
    torch.cumsum(cursor, 0, out=pointer[1:])
    cursor.copy_(pointer[:-1])
    sort(1)
    return DelayedEvents(pointer, time, value, steps, batch, inputs, used)
