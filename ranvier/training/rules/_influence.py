"""The influence of parameters on the state of one sample, carried from window to window."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network.shapes import known_shape
from ranvier.training.rules._carriers import add_gradient
from ranvier.training.rules._coefficients import CoefficientSlopes
from ranvier.training.rules.series import Block, Series

__all__ = ["Influence"]

Tensor = torch.Tensor


class Influence:
    """J = d(state)/d(parameters) of a series of one sample; ``masked`` keeps what one step can make.

    The state is every variable of every cell and every spike in flight. Parameters are those of the projections and those
    of the cells. A parameter that many cells share, also cells of several populations, is one column of J: it touches all
    of them.
    """

    def __init__(self, series: Series, masked: bool) -> None:
        net = series.net
        counters = {n: set(cells.step.counters) for n, cells in series.runner.cells.items()}
        self.keys = [
            k for k in series.start.tensors()
            if not (k.startswith("variables/") and k.split("/")[2] in counters[k.split("/")[1]])
        ]  # fmt: skip
        self.weights = [q for q in net.projections.parameters() if q.requires_grad]  # type: ignore[attr-defined]
        self.coefficients = CoefficientSlopes(series)
        self.learnt = [*self.weights, *self.coefficients.parameters]
        start = series.start.tensors()
        size = sum(start[k].numel() for k in self.keys)
        self.J = [torch.zeros(size, q.numel(), dtype=torch.float64) for q in self.learnt]
        self.masks: list[Tensor] | None = None
        if masked:
            state = [(k.split("/")[1], start[k].numel()) for k in self.keys]
            touched = [*(_touched(series, q) for q in self.weights), *self.coefficients.touched()]
            self.masks = [_mask(net, cells, state, q.numel()) for q, cells in zip(self.learnt, touched, strict=True)]

    def learn(self, block: Block, slopes: Mapping[str, Tensor]) -> None:
        """Add the gradient of a window, given dL/dout of its steps, and carry the influence to its end."""
        start, end = block.start.tensors(), block.window.after().tensors()
        before = [start[k] for k in self.keys]
        inputs = [*self.weights, *self.coefficients.leaves, *before]
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
        """Derivatives by every parameter, and by the state."""
        full = [
            (torch.zeros_like(i) if g is None else g).detach().reshape(-1).double()
            for i, g in zip(inputs, found, strict=True)
        ]
        first, last = len(self.weights), len(inputs) - len(self.keys)
        return [*full[:first], *self.coefficients.by_parameter(full[first:last])], torch.cat(full[last:])


def _touched(series: Series, q: nn.Parameter) -> dict[str, Tensor]:
    """By part, which entries of a weight lead to which cell [cells, entries]: several parts, for transforms may share it.

    Cells are numbered anew along the last axis of what arrives, for a matrix acts on every row of an image.
    """
    net, found = series.net, {}
    for p in net.projections.values():
        if not any(r is q for r in p.parameters()):
            continue
        cell = p.transform.cell_of(q) if len(p.chain) == 1 else None
        if cell is None:
            raise TrainingError(
                f"SnAp1 needs parameters that lead to one cell each, but those of projection {p.name!r} do not: use a matrix or "
                f"single synapses there without learnable delays, or use rv.rules.RTRL() or rv.rules.BPTT()."
            )
        shape = p.output_shape(series.shapes.get(p.pre) or known_shape(net.graph, p.pre))
        rows = torch.arange(torch.Size(shape).numel()) % shape[-1]
        leads = rows[:, None] == cell[None, :]
        found[p.post] = found[p.post] | leads if p.post in found else leads
    return found


def _mask(net: Network, touched: Mapping[str, Tensor], state: list[tuple[str, int]], entries: int) -> Tensor:
    """[state, entries]: 1 where an entry of a parameter can touch a number of the ``state`` (part, numbers) in one step."""
    reached, front = set(), [*touched]
    while front:
        pre = front.pop()
        after = {p.post for p in net.projections.values() if p.pre == pre and not p.shortest} - reached
        reached |= after
        front += after
    rows = []
    for part, numbers in state:
        if part in reached:
            rows.append(torch.ones(numbers, entries))
        elif part in touched:
            own = touched[part]  # a history holds the cells once for each step back
            rows.append(own.repeat(numbers // len(own), 1))
        else:
            rows.append(torch.zeros(numbers, entries))
    return torch.cat([r.double() for r in rows])
