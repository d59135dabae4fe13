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
from ranvier.training.rules._synapses import EachSynapse, each_synapse
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
        self.single: dict[int, EachSynapse] = {}
        for k, carrier in enumerate(found):
            if self.response is None or not carrier.shared:
                _check_plain(carrier, rule, self.response is None)
                self.single[k] = each_synapse(carrier)
        if self._follows:
            cells.asked = frozenset(self.streams.values())
        count = len(self.states)
        self.moved_on, self.traces = False, dict[int, list[Tensor]]()
        self.ones = {c.port: torch.zeros(count, dtype=torch.float64) for c in found}
        self.own: dict[str, list[Tensor]] = {c: [torch.zeros_like(leaf)] * count for c, leaf in self.learnt.items()}
        self.jacobian: list[list[Tensor]] = []
        self.worth: dict[str, list[Tensor]] = {}
        self.moved: dict[str, list[Tensor]] = {}

    @property
    def _follows(self) -> bool:
        return bool(self.learnt) or bool(self.single)

    def look(self, block: Block) -> None:
        if not self._follows or not block.moved:
            return
        before = [block.start.variables[self.name][s] for s in self.states]
        pieces = block.window.streams[self.name]
        streams = list(dict.fromkeys(self.streams.values()))
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
        if not self.moved_on:
            return
        for q, error in enumerate(errors):
            if error is None:
                continue
            error = error.to(self.dtype)  # that of a time is float64
            for k, carrier in enumerate(self.found):
                trace = self.traces[k][q]
                if k in self.single:
                    self.single[k].learn(error, trace)
                else:
                    carrier.learn(trace, self.ones[carrier.port][q].to(error), error)
            for c, leaf in self.learnt.items():
                add_gradient(leaf, error * self.own[c][q])

    def go_on(self, block: Block) -> None:
        count, states = block.moved, range(len(self.states))
        if not count:
            return
        self.moved_on = True
        for k, carrier in enumerate(self.found):
            stream = self.streams[carrier.port]
            if k in self.single:
                self.traces[k] = self._each(self.traces.get(k), stream, self.single[k], block)
            elif self.response is not None:
                x = carrier.carried(block)
                M = self.response.over(count).to(self.dtype)
                C = self.response.kernel(stream, count).to(self.dtype)
                new = torch.tensordot(C.t(), x, 1)
                if k in self.traces:
                    new += torch.tensordot(M, torch.stack(self.traces[k]), 1)
                self.traces[k] = list(new)
        if self.response is not None:
            for port, ones in self.ones.items():
                moved = self.response.kernel(self.streams[port], count).sum(0)
                self.ones[port] = self.response.over(count) @ ones + moved
        for c in self.learnt:
            old = self.own[c]
            self.own[c] = [self.moved[c][q] + sum(self.jacobian[q][s] * old[s] for s in states) for q in states]

    def _each(self, old: list[Tensor] | None, stream: str, synapses: EachSynapse, block: Block) -> list[Tensor]:
        """The eligibility of every synapse, one per state variable."""
        out = []
        for q in range(len(self.states)):
            new = synapses.arrived(self.worth[stream][q], block)
            for s, before in enumerate(old or ()):
                new.addcmul_(synapses.of_cells(self.jacobian[q][s]), before)
            out.append(new)
        return out


def _check_plain(carrier: Carrier, rule: str, varies: bool) -> None:
    """Raise where every synapse needs an eligibility of its own, and there are no single synapses."""
    p = carrier.projection
    if carrier.transform.storage is not None and carrier.transform.storage.learns:
        raise TrainingError(
            f"{rule} keeps an eligibility for every synapse of {p.name!r}, but {carrier.transform.storage} learns a scale that many share: use "
            f"a storage without learn, rv.rules.SLTT() or rv.rules.BPTT()."
        )
    if carrier.plain:
        return
    if not varies:
        raise TrainingError(
            f"{rule} keeps one trace per presynaptic cell, but projection {p.name!r} has a delay per synapse and weights that "
            f"many cells share: give it one delay, or use rv.rules.SLTT() or rv.rules.BPTT()."
        )
    raise TrainingError(
        f"{rule}: the eligibility of {p.post!r} differs from cell to cell and step to step, so every synapse needs its own, "
        f"but projection {p.name!r} is neither one matrix nor single synapses: use rv.Linear there, or a cell that forgets at one rate "
        f"(rv.LIF with one tau)."
    )
