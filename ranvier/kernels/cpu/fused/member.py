"""One population of a fused operation: its buffers, and its kernels as calls of a schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from ranvier.kernels.cpu.fused.span import Rows, Span
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.cpu.host.schedule import Call
from ranvier.kernels.cpu.scan.frame import Numbers, ScanRoutine
from ranvier.kernels.tasks import Scan

__all__ = ["Member", "uniform"]

Tensor = torch.Tensor


class Member:
    """Numbers of a population are kept in rows of whole vectors, one row per step; spare lanes repeat the last neuron."""

    def __init__(self, scan: Scan, given: Mapping[str, Tensor]) -> None:
        self.scan, self.given = scan, given
        self.count = math.prod(scan.shape)
        self.batch = scan.shape[0]
        self.cells = self.count // max(1, self.batch)
        self.lanes = 64 // scan.dtype.itemsize
        self.padded = -(-self.count // self.lanes) * self.lanes
        self.streams: dict[str, Rows] = {}
        self.state: dict[str, Tensor] = {}
        self.out: dict[str, Rows] = {}
        self._steady: dict[str, Numbers] = {}

    def new(self, steps: int, apart: int = 0, dtype: torch.dtype | None = None) -> Tensor:
        """An uninitialised row per step, ``apart`` vectors between rows; of the scan's dtype unless another is named."""
        return empty((steps, self.padded + apart * self.lanes), dtype or self.scan.dtype)[:, : self.padded]

    def scratch(self, steps: int) -> Rows:
        """Rows for the steps of one turn; spare lanes are silent."""
        return replace(self.silent_rows(steps), scratch=True)

    def silent_rows(self, steps: int) -> Rows:
        """Rows for all steps; spare lanes are silent."""
        rows = self.new(steps)
        rows[:, self.count :] = 0
        return Rows(rows)

    def vector(self, t: Tensor) -> Tensor:
        """Own copy of [*shape] numbers."""
        return self._filled(empty((self.padded,), t.dtype), t.expand(self.scan.shape).reshape(self.count))

    def renew(self, states: Mapping[str, Tensor]) -> None:
        """Begin with other states."""
        for n, t in states.items():
            self._filled(self.state[n], t.expand(self.scan.shape).reshape(self.count))

    def given_rows(self, t: Tensor) -> Rows:
        """[T, *shape] numbers without a copy, if they lie in rows; numbers that are equal at every step are one row."""
        t = t[:1] if t.stride(0) == 0 else t
        t = t.expand(t.shape[0], *self.scan.shape)
        if self.padded == self.count and t.shape[0] and t[0].is_contiguous():
            return Rows(t.flatten(1))
        return Rows(self._filled(self.new(t.shape[0], dtype=t.dtype), t.flatten(1)))

    def initial_rows(self, t: Tensor) -> Rows:
        """[T, *shape] numbers to add to; numbers that all samples share at every step are one row."""
        if t.shape[0] and uniform(t):
            return Rows(t[:1, :1].expand(1, 1, *self.scan.shape[1:]).reshape(1, self.cells).contiguous(), uniform=True)
        return self.given_rows(t)

    def own_rows(self, t: Tensor, steps: int, apart: int = 0) -> Rows:
        """[T, *shape] numbers copied to rows that may be added to."""
        return Rows(self._filled(self.new(steps, apart, t.dtype), t.expand(steps, *self.scan.shape).flatten(1)))

    def fill(self, out: Tensor, t: Tensor) -> None:
        """Put [T, *shape] numbers, or the same for every step, into rows."""
        self._filled(out, t.expand(out.shape[0], *self.scan.shape).flatten(1))

    def _filled(self, out: Tensor, flat: Tensor) -> Tensor:
        out[..., : self.count] = flat
        if self.padded > self.count:
            out[..., self.count :] = flat[..., -1:]
        return out

    def gradient_vector(self, g: Tensor | None) -> Tensor:
        """An incoming gradient [*shape], or zeros, with silent spare lanes."""
        out = torch.zeros(self.padded, dtype=self.scan.dtype)
        if g is not None:
            out[: self.count] = g.reshape(self.count)
        return out

    def gradient_rows(self, g: Tensor | None, steps: int, own: bool = False) -> Rows:
        """An incoming gradient [T, *shape], or zeros, with silent spare lanes; ``own`` rows may be added to."""
        if g is None and not own:
            return Rows(torch.zeros(1, self.cells, dtype=self.scan.dtype), uniform=True)
        if g is None:
            return Rows(torch.zeros(steps, self.padded, dtype=self.scan.dtype))
        plain = g.dtype == self.scan.dtype and self.padded == self.count
        if not own and plain and steps and g[0].is_contiguous() and g.stride(0):
            return Rows(g.flatten(1))
        out = torch.zeros(steps, self.padded, dtype=self.scan.dtype)
        out[:, : self.count] = g.reshape(steps, self.count)
        return Rows(out)

    def rows(self, t: Tensor, start: int, stop: int) -> Tensor:
        """Steps [start, stop) of a buffer as [steps * B, N]."""
        if self.padded == self.count and t.is_contiguous():
            return t.view(-1, self.cells)[start * self.batch : stop * self.batch]
        return t[start:stop, : self.count].reshape(-1, self.cells)

    def add(self, t: Tensor, start: int, stop: int, value: Tensor) -> None:
        """Add rows [steps * B, N] to steps [start, stop) of a buffer."""
        t[start:stop, : self.count] += value.reshape(stop - start, self.count)

    def shaped(self, t: Tensor, steps: int) -> Tensor:
        """Steps of a buffer as [T, *shape]."""
        return t[:steps, : self.count].reshape(steps, *self.scan.shape)

    def unpadded(self, t: Tensor) -> Tensor:
        """A vector as [*shape]."""
        return t[: self.count].reshape(self.scan.shape)

    def steady(self, name: str) -> Numbers:
        """A coefficient, a number for each neuron or one for all."""
        if name not in self._steady:
            c = self.given[name]
            self._steady[name] = self.spread(c), 0, int(c.numel() > 1)
        return self._steady[name]

    def spread(self, c: Tensor) -> Tensor:
        """A coefficient in every lane of a vector, or a number for each neuron."""
        return c.reshape(1).expand(self.lanes).contiguous() if c.numel() == 1 else self.vector(c)

    def call(self, kernel: ScanRoutine, span: Span, **given: Mapping[str, Any]) -> Call:
        """A scan of ``span.chunk`` steps in every turn, of the arrays ``given`` by group: rows where they have one for each step,
        else vectors; coefficients are the member's."""
        last = self.padded if span.high == self.batch else span.high * self.cells
        numbers: dict[str, dict[str, Numbers]] = {}
        for label, group in kernel.groups.items():
            if group.row:
                numbers[label] = {n: (given[label][n].place(span), given[label][n].stride, 1) for n in group.names}
            elif group.lane:
                numbers[label] = {n: self.steady(n) for n in group.names}
            else:
                numbers[label] = {n: (given[label][n], 0, 1) for n in group.names}
        pointers, moves, integers = kernel.pack(numbers, span.chunk, span.low * self.cells, last)
        words = [word for pair in zip(pointers, moves, strict=True) for word in pair]
        arrays = [numbers[label][n][0] for label, group in kernel.groups.items() for n in group.names]
        return Call.of(kernel.routine, [*words, *integers], arrays)


def uniform(t: Tensor) -> bool:
    """Whether the numbers [T, B, …] of a stream are stored once for all steps and samples."""
    return all(t.shape[k] == 1 or t.stride(k) == 0 for k in (0, 1))
