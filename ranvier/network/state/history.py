"""Emissions that are still in flight: a list of spikes, which becomes a tensor where somebody asks for one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from ranvier.kernels.tasks import Spikes

__all__ = ["History", "InFlight", "each", "later", "listed"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class InFlight:
    """Emissions of the last steps, of ``shape`` [steps, batch, …]: 1 for each of ``spikes``, 0 elsewhere.

    Cells of ``spikes`` are counted over all axes but the first. Nobody changes them.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    spikes: Spikes

    def dense(self) -> Tensor:
        """As a tensor of its own."""
        return self.spikes.dense(math.prod(self.shape[1:]), self.dtype).view(self.shape)


class History(Mapping[str, Tensor]):
    """Emissions of the last steps by part. What is a list becomes a tensor when it is first looked up, and remains one."""

    __slots__ = ("_held",)

    def __init__(self, held: Mapping[str, Tensor | InFlight]) -> None:
        self._held = dict(held)

    def __getitem__(self, name: str) -> Tensor:
        held = self._held[name]
        if isinstance(held, InFlight):
            held = self._held[name] = held.dense()
        return held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return f"History({', '.join(f'{n}: {tuple(held.shape)}' for n, held in self._held.items())})"

    def listed(self, name: str) -> InFlight | None:
        """The emissions of a part as a list, as long as they are one."""
        held = self._held.get(name)
        return held if isinstance(held, InFlight) else None


def listed(history: Mapping[str, Tensor], name: str) -> InFlight | None:
    """The emissions of a part as a list, where ``history`` has one."""
    return history.listed(name) if isinstance(history, History) else None


def later(history: Mapping[str, Tensor], name: str, more: Spikes) -> InFlight:
    """The spikes of a part that are in flight after ``more``, in memory of their own."""
    known = listed(history, name)
    some = history[name] if known is None else known
    depth, steps = some.shape[0], more.steps
    if steps < depth:
        before = Spikes.of(history[name].flatten(1)) if known is None else known.spikes
        more = before.last(depth - steps).then(more)
    last = more.last(depth)
    return InFlight(tuple(some.shape), some.dtype, Spikes(last.cell.clone(), last.bounds))


def each(history: Mapping[str, Tensor], change: Callable[[Tensor], Tensor]) -> Mapping[str, Tensor]:
    """``history`` with ``change``, which keeps all numbers, applied to every tensor; lists are shared, for they never change."""
    return History({n: change(history[n]) if (found := listed(history, n)) is None else found for n in history})
