"""Eligibility at the borders of windows: how far the parameters have moved the state with which a window begins.

A window's own graph gives dL/d(state at its start); times the eligibility of that state, d(state)/d(parameter) along
each cell's own state, this is what the window's loss owes to all steps before it. The eligibility is derived from the
cell's own program: d(state after)/d(state before) and d(state after)/d(arrivals) of a window come from its adjoint.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from ranvier.errors import TrainingError
from ranvier.training.rules._carriers import Carrier, add_gradient, carriers
from ranvier.training.rules._response import Response, steady_response
from ranvier.training.rules._windows import Follower
from ranvier.training.rules.series import Block, Series

__all__ = ["Eligibility"]

Tensor = torch.Tensor


class Eligibility(Follower):
    """The eligibility of the populations ``names`` of a series, carried from window to window.

    Where a cell answers alike at all times and for all cells, it factorises: one trace per presynaptic cell. Else every
    synapse has its own [B, post, pre] per state variable.
    """

    def __init__(self, series: Series, rule: str, names: Iterable[str]) -> None:
        names = list(names)
        found = carriers(series.net, rule, names)
        self.parts = [_Part(series, n, found[n], rule) for n in names]

    def look(self, block: Block) -> None:
        """Before a window's gradient: what its end owes to its start, and to what arrived."""
        for part in self.parts:
            part.look(block)

    def correct(self, block: Block) -> None:
        """After a window's gradient: add what is owed to earlier windows, and go on."""
        with torch.no_grad():
            for part in self.parts:
                part.correct(block)
                part.go_on(block)


class _Part:
    def __init__(self, series: Series, name: str, found: list[Carrier], rule: str) -> None:
        self.name, self.found = name, found
        cells = series.runner.cells[name]
        step, own = cells.step, cells.coefficients
        self.states, self.dtype = step.states, series.net.dtype
        self.learnt = {c: leaf for c, leaf in own.items() if leaf.requires_grad}
        self.response: Response | None = steady_response(step, cells.cuts, series.made[name])
        self.streams = {c.port: step.stream_of(c.port) for c in found}
        if self.response is None:
            odd = next((c for c in found if not c.dense), None)
            if odd is not None:
                raise TrainingError(
                    f"{rule}: the eligibility of {name!r} differs from cell to cell and step to step, so every synapse "
                    f"needs its own, but projection {odd.projection.name!r} is not one matrix: use rv.Linear there, or a "
                    f"cell that forgets at one rate (rv.LIF with one tau)."
                )
        count = len(self.states)
        self.traces: dict[int, list[Tensor]] = {}
        self.ones = {c.port: torch.zeros(count, dtype=torch.float64) for c in found}
        self.own: dict[str, list[Tensor]] = {c: [torch.zeros_like(leaf)] * count for c, leaf in self.learnt.items()}
        self.jacobian: list[list[Tensor]] = []
        self.worth: dict[str, list[Tensor]] = {}
        self.moved: dict[str, list[Tensor]] = {}

    @property
    def _follows(self) -> bool:
        return bool(self.learnt) or (self.response is None and bool(self.found))

    def look(self, block: Block) -> None:
        if not self._follows:
            return
        before = [block.start.variables[self.name][s] for s in self.states]
        pieces = block.window.streams[self.name]
        streams = [s for s in dict.fromkeys(self.streams.values()) if pieces[0][s].requires_grad]
        inputs = [*before, *(piece[s] for s in streams for piece in pieces), *self.learnt.values()]
        self.jacobian, self.worth, self.moved = [], {s: [] for s in streams}, {c: [] for c in self.learnt}
        for s in self.states:
            after = block.window.variables[self.name][s]
            found = torch.autograd.grad(after, inputs, torch.ones_like(after), retain_graph=True, allow_unused=True)
            pairs = zip(inputs, found, strict=True)
            full = [torch.zeros_like(i, dtype=self.dtype) if g is None else g.to(self.dtype) for i, g in pairs]
            self.jacobian.append(full[: len(before)])
            for k, stream in enumerate(streams):
                first = len(before) + k * len(pieces)
                self.worth[stream].append(torch.cat(full[first : first + len(pieces)]))
            for c, g in zip(self.learnt, full[len(full) - len(self.learnt) :], strict=True):
                self.moved[c].append(g)

    def correct(self, block: Block) -> None:
        errors = [block.start.variables[self.name][s].grad for s in self.states]
        if not block.first:
            return
        for q, error in enumerate(errors):
            if error is None:
                continue
            error = error.to(self.dtype)  # that of a time is float64
            for k, carrier in enumerate(self.found):
                trace = self.traces[k][q]
                if self.response is not None:
                    carrier.learn(trace, self.ones[carrier.port][q].to(error), error)
                    continue
                whole = torch.einsum("bn,bni->ni", error, trace)
                carrier.learn_each(whole)
            for c, leaf in self.learnt.items():
                add_gradient(leaf, error * self.own[c][q])

    def go_on(self, block: Block) -> None:
        count, states = block.count, range(len(self.states))
        for k, carrier in enumerate(self.found):
            x = carrier.carried(block)
            stream = self.streams[carrier.port]
            if self.response is not None:
                M = self.response.over(count).to(self.dtype)
                C = self.response.kernel(stream, count).to(self.dtype)
                new = torch.tensordot(C.t(), x, 1)
                if k in self.traces:
                    new += torch.tensordot(M, torch.stack(self.traces[k]), 1)
                self.traces[k] = list(new)
            else:
                self.traces[k] = self._each(self.traces.get(k), stream, x, carrier)
        if self.response is not None:
            for port, ones in self.ones.items():
                moved = self.response.kernel(self.streams[port], count).sum(0)
                self.ones[port] = self.response.over(count) @ ones + moved
        for c in self.learnt:
            old = self.own[c]
            self.own[c] = [self.moved[c][q] + sum(self.jacobian[q][s] * old[s] for s in states) for q in states]

    def _each(self, old: list[Tensor] | None, stream: str, x: Tensor, carrier: Carrier) -> list[Tensor]:
        """The eligibility [B, post, pre (+ 1 for the bias)] of every synapse, one per state variable."""
        if carrier.transform.constant is not None:
            x = torch.cat([x, x.new_ones(*x.shape[:-1], 1)], -1)
        out = []
        for q in range(len(self.states)):
            new = torch.bmm(self.worth[stream][q].permute(1, 2, 0), x.transpose(0, 1))
            for s, before in enumerate(old or ()):
                new.addcmul_(self.jacobian[q][s].unsqueeze(-1), before)
            out.append(new)
        return out
