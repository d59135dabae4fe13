"""A chain of transforms and cells, written as one reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ranvier.connectivity import Connectivity
from ranvier.connectivity.registry import transform_of
from ranvier.dynamics import Reset
from ranvier.network.network import Network
from ranvier.network.order import GraphError
from ranvier.network.parts.population import Relay
from ranvier.network.parts.projection import Projection
from ranvier.network.recurrent import Recurrent
from ranvier.network.residual import Residual, join_of
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate

__all__ = ["Sequential"]


def _instead_of(part: Any) -> str:
    """The remedy for an argument that is not a part."""
    if isinstance(part, list | tuple):
        return "write rv.Sequential(*parts, dt=…)."
    if isinstance(part, Connectivity):
        return "a rule makes single synapses between populations of rv.Network: net.connect('a', 'b', rule)."
    if callable(part):
        name = getattr(part, "__name__", "it")
        return f"call it, as in {name}(…), if it makes a part; a function of tensors needs a module, such as torch.nn.ReLU()."
    return "give modules such as rv.Linear(…) and cells such as rv.LIF(…)."


class Sequential(Network):
    """A network written as a chain: transforms (``Linear``, any stateless torch module) and cells in turn, and
    :class:`Residual` branches.

    Forward edges are same-step: a spike reaches the next population in the step it was fired, plus round(delay/dt).
    The last population is the output. Parts are called linear1, lif1, … in order of appearance; see :attr:`populations`.

    >>> net = rv.Sequential(rv.Linear(700, 256), rv.LIF(256), rv.Linear(256, 20), rv.LeakyReadout(20), dt=1*ms)
    >>> out, state = net((torch.rand(100, 32, 700) < 0.05).float())
    >>> out.shape
    torch.Size([100, 32, 20])
    """

    def __init__(
        self, *parts: nn.Module | Cell | Recurrent | Relay | Residual, dt: Any, seed: int = 0, surrogate: Surrogate | None = None,
        dtype: torch.dtype = torch.float32, provider: str | None = None, reset_gradient: Reset = "auto",
    ) -> None:  # fmt: skip
        super().__init__(
            dt=dt, seed=seed, surrogate=surrogate, dtype=dtype, provider=provider, reset_gradient=reset_gradient
        )
        if not parts:
            raise GraphError("Sequential needs at least one transform or cell.")
        first = parts[0]
        source = self.input("input", transform_of(first).input_size if isinstance(first, nn.Module) else None)
        counts: dict[str, int] = {}
        source, chain = self._walk(parts, source, [], counts)
        if chain:
            source = self._relay("output", source, chain, counts)
        self.outputs.append(source)

    def _walk(
        self, parts: Sequence[Any], source: str, chain: list[nn.Module], counts: dict[str, int]
    ) -> tuple[str, list[nn.Module]]:
        """Add parts after ``source``; ``chain`` are transforms that still wait for a target. Returns both as they end."""
        for part in parts:
            if isinstance(part, Network):
                raise GraphError(
                    f"a {type(part).__name__} cannot be a part of another: it has a step and values of its own. Give its parts: "
                    "parts = [rv.Linear(…), rv.LIF(…)], then rv.Sequential(*parts, …, dt=…)."
                )
            if isinstance(part, nn.Module):
                chain = [*chain, part]
                continue
            if isinstance(part, Residual):
                source, chain = self._residual(part, source, chain, counts), []
                continue
            if not isinstance(part, Cell | Recurrent | Relay):
                raise GraphError(
                    f"Sequential takes transforms and cells, got {type(part).__name__}: {_instead_of(part)}"
                )
            cell = part.cell if isinstance(part, Recurrent) else part
            name = self.population(self._free(cell.name if isinstance(cell, Cell) else "relay", counts), None, cell)
            self._join(source, name, chain, counts)
            if isinstance(part, Recurrent):
                own = name.removeprefix(cell.name if isinstance(cell, Cell) else "relay")
                self.connect(name, name, part.how, **part.options, name=f"recurrent{own}")
            source, chain = name, []
        return source, chain

    def _residual(self, part: Residual, source: str, chain: list[nn.Module], counts: dict[str, int]) -> str:
        """Both ways and their join; transforms that wait end in a relay, where the ways part."""
        if chain:
            source = self._relay(self._free("fork", counts), source, chain, counts)
        branch = self._walk(part.parts, source, [], counts)
        past = self._walk(part.shortcut, source, [], counts)
        cell, to_branch, to_past = join_of(part.join)
        name = self.population(self._free("join", counts), None, cell)
        for (end, left), port in ((branch, to_branch), (past, to_past)):
            self._join(end, name, left, counts, port)
        return name

    def _relay(self, name: str, source: str, chain: Sequence[nn.Module], counts: dict[str, int]) -> str:
        made = self.population(name, None, Relay())
        self._join(source, made, chain, counts)
        return made

    def _join(
        self, source: str, target: str, chain: Sequence[nn.Module], counts: dict[str, int], port: str | None = None
    ) -> None:
        kind = transform_of(chain[0]).label if chain else "direct"
        label = self._free(kind, counts, "projection")
        for module in chain:
            module.to(self.dtype)
        self._add(
            Projection(label, source, target, self.graph.port_of(target, port), chain, dt=self.dt, seed=self.seed)
        )

    def _free(self, kind: str, counts: dict[str, int], among: str = "part") -> str:
        """lif1, lif2, …: a name for the next of a kind ``among`` parts or projections that nothing else has."""
        while True:
            counts[f"{among} {kind}"] = number = counts.get(f"{among} {kind}", 0) + 1
            if f"{kind}{number}" not in self.graph.taken:
                return f"{kind}{number}"
