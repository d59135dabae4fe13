"""The influence of parameters on the state of one sample, carried from window to window."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.rules._carriers import add_gradient
from ranvier.training.rules._series import Block, Series

__all__ = ["Influence"]

Tensor = torch.Tensor


class Influence:
    """J = d(state)/d(parameters) of a series of one sample; ``masked`` keeps what one step can make.

    The state is every variable of every cell and every spike in flight; parameters are those of the projections, and the
    cells' coefficients, whose gradient ``Series.finish`` hands on.
    """

    def __init__(self, series: Series, masked: bool) -> None:
        net = series.net
        counters = {n: set(step.counters) for n, step in series.runner.steps.items()}
        self.keys = [
            k for k in series.start.tensors()
            if not (k.startswith("variables/") and k.split("/")[2] in counters[k.split("/")[1]])
        ]  # fmt: skip
        own = [(n, q) for n, q in net.projections.named_parameters() if q.requires_grad]  # type: ignore[attr-defined]
        cells = [
            (n, leaf) for n, values in series.runner.coefficients.items() for leaf in values.values()
            if leaf.requires_grad
        ]  # fmt: skip
        self.learnt = [q for _, q in own] + [leaf for _, leaf in cells]
        start = series.start.tensors()
        size = sum(start[k].numel() for k in self.keys)
        self.J = [torch.zeros(size, q.numel(), dtype=torch.float64) for q in self.learnt]
        self.masks: list[Tensor] | None = None
        if masked:
            state = [(k, start[k]) for k in self.keys]
            self.masks = [_mask(net, _targets(net, q), q, len(q), state) for _, q in own]
            self.masks += [_mask(net, (n,), leaf, leaf.numel(), state) for n, leaf in cells]

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


def _targets(net: Network, q: Tensor) -> tuple[str, ...]:
    """The populations at whose cells a weight ends; a transform may stand in several places."""
    places = [p for p in net.projections.values() if any(r is q for r in p.parameters())]
    odd = next((p for p in places if p.matrix() is None or p.per_synapse), None)
    if odd is not None:
        raise TrainingError(
            f"SnAp1 needs weights that lead to one cell each, but projection {odd.name!r} is not a plain rv.Linear: use "
            f"rv.rules.RTRL() or rv.rules.BPTT()."
        )
    return tuple(p.post for p in places)


def _mask(net: Network, names: tuple[str, ...], q: Tensor, cells: int, state: list[tuple[str, Tensor]]) -> Tensor:
    """[state, q]: 1 where a parameter of the cells of ``names`` can touch a state number within one step.

    ``q`` has as many entries for each of the ``cells``, cell by cell.
    """
    reached, front = set(), list(names)
    while front:
        pre = front.pop()
        after = {p.post for p in net.projections.values() if p.pre == pre and not p.depth} - reached
        reached |= after
        front += after
    cell = torch.arange(cells).repeat_interleave(q.numel() // cells)
    rows = []
    for k, t in state:
        part = k.split("/")[1]
        if part in names and part not in reached:
            own = torch.arange(t.shape[-1]).repeat(t.numel() // t.shape[-1])
            rows.append((own[:, None] == cell[None, :]).double())
        else:
            rows.append(torch.full((t.numel(), q.numel()), float(part in reached), dtype=torch.float64))
    return torch.cat(rows)
