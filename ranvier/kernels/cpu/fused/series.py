"""A fused operation for many windows of one series: set up once, its gradients summed in one place.

Between windows the parameters stay and no gradient crosses, so that transposed weights, buffers and schedules serve all
of them, and the gradient of a parameter is handed over once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ranvier.errors import StateError
from ranvier.kernels.cpu.events.transpose import transposed
from ranvier.kernels.cpu.fused import _backward, _forward
from ranvier.kernels.cpu.fused._backward import WayBack
from ranvier.kernels.cpu.fused.run import fixed, slots_of
from ranvier.kernels.cpu.fused.span import Span
from ranvier.kernels.cpu.host.derivatives import refuse_second_derivative
from ranvier.kernels.cpu.host.schedule import Schedule, run_queues
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.tasks import Fused, ScanResult

__all__ = ["FusedSeries"]

Tensor = torch.Tensor
Queues = list[list[tuple[int, Schedule]]]


class FusedSeries:
    """A fused operation whose windows differ in spikes from outside, states and spikes in flight alone; plain spikes, no delays.

    Outputs lie in the same memory in every window: copy what is to outlive it, and differentiate a window before the
    next one is run.
    """

    def __init__(self, task: Fused, tuning: Tuning = TUNING) -> None:
        self.task, self.number = task, 0
        self.dtype = next(iter(task.members.values())).dtype
        self.steps = next(iter(task.members.values())).steps
        self.batch = next(iter(task.members.values())).shape[0]
        self.tensors = {s.key: s.number(task) for s in slots_of(task)}
        learning = torch.is_grad_enabled()
        self.needs = {key: learning and t.requires_grad for key, t in self.tensors.items()} | fixed(task)
        given = {key: t.detach() for key, t in self.tensors.items()}
        self.made, calls = _forward.prepare(task, given, self.needs, tuning, repeated=True)
        self.queues = _forward.queues(self.made, calls)
        self.totals = _backward.totals_of(self.made, self.needs)
        self.ways: dict[tuple[Any, ...], tuple[WayBack, Queues]] = {}
        self.anchor = torch.zeros((), requires_grad=any(self.needs.values()))

    @staticmethod
    def suits(task: Fused) -> bool:
        """Whether an operation can run as a series."""
        moving = [feed.source for feed in task.feeds] + [f.history for f in task.feedback if f.history is not None]
        moving += [t for scan in task.members.values() for t in scan.states.values()]
        plain = all(f.pattern is None and f.first is None for f in task.feedback)
        steady = all(
            t.shape[0] == 1 for scan in task.members.values() for n, t in scan.streams.items() if n in scan.step.streams
        )
        return plain and steady and not any(t.requires_grad for t in moving)

    def run(
        self, sources: Sequence[Tensor], states: Mapping[str, Mapping[str, Tensor]], past: Sequence[Tensor | None]
    ) -> dict[str, ScanResult] | None:
        """The next window, by population; None where a source holds other numbers than 0 and 1.

        ``sources`` by feed, ``past`` what was emitted before by projection inside.
        """
        made = self.made
        if not all(made.feeds[k].renew(source.to(self.dtype)) for k, source in enumerate(sources)):
            return None
        self.number += 1
        for k, history in enumerate(past):
            if history is not None and made.links[k].latency:
                made.links[k].renew(history)
        for name, member in made.members.items():
            member.renew({n: states[name][n] for n in member.state})
        run_queues(self.queues)
        flat, position, out = _WindowFunction.apply(self, self.number, self.anchor), 0, {}
        for name, scan in self.task.members.items():
            emitted = dict(zip(scan.wanted, flat[position:], strict=False))
            position += len(scan.wanted)
            final = {n: made.members[name].unpadded(v).clone() for n, v in made.members[name].state.items()}
            out[name] = ScanResult(emitted, final)
        return out

    def emitted(self) -> list[Tensor]:
        """The wanted outputs of every population, in order."""
        made = self.made
        return [
            made.members[n].shaped(made.members[n].out[w].tensor, self.steps)
            for n, scan in self.task.members.items()
            for w in scan.wanted
        ]

    def learn(self, grads: Sequence[Tensor | None]) -> None:
        """Add the gradient of the window, given the gradients of its outputs."""
        incoming: dict[str, dict[str, Tensor | None]] = {}
        position = 0
        for name, scan in self.task.members.items():
            incoming[name] = dict(zip(scan.wanted, grads[position:], strict=False))
            position += len(scan.wanted)
        asked = self._asked(grads)
        if not asked:
            return
        few = 2 * len(asked) <= self.steps
        way, queues = self._way(incoming, few)
        for name, adjoint in way.adjoints.items():
            adjoint.renew(incoming[name])
        if way.in_turns:
            for key in self.totals:
                self.made.summed[key].order(way.block, asked if few else None)
        run_queues(queues, reverse=True, only=asked if few else None)
        if not way.in_turns:
            self._add(way, asked if few else None)

    def _asked(self, grads: Sequence[Tensor | None]) -> list[int]:
        """The steps with an incoming gradient: without a path over time, no other step has one."""
        if any(scan.cuts.carry_to_weights or scan.cuts.recurrent_spikes for scan in self.task.members.values()):
            return list(range(self.steps))
        given = [g.reshape(self.steps, -1) for g in grads if g is not None]
        if any(bool((g[:, 0] != 0).all()) for g in given):
            return list(range(self.steps))
        return torch.stack([g.any(1) for g in given]).any(0).nonzero().flatten().tolist() if given else []

    def _way(self, incoming: Mapping[str, Mapping[str, Tensor | None]], few: bool) -> tuple[WayBack, Queues]:
        """The way back for these outputs, step by step where it is for a ``few`` steps."""
        key = (few, *((n, w) for n, own in incoming.items() for w, g in own.items() if g is not None))
        if key not in self.ways:
            parts = (
                [[Span(0, 1, self.steps, part[0].low, part[0].high)] for part in self.made.spans.parts] if few else None
            )
            in_turns, block = (self.made.spans.alone, self.batch) if few else (self.made.in_turns, None)
            way = WayBack(
                self.task, self.made, incoming, self.needs, self.totals, parts, in_turns, block, repeated=True
            )  # fmt: skip
            self.ways[key] = way, way.queues()
        return self.ways[key]

    def _add(self, way: WayBack, only: Sequence[int] | None) -> None:
        """Weight gradients after the steps have been run."""
        for key, total in self.totals.items():
            source = self.made.summed[key]
            gradient = way.arrived(source.post, source.stream, self.steps)
            if only is None:
                source.add_to(total, gradient, self.made.spans.block)
                continue
            some = gradient.unflatten(0, (self.steps, self.batch))[list(only)].flatten(0, 1)
            source.add_to(total, some, None, [range(k * self.batch, (k + 1) * self.batch) for k in only])

    def finish(self) -> None:
        """Hand the gradients of all windows on to where the tensors given at first came from."""
        if not self.ways:
            return
        found = {(key, "weight"): transposed(total) for key, total in self.totals.items()}
        for way, _ in self.ways.values():
            for name, adjoint in way.adjoints.items():
                for n in adjoint.sums:
                    if self.needs.get((name, n)):
                        found[name, n] = way.sum(name, n) + found.get((name, n), 0)
        pairs = [(self.tensors[key], g) for key, g in found.items()]
        slopes = [g.sum_to_size(t.shape).to(t.dtype) for t, g in pairs]
        torch.autograd.backward([t for t, _ in pairs], slopes)


class _WindowFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, series: FusedSeries, number: int, anchor: Tensor):
        ctx.series, ctx.number = series, number
        ctx.set_materialize_grads(False)
        return tuple(series.emitted())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None):
        refuse_second_derivative()
        if ctx.number != ctx.series.number:
            raise StateError("a window is differentiated after the next one was run: differentiate it before.")
        ctx.series.learn(grads)
        return None, None, None
