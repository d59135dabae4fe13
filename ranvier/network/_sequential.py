"""A chain of transforms and cells, written as one reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ranvier.connectivity import Conv2d, Linear
from ranvier.network._graph import GraphError
from ranvier.network._network import Network
from ranvier.network._population import Relay
from ranvier.network._projection import Projection
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate

__all__ = ["Recurrent", "Sequential"]


class Recurrent:
    """A cell whose population also projects to itself, one step later (plus the transform's own delay).

    >>> rv.Sequential(rv.Linear(700, 256), rv.Recurrent(rv.LIF(256), rv.Linear(256, 256)), dt=1*ms)
    """

    def __init__(self, cell: Cell, transform: nn.Module, *, to: str | None = None) -> None:
        if not isinstance(cell, Cell) or not isinstance(transform, nn.Module):
            raise GraphError(
                f"Recurrent takes a cell and a transform, got {type(cell).__name__} and {type(transform).__name__}."
            )
        self.cell, self.transform, self.to = cell, transform, to


class Sequential(Network):
    """A network written as a chain: transforms (``Linear``, any stateless torch module) and cells in turn.

    Forward edges are same-step: a spike reaches the next population in the step it was fired, plus round(delay/dt).
    The last population is the output. Parts are called linear1, lif1, … in order of appearance; see :attr:`populations`.

    >>> net = rv.Sequential(rv.Linear(700, 256), rv.LIF(256), rv.Linear(256, 20), rv.LeakyReadout(20), dt=1*ms)
    >>> out, state = net(spikes)
    """

    def __init__(
        self, *parts: nn.Module | Cell | Recurrent | Relay, dt: Any, seed: int = 0, surrogate: Surrogate | None = None,
        dtype: torch.dtype = torch.float32, provider: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dt=dt, seed=seed, surrogate=surrogate, dtype=dtype, provider=provider)
        if not parts:
            raise GraphError("Sequential needs at least one transform or cell.")
        counts: dict[str, int] = {}
        first = parts[0]
        source = self.input("input", first.in_features if isinstance(first, nn.Linear) else None)
        chain: list[nn.Module] = []
        for part in parts:
            if isinstance(part, nn.Module):
                chain.append(part)
                continue
            if not isinstance(part, Cell | Recurrent | Relay):
                raise GraphError(f"Sequential takes transforms and cells, got {type(part).__name__}.")
            cell = part.cell if isinstance(part, Recurrent) else part
            kind = cell.name if isinstance(cell, Cell) else "relay"
            counts[kind] = counts.get(kind, 0) + 1
            name = self.population(f"{kind}{counts[kind]}", None, cell)
            self._join(source, name, chain, counts)
            if isinstance(part, Recurrent):
                self.connect(name, name, part.transform, to=part.to, name=f"recurrent{counts[kind]}")
            source, chain = name, []
        if chain:
            name = self.population("output", None, Relay())
            self._join(source, name, chain, counts)
            source = name
        self.outputs.append(source)

    def _join(self, source: str, target: str, chain: Sequence[nn.Module], counts: dict[str, int]) -> None:
        kind = (
            "linear"
            if chain and isinstance(chain[0], nn.Linear)
            else type(chain[0]).__name__.lower()
            if chain
            else "direct"
        )
        counts[f"/{kind}"] = counts.get(f"/{kind}", 0) + 1
        label = f"{kind}{counts[f'/{kind}']}"
        for k, module in enumerate(chain):
            if isinstance(module, Linear | Conv2d):
                module.bind(self.dt, self.seed, label if not k else f"{label}.{k}")
            module.to(self.dtype)
        self._add(Projection(label, source, target, self.port_of(target, None), chain))
