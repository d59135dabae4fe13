"""How the learnable values of cells enter their coefficients, so that a gradient by coefficients becomes one by parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ranvier.training.rules.series import Series

__all__ = ["CoefficientSlopes"]

Tensor = torch.Tensor


class CoefficientSlopes:
    """d(coefficient)/d(parameter) of all cells of a series of one sample, whose coefficients are leaves of the graph.

    ``parameters`` are the learnable values of cells, each once, however many cells and populations share it; ``leaves``
    are the coefficients, one number for each cell.
    """

    def __init__(self, series: Series) -> None:
        learnt = [q for q in series.net.populations.parameters() if q.requires_grad]  # type: ignore[attr-defined]
        self.leaves: list[Tensor] = []
        self._slopes: list[tuple[str, list[Tensor | None]]] = []
        for n, made in series.made.items():
            for c, value in made.items():
                if value.requires_grad:
                    leaf = series.runner.cells[n].coefficients[c]
                    self.leaves.append(leaf)
                    self._slopes.append((n, _slopes(value, leaf.shape, learnt)))
        used = [k for k in range(len(learnt)) if any(own[k] is not None for _, own in self._slopes)]
        self._slopes = [(n, [own[k] for k in used]) for n, own in self._slopes]
        self.parameters = [learnt[k] for k in used]

    def by_parameter(self, by_leaf: Sequence[Tensor]) -> list[Tensor]:
        """Derivatives by every parameter, given those by every leaf, flat."""
        found = [torch.zeros(q.numel(), dtype=torch.float64) for q in self.parameters]
        for g, (_, own) in zip(by_leaf, self._slopes, strict=True):
            for total, slope in zip(found, own, strict=True):
                if slope is not None:
                    total += g @ slope
        return found

    def touched(self) -> list[dict[str, Tensor]]:
        """For every parameter, by population, which of its entries move a coefficient of which cell [cells, entries]."""
        found: list[dict[str, Tensor]] = [{} for _ in self.parameters]
        for n, own in self._slopes:
            for cells, slope in zip(found, own, strict=True):
                if slope is not None:
                    cells[n] = cells[n] | (slope != 0) if n in cells else slope != 0
        return found


def _slopes(made: Tensor, shape: Sequence[int], learnt: Sequence[nn.Parameter]) -> list[Tensor | None]:
    """d(made, for every cell of ``shape``)/d(each of ``learnt``) [cells, entries]; None where it depends on none."""
    rows = [
        torch.autograd.grad(number, learnt, retain_graph=True, allow_unused=True) for number in made.reshape(-1)
    ]  # fmt: skip
    of_cell = torch.arange(made.numel()).view(made.shape).expand(*shape).reshape(-1)
    return [
        None if rows[0][k] is None else torch.stack([row[k].reshape(-1).double() for row in rows])[of_cell]
        for k in range(len(learnt))
    ]
