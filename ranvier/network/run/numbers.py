"""The numbers of an operation that are computed from parameters anew in every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from ranvier.network.parts.projection import Projection
    from ranvier.network.run.runner import Runner

__all__ = ["Numbers"]

Tensor = torch.Tensor


class Numbers:
    """Coefficients of populations, and sums of the biases that arrive at a stream; ``wanted`` are populations and names.

    ``shapes`` are those of the populations [B, …].
    """

    def __init__(
        self, runner: Runner, shapes: Mapping[str, tuple[int, ...]], wanted: Sequence[tuple[str, str]]
    ) -> None:
        streams = {n: runner.cells[n].step.streams for n, _ in wanted}
        self._dtype = runner.graph.dtype
        self._cells: dict[str, Callable[[], Mapping[str, Tensor]]] = {}
        for n in dict.fromkeys(n for n, name in wanted if name not in streams[n]):
            names = [name for owner, name in wanted if owner == n and name not in streams[n]]
            self._cells[n] = runner.cells[n].coefficients_now(names)
        self._ways: list[Callable[[Mapping[str, Mapping[str, Tensor]]], Tensor]] = []
        for n, name in wanted:
            if name in streams[n]:
                step = runner.cells[n].step
                onto = [p for p in runner.arrivals.onto[n] if step.stream_of(p.port) == name]
                self._ways.append(partial(self._biases, onto, shapes[n]))
            else:
                self._ways.append(partial(_coefficient, n, name))

    def now(self) -> list[Tensor]:
        """The numbers as the parameters are now."""
        found = {n: numbers() for n, numbers in self._cells.items()}
        return [way(found) for way in self._ways]

    def _biases(self, projections: Sequence[Projection], shape: tuple[int, ...], _: Any) -> Tensor:
        found = [p.chain.operands[0].numbers_for(True)[1] for p in projections]
        first, *others = [bias for bias in found if bias is not None]
        for bias in others:
            first = first + bias
        return first.to(self._dtype).expand(1, *shape)


def _coefficient(population: str, name: str, found: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
    return found[population][name]
