"""A cyclic part in short windows, population by population: the general way, for whatever has no faster one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.network.plastic.synapses import PlasticSynapses, spikes_alone
from ranvier.network.run._alone import advanced
from ranvier.network.run.window import Window

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Unit
    from ranvier.network.run.runner import Runner

__all__ = ["cycle"]

Tensor = torch.Tensor


def cycle(runner: Runner, unit: Unit, window: Window) -> None:
    """Advance the populations of a unit through ``window`` in its short windows.

    What comes from outside is carried over the whole window first.
    """
    names, length, arrivals = unit.members, unit.window, runner.arrivals
    outside = {n: arrivals.into(n, names, window) for n in names}
    synapses = _Plastic(runner, names, window)
    past = {n: window.history[n] for n in names if n in window.history}
    emitted: dict[str, list[Tensor]] = {n: [] for n in names}
    recorded: dict[tuple[str, str], list[Tensor]] = {}
    for first in range(0, max(window.count, 1), length):  # no steps still give empty emissions
        count = min(length, window.count - first)
        now: dict[str, Tensor] = {}
        delivered = synapses.react(first, past) if count else {}
        for n in names:
            inflow = outside[n].part(first, count)
            for port, value in delivered.get(n, ()):
                inflow.add(port, value)
            for p in arrivals.onto[n]:
                if p.pre in names and not p.plasticity:
                    arrivals.bring(inflow, p, now.get(p.pre), past.get(p.pre), count, window.place(runner.graph, first))
            if n not in runner.cells:
                now[n] = inflow.ports["x"]
                for variable in runner.record.get(n, ()):
                    recorded.setdefault((n, variable), []).append(now[n])
                continue
            for variable, value in advanced(runner, n, inflow, window, first, count).items():
                recorded.setdefault((n, variable), []).append(value)
            if n in window.emissions:
                now[n] = window.emissions[n]
        for n, value in now.items():
            emitted[n].append(value)
            if n in past:
                past[n] = torch.cat([past[n], value])[value.shape[0] :]
        for key, value in synapses.record(first) if count else ():
            recorded.setdefault(key, []).append(value)
    synapses.finish()
    window.emissions.update({n: torch.cat(values) for n, values in emitted.items() if values})
    window.recorded.update({key: torch.cat(values) for key, values in recorded.items()})


class _Plastic:
    """The plastic projections onto a cycle, whose windows are single steps."""

    def __init__(self, runner: Runner, names: Sequence[str], window: Window) -> None:
        self.runner, self.window = runner, window
        self.parts: list[PlasticSynapses] = [
            runner.plastic[p.name] for n in names for p in runner.arrivals.onto[n] if p.plasticity
        ]
        sources = {s.projection.pre for s in self.parts if s.by_spike} - set(names)
        self.tapes = {n: spikes_alone(torch.cat([window.history[n], window.emissions[n]]), n) for n in sources}

    def react(self, first: int, past: Mapping[str, Tensor]) -> dict[str, list[tuple[str, Tensor]]]:
        """The arrival phase of a step: what synapses deliver to each population; their variables advance after it."""
        delivered: dict[str, list[tuple[str, Tensor]]] = {}
        window, step = self.window, self.window.start + first
        for s in self.parts:
            p, arrived = s.projection, None
            cells = s.cells(window.variables.get(p.pre), window.variables[p.post])
            if s.by_spike:
                tape = self.tapes[p.pre] if p.pre in self.tapes else past[p.pre]
                now = window.history[p.pre].shape[0] + (first if p.pre in self.tapes else 0)
                arrived = s.arrived(tape, now)
            fired = past[p.post][-1] if "on_post" in s.bound.codes else None
            made = s.step(window.synapses[p.name], cells, arrived, fired, step, window.state.stream)
            window.synapses[p.name] = made.values
            delivered.setdefault(p.post, []).extend((p.port, sent) for sent in made.sent)
        return delivered

    def finish(self) -> None:
        """Give every variable its own memory: it may share a tensor, be expanded, or belong to the last state."""
        for s in self.parts:
            values = self.window.synapses[s.projection.name]
            own = {n: v.clone(memory_format=torch.contiguous_format) for n, v in values.items()}
            self.window.synapses[s.projection.name] = own

    def record(self, first: int) -> list[tuple[tuple[str, str], Tensor]]:
        """Recorded variables of synapses after step ``first``, where they are due."""
        if (self.window.start + first + 1) % self.runner.every:
            return []
        names = [s.projection.name for s in self.parts]
        return [((n, v), self.window.synapses[n][v].unsqueeze(0)) for n in names for v in self.runner.record.get(n, ())]
