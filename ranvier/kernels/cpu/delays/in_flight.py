"""Spikes in flight inside a fused operation: each synapse's own delay, delivered as time passes.

Forward, the events of a step are added at once to all the later steps they reach. Where many cells of a step fire, in a dense matrix,
their spikes lie ready in time lines instead, from which later steps read what arrives. Backward, the gradients of later steps lie ready
in time lines, from which each earlier step reads the gradient to its spikes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ranvier.kernels.cpu.delays._correlate import Wiring, abreast, correlate_step, pack, silent_lines, steps_at_once
from ranvier.kernels.cpu.delays._dots import tap_products
from ranvier.kernels.cpu.delays._rows import Synapses, spread, synapse_gradient
from ranvier.kernels.cpu.delays.events import delayed_events
from ranvier.kernels.cpu.delays.tap_table import TapTable
from ranvier.kernels.cpu.delays.taps import delayed_tap_gradient, read_back, worth_following
from ranvier.kernels.cpu.events.find import events
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.tasks import Feedback, Pattern

if TYPE_CHECKING:
    from ranvier.kernels.cpu.fused.member import Member

__all__ = ["Flight"]

#: spikes of a source that cost as much as one group of its batch elements in time lines (measured)
_CROWD = 2.8


class Flight:
    """One such projection during one call of a fused operation; ``first`` and ``taps`` are its latencies and weights as plain numbers."""

    def __init__(
        self,
        feedback: Feedback,
        first: Tensor,
        taps: Tensor,
        history: Tensor | None,
        members: dict[str, Member],
        emission: str,
    ) -> None:
        self.feedback, self.first, self.taps, self.history = feedback, first.contiguous(), taps.contiguous(), history
        self.pre, self.post = members[feedback.pre], members[feedback.post]
        self.batch, self.emission = self.pre.scan.shape[0], emission
        self.steps = self.pre.scan.steps
        self.sources, self.targets = (m.count // self.batch for m in (self.pre, self.post))
        self.until = -1  # the last step at which waiting spikes arrive

    @cached_property
    def matrix(self) -> TapTable | None:
        """The taps of a dense matrix, as the products over whole sequences take them; None for those of a pattern."""
        return TapTable(self.taps, self.first, self.steps) if self.feedback.pattern is None else None

    @cached_property
    def synapses(self) -> Synapses:
        """The taps as synapses by source; in a dense matrix every source reaches every target."""
        if self.feedback.pattern is not None:
            return Synapses(self.feedback.pattern, self.taps, self.first)
        pointer = torch.arange(self.sources + 1, dtype=torch.int64) * self.targets
        target = torch.arange(self.targets, dtype=torch.int32).repeat(self.sources)
        taps = self.taps.transpose(0, 1).reshape(-1, self.taps.shape[2])
        return Synapses(Pattern(pointer, target, self.targets), taps, self.first.t().reshape(-1))

    @property
    def table(self) -> TapTable | Synapses:
        """The taps as given; they read time lines back."""
        return self.synapses if self.matrix is None else self.matrix

    def begin(self) -> None:
        """Deliver the spikes fired before the call."""
        if self.history is None:
            return
        used = min(self.history.shape[0], self.table.reach)
        if used:
            recent = self.history[self.history.shape[0] - used :]
            self._send(recent.reshape(used * self.batch, self.sources), -used)

    def depart(self, start: int, stop: int) -> None:
        """Deliver the spikes fired in steps [start, stop)."""
        self._send(self.pre.rows(self.pre.out[self.emission].tensor, start, stop).contiguous(), start)

    def _send(self, rows: Tensor, start: int) -> None:
        """Deliver the spikes of steps from ``start`` on, or put them in time lines: a step by itself, so that cuts change no sum."""
        if self.matrix is None:
            self._deliver(rows, start)
            return
        for k, now in enumerate(rows.split(self.batch)):
            if float(now.sum()) > self.crowd:
                pack(now.unsqueeze(0), self.waiting, self.matrix.reach + start + k)
                self.until = start + k + self.matrix.reach
            else:
                self._deliver(now, start + k)

    def arrive(self, start: int, stop: int) -> None:
        """Add what arrives in steps [start, stop) of the spikes that wait in time lines."""
        if self.matrix is None:
            return
        for step in range(start, min(stop, self.until + 1)):
            out = empty([self.batch, self.targets], self.taps.dtype)
            correlate_step(self.waiting, self.matrix.reversed.wiring, out, step)
            self.post.add(self.post.streams[self.feedback.stream].tensor, step, step + 1, out)

    @cached_property
    def crowd(self) -> float:
        """The number of spikes in a step from which time lines cost less than events."""
        return _CROWD * self.sources * len(self.waiting)

    @cached_property
    def waiting(self) -> Tensor:
        """Time lines that hold the spikes of busy steps, laid out as in the product over whole sequences."""
        length = self.matrix.reversed.line_length(self.steps + steps_at_once()) if self.matrix is not None else 0
        return silent_lines(self.batch, self.sources, length, self.taps.dtype, abreast(self.batch, self.taps.dtype))

    def _deliver(self, rows: Tensor, start: int) -> None:
        fired = events(rows)
        if fired.count:
            spread(fired, self.synapses, self.post.streams[self.feedback.stream].tensor, start, self.batch)

    def listen(self, gradient: Tensor) -> None:
        """Begin the way back: ``gradient`` ``[T, row]`` of the arrivals will be written from the end."""
        self.gradient = gradient
        length = self.table.line_length(self.steps + steps_at_once())
        wide = abreast(self.batch, self.taps.dtype)
        self.lines = silent_lines(self.batch, self.targets, length, self.taps.dtype, wide)

    def land(self, start: int, stop: int) -> None:
        """The gradient of steps [start, stop) has been written."""
        rows = self.gradient[start:stop, : self.post.count]
        pack(rows.unflatten(1, (self.batch, self.targets)), self.lines, start)

    def hand_back(self, start: int, stop: int) -> Tensor:
        """Gradient to the spikes of steps [start, stop): ``[steps * B, K]``."""
        out = empty([stop - start, self.batch, self.sources], self.taps.dtype)
        wiring: Wiring = self.table.wiring
        for k in range(stop - start):
            correlate_step(self.lines, wiring, out[k], start + k)
        return out.view(-1, self.sources)

    def tap_gradient(self) -> Tensor:
        """Gradient to the taps, from all events of the call and those before it."""
        fired = self.pre.rows(self.pre.out[self.emission].tensor, 0, self.steps).view(
            self.steps, self.batch, self.sources
        )
        history = None if self.history is None else self.history.reshape(-1, self.batch, self.sources).contiguous()
        matrix, dense = self.matrix, worth_following(self.taps.shape[-1], self.batch, self.taps.dtype)
        if matrix is not None and float(fired.sum()) > dense * fired.numel():
            return tap_products(fired, history, self._dense(), matrix.latency, matrix.given, matrix.longest)
        happened = delayed_events(fired.contiguous(), history, self.table.reach)
        if self.matrix is None:
            return synapse_gradient(happened, self.synapses, self._dense())
        return delayed_tap_gradient(happened, self.matrix, self._dense())

    def history_gradient(self) -> Tensor | None:
        """Gradient to the history, where there is one."""
        if self.history is None:
            return None
        out = torch.zeros_like(self.history)
        used = min(self.history.shape[0], self.table.reach)
        near = self._dense()[: min(self.steps, self.table.reach)]
        length = self.table.line_length(used + near.shape[0] + steps_at_once())
        _, recent = read_back(near, self.table.wiring, length, used)
        out[out.shape[0] - used :] = recent.reshape(used, *out.shape[1:])
        return out

    def _dense(self) -> Tensor:
        rows = self.gradient[:, : self.post.count]
        return rows.reshape(self.steps, self.batch, self.targets).contiguous()
