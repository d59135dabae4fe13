"""The influence of parameters on the state of one sample, carried from window to window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network.shapes import known_shape
from ranvier.training.rules._carriers import add_gradient
from ranvier.training.rules.series import Block, Series

__all__ = ["Influence"]

Tensor = torch.Tensor


class _Target(NamedTuple):
    """Entry k of a parameter leads to the cells ``cell[k]`` of a population, numbered anew after every ``count``.

    The count of a coefficient is that of all cells, over all their axes; the count of a weight is that of the last axis of
    what arrives, for a matrix acts on every row of an image.
    """

    population: str
    cell: Tensor
    count: int


class Influence:
    """J = d(state)/d(parameters) of a series of one sample; ``masked`` keeps what one step can make.

    The state is every variable of every cell and every spike in flight; parameters are those of the projections, and the
    cells' coefficients, whose gradient ``Series.finish`` hands on.
    """

    def __init__(self, series: Series, masked: bool) -> None:
        net = series.net
        counters = {n: set(cells.step.counters) for n, cells in series.runner.cells.items()}
        self.keys = [
            k for k in series.start.tensors()
            if not (k.startswith("variables/") and k.split("/")[2] in counters[k.split("/")[1]])
        ]  # fmt: skip
        own = [(n, q) for n, q in net.projections.named_parameters() if q.requires_grad]  # type: ignore[attr-defined]
        cells = [
            (n, leaf) for n, own_cells in series.runner.cells.items() for leaf in own_cells.coefficients.values()
            if leaf.requires_grad
        ]  # fmt: skip
        self.learnt = [q for _, q in own] + [leaf for _, leaf in cells]
        start = series.start.tensors()
        size = sum(start[k].numel() for k in self.keys)
        self.J = [torch.zeros(size, q.numel(), dtype=torch.float64) for q in self.learnt]
        self.masks: list[Tensor] | None = None
        if masked:
            state = [(k, start[k]) for k in self.keys]
            self.masks = [_mask(net, _targets(series, q), state) for _, q in own]
            self.masks += [_mask(net, [_Target(n, torch.arange(k := leaf.numel()), k)], state) for n, leaf in cells]

    def learn(self, block: Block, slopes: Mapping[str, Tensor]) -> None:
        """Add the gradient of a window, given dL/dout of its steps, and carry the influence to its end."""
        start, end = block.start.tensors(), block.window.after().tensors()
        before = [start[k] for k in self.keys]
        inputs = [*self.learnt, *before]
        outs = [(o, slopes[n]) for n, o in block.outputs.items() if n in slopes and o.requires_grad]
        if outs:
            found = torch.autograd.grad(
                [o for o, _ in outs], inputs, [s for _, s in outs], retain_graph=True, allow_unused=True
            )
            now, error = self._split(inputs, found)
            for q, g, J in zip(self.learnt, now, self.J, strict=True):
                add_gradient(q, (g + error @ J).view_as(q).to(q.dtype))
        rows: list[list[Tensor]] = []
        carried: list[Tensor] = []
        for value in (end[k] for k in self.keys):
            for d in range(value.numel()):
                seed = torch.zeros(value.shape, dtype=value.dtype)
                seed.view(-1)[d] = 1
                if value.requires_grad:
                    found = torch.autograd.grad(value, inputs, seed, retain_graph=True, allow_unused=True)
                else:
                    found = (None,) * len(inputs)
                now, row = self._split(inputs, found)
                rows.append(now)
                carried.append(row)
        A = torch.stack(carried)
        self.J = [A @ J + torch.stack([row[k] for row in rows]) for k, J in enumerate(self.J)]
        if self.masks is not None:
            self.J = [J * mask for J, mask in zip(self.J, self.masks, strict=True)]

    def _split(self, inputs: list[Tensor], found: tuple[Tensor | None, ...]) -> tuple[list[Tensor], Tensor]:
        full = [
            (torch.zeros_like(i) if g is None else g).detach().reshape(-1).double()
            for i, g in zip(inputs, found, strict=True)
        ]
        count = len(self.learnt)
        return full[:count], torch.cat(full[count:])


def _targets(series: Series, q: nn.Parameter) -> list[_Target]:
    """Where a weight leads: several places, for transforms may share it."""
    net, found = series.net, []
    for p in net.projections.values():
        if not any(r is q for r in p.parameters()):
            continue
        cell = p.transform.cell_of(q) if len(p.chain) == 1 else None
        if cell is None:
            raise TrainingError(
                f"SnAp1 needs parameters that lead to one cell each, but those of projection {p.name!r} do not: use a matrix or "
                f"single synapses there without learnable delays, or use rv.rules.RTRL() or rv.rules.BPTT()."
            )
        pre = series.shapes.get(p.pre) or known_shape(net.graph, p.pre)
        found.append(_Target(p.post, cell, p.output_shape(pre)[-1]))
    return found


def _mask(net: Network, targets: list[_Target], state: list[tuple[str, Tensor]]) -> Tensor:
    """[state, entries]: 1 where a parameter that leads to ``targets`` can touch a state number within one step."""
    reached, front = set(), [target.population for target in targets]
    while front:
        pre = front.pop()
        after = {p.post for p in net.projections.values() if p.pre == pre and not p.shortest} - reached
        reached |= after
        front += after
    rows = []
    for k, t in state:
        part = k.split("/")[1]
        touched = torch.full((t.numel(), len(targets[0].cell)), part in reached)
        for target in targets:
            if target.population == part:
                number = torch.arange(t.numel()) % target.count
                touched |= number[:, None] == target.cell[None, :]
        rows.append(touched.double())
    return torch.cat(rows)
