"""Cuts of a fused operation: the steps that one turn of its schedule covers, and the rows of the batch that one thread has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning

__all__ = ["Rows", "Span", "Spans", "spans_of"]

Tensor = torch.Tensor
_FEW = 16  # rows of a smaller batch stay with one thread


@dataclass(frozen=True)
class Spans:
    """For each thread its spans in order.

    ``block`` is how many rows of products belong together where steps need not be taken one by one, the same for any
    number of threads; None where they must.
    """

    parts: tuple[tuple[Span, ...], ...]
    block: int | None

    @property
    def alone(self) -> bool:
        """Whether one thread does all of it."""
        return len(self.parts) == 1

    @property
    def chunk(self) -> int:
        """The most steps in a turn."""
        return max((span.chunk for part in self.parts for span in part), default=1)


@dataclass(frozen=True)
class Span:
    """``turns`` turns of ``chunk`` steps each from step ``first``, for the rows ``low`` to ``high`` of every step."""

    first: int
    chunk: int
    turns: int
    low: int
    high: int

    def rows(self, batch: int) -> tuple[int, int]:
        """Rows of a product in one turn; several steps lie end to end."""
        return (self.low, self.high) if self.chunk == 1 else (0, self.chunk * batch)


@dataclass(frozen=True)
class Rows:
    """A row of numbers per step, [S, row]: one row serves every step, ``scratch`` rows are used again in every turn.

    A ``uniform`` row is that of one sample, the same for all of the batch.
    """

    tensor: Tensor
    scratch: bool = False
    uniform: bool = False

    @property
    def stride(self) -> int:
        """Elements from one step of a turn to the next."""
        return 0 if self.tensor.shape[0] == 1 else self.tensor.stride(0)

    def place(self, span: Span, shift: int = 0) -> Place:
        """Where the first turn begins, ``shift`` steps later, and bytes from turn to turn."""
        if self.scratch:
            return Place(self.tensor)
        step = self.tensor.element_size() * self.stride
        return Place(self.tensor, (span.first + shift) * step, step * span.chunk)

    def for_turn(self, span: Span) -> Rows:
        """The same with as many rows as a turn has steps, for products that read them end to end."""
        if span.chunk == 1 or self.tensor.shape[0] > 1 or self.uniform:
            return self
        return Rows(self.tensor.expand(span.chunk, -1).contiguous(), scratch=True)


def spans_of(
    steps: int, batch: int, cells: Sequence[int], lanes: int, together: bool, alone: bool, tuning: Tuning = TUNING
) -> Spans:
    """How to cut ``steps`` steps of ``batch`` rows.

    ``cells`` are the sizes of the populations; ``together`` says that steps need not be taken one by one, ``alone`` that
    one thread must take all rows.
    """
    whole = all(batch * n % lanes == 0 for n in cells)
    least = math.lcm(*(lanes // math.gcd(lanes, max(1, n)) for n in cells))  # rows that end on a border of vectors
    blocks = max(1, -(-batch // least))
    threads = min(torch.get_num_threads(), blocks, max(1, steps * batch * sum(cells) // tuning.thread_work))
    threads = 1 if alone or batch < _FEW else threads
    turn = max(1, tuning.turn_bytes * lanes // (64 * max(1, *cells, 1) * max(1, batch)))
    turn = max(1, -(-steps // max(1, -(-steps // turn)))) if together and whole else 1  # turns of nearly equal length
    block = turn * batch if together and whole else None
    chunk = turn if threads == 1 else 1
    cuts = [min(batch, least * (blocks * k // threads)) for k in range(threads)] + [batch]
    turns, rest = divmod(steps, chunk)
    parts = []
    for low, high in pairwise(cuts):
        spans = [Span(0, chunk, turns, low, high)] if turns else []
        parts.append(tuple([*spans, Span(turns * chunk, rest, 1, low, high)] if rest else spans))
    return Spans(tuple(parts), block)
