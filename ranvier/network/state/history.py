"""Emissions that are still in flight: a list, or what a source will draw, becomes a tensor when it is looked up."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from ranvier.kernels.rows import last_of
from ranvier.kernels.tasks import Spikes
from ranvier.values import CountLaw

__all__ = ["Drawn", "History", "InFlight", "Pending", "each", "later", "listed", "pending"]

Tensor = torch.Tensor


class Pending(ABC):
    """Emissions of the last steps of a part, of ``shape`` [steps, batch, …]. It never changes."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @abstractmethod
    def dense(self) -> Tensor:
        """As a tensor of its own."""


@dataclass(frozen=True)
class InFlight(Pending):
    """1 for each of ``spikes``, 0 elsewhere; cells are counted over all axes but the first."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    spikes: Spikes

    def dense(self) -> Tensor:
        """As a tensor of its own."""
        return self.spikes.dense(math.prod(self.shape[1:]), self.dtype).view(self.shape)


@dataclass(frozen=True)
class Drawn(Pending):
    """What a source emitted up to step ``end``: the last rows of ``before``, then ``steps`` rows that its law gives for its key."""

    before: Tensor
    law: CountLaw
    key: tuple[int, int, int]
    end: int
    steps: int

    @property
    def shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """[steps, batch, …]."""
        return tuple(self.before.shape)

    @property
    def dtype(self) -> torch.dtype:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the network."""
        return self.before.dtype

    def dense(self) -> Tensor:
        """As a tensor of its own."""
        return last_of(self.before, self.last())

    def last(self) -> Tensor:
        """Those of its ``steps`` rows that are still in flight."""
        from ranvier.kernels.drawing import step_counts  # imported only where such emissions are looked up

        kept, cells = min(self.steps, self.shape[0]), self.shape[-1]
        drawn = step_counts(self.law, self.key, self.end - kept, kept, cells, 1, self.dtype)
        return torch.from_numpy(drawn)


class History(Mapping[str, Tensor]):
    """Emissions of the last steps by part. A pending emission becomes a tensor when it is first looked up, and remains one."""

    __slots__ = ("_held",)

    def __init__(self, held: Mapping[str, Tensor | Pending]) -> None:
        self._held = dict(held)

    def __getitem__(self, name: str) -> Tensor:
        held = self._held[name]
        if isinstance(held, Pending):
            held = self._held[name] = held.dense()
        return held

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return f"History({', '.join(f'{n}: {tuple(held.shape)}' for n, held in self._held.items())})"

    @property
    def untouched(self) -> bool:
        """Whether nobody has looked up a tensor, and could have written to it."""
        return not any(isinstance(held, Tensor) for held in self._held.values())

    def pending(self, name: str) -> Pending | None:
        """The emissions of a part, as long as they are no tensor."""
        held = self._held.get(name)
        return held if isinstance(held, Pending) else None


def pending(history: Mapping[str, Tensor], name: str) -> Pending | None:
    """The emissions of a part where ``history`` has them in another form than a tensor."""
    return history.pending(name) if isinstance(history, History) else None


def listed(history: Mapping[str, Tensor], name: str) -> InFlight | None:
    """The emissions of a part as a list of spikes, where ``history`` has one."""
    found = pending(history, name)
    return found if isinstance(found, InFlight) else None


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
    """``history`` with ``change``, which keeps all numbers, applied to every tensor; what is pending is shared."""
    return History({n: change(history[n]) if (found := pending(history, n)) is None else found for n in history})
