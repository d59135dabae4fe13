"""One population in a call: its step, its numbers, and its part in a window."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from ranvier.dynamics import COUNTER
from ranvier.kernels import eager
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import Scan, ScanResult
from ranvier.network.run.inflow import Inflow
from ranvier.network.run.parameter_sets import coefficients_of_sets
from ranvier.network.run.refractory import refractory_of
from ranvier.network.run.resets import reads_spikes
from ranvier.network.run.streams import streams_of

if TYPE_CHECKING:
    from ranvier.dynamics import Cuts
    from ranvier.network.graph import Graph
    from ranvier.network.run.window import Window

__all__ = ["Cells"]

Tensor = torch.Tensor


class Cells:
    """The population ``name`` in one call, of which the variables ``record`` are wanted.

    ``step`` is the program of its step, ``emission`` the output of it that other parts receive, ``coefficients`` are the
    numbers in it, computed once, and ``cuts`` the paths that a gradient may take in it. ``asked`` are streams whose derivative a
    rule asks for, also where all that arrives comes from cells inside the same operation.
    """

    def __init__(self, graph: Graph, name: str, record: Sequence[str], cuts: Cuts) -> None:
        self.graph, self.name, self.record, self.times = graph, name, record, cuts.times
        population = self.population = graph.populations[name]
        step = self.step = graph.step(name, cuts.times)
        emit = population.cell.emit
        self.emission = step.output_of(emit) if emit else None
        self.cuts, self.asked = cuts.of(reads_spikes(graph, name, record), population.reset_gradient), frozenset[str]()
        self._read()

    def _read(self) -> None:
        """Compute the numbers from those that the population has now."""
        graph, population, step = self.graph, self.population, self.step
        own = graph.values.get(self.name)
        if own:
            self.coefficients = coefficients_of_sets(population, step, graph.dt, own)
        else:
            self.coefficients = population.coefficients_in_use(step, graph.dt)
        self.refractory = refractory_of(graph, population, step) if step.counters else None
        if self.refractory is not None:
            self.coefficients |= self.refractory.coefficient

    def renewed(self) -> Cells:
        """The same for another call, with the numbers that the population has now."""
        other = object.__new__(Cells)
        other.__dict__.update(self.__dict__)
        other._read()
        return other

    def coefficients_now(self, names: Sequence[str]) -> Callable[[], dict[str, Tensor]]:
        """What finds some coefficients, in float64, from the numbers that the population has when it is called."""
        population = self.population
        some = None if self.graph.values.get(self.name) else eager.some_coefficients(self.step, names, self.graph.dt)

        def every() -> dict[str, Tensor]:
            found = self.renewed().coefficients
            return {n: found[n] for n in names}

        if some is None:
            return every
        reads, found = some
        return lambda: found({n: population.value_now(n) for n in reads})

    def coefficient(self, name: str) -> Tensor:
        """A coefficient in the dtype in which a step is computed."""
        return self.coefficients[name].to(torch.float64 if self.step.exact else self.graph.dtype)

    def scan(
        self, inflow: Inflow, window: Window, first: int = 0, count: int | None = None, *, emits: bool = True,
        steady: bool = False, spent: Collection[str] = (),
    ) -> Scan:  # fmt: skip
        """The task of ``count`` steps from step ``first`` of the window; ``emits`` if others read what the cells emit.

        ``steady`` leaves a stream that is the same at all steps as one row. ``spent`` are ports whose arrivals nobody reads
        afterwards.
        """
        step, count = self.step, window.count if count is None else count
        before = self.given(window.variables[self.name], count)
        output = self.emission if emits else None
        wanted = dict.fromkeys((*(() if output is None else (output,)), *map(step.output_of, self.record)))
        some = next(iter(before.values()), None)
        shape = tuple(next(iter(inflow.ports.values())).shape[1:] if some is None else some.shape)
        streams, back = streams_of(self, inflow.ports, count, shape, window, first, steady), {}
        if self.times:  # what goes back is the derivative of the time of arrival, a stream of its own
            streams |= {s: x for port, x in inflow.back.items() if (s := step.shift_of(port)) is not None}
        else:
            back = {step.stream_of(port): x for port, x in inflow.back.items()}
        for s in self.asked:
            if not streams[s].requires_grad:
                streams[s] = streams[s].expand(count, *shape).clone().requires_grad_()
        window.streams.setdefault(self.name, []).append(streams)
        return Scan(
            step, count, shape, self.graph.dtype, streams, before, self.coefficients, tuple(wanted), self.cuts, back,
            frozenset(map(step.stream_of, spent)),
        )  # fmt: skip

    def normalised(self, task: Scan, run: Runnable) -> Scan:
        """The task of one step with the norm of its own statistics: those of the membranes before any cell fires.

        ``run`` first finds these, by the same step with a threshold that no cell reaches.
        """
        norm = self.population.membrane_norm
        if norm is None or not task.steps:
            return task
        output = self.step.output_of(norm.norm.variable)
        silent = replace(
            task, coefficients=self._numbers(norm.never()), wanted=(output,), cuts=replace(task.cuts, reset="detached")
        )
        return replace(
            task, coefficients=self._numbers(norm.values_for(run(silent).emitted[output][0], self.population.values()))
        )

    def _numbers(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = eager.coefficients(self.step, {**self.population.values(), **values}, self.graph.dt)
        return found if self.refractory is None else found | self.refractory.coefficient

    def given(self, variables: Mapping[str, Tensor], count: int) -> Mapping[str, Tensor]:
        """The variables as a provider takes them for ``count`` steps."""
        period = self.refractory
        return variables if period is None else period.given(variables, self.graph.dtype, count)

    def after(self, before: Mapping[str, Tensor], states: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
        """The variables ``count`` steps later, from what a provider gave back."""
        period = self.refractory
        return dict(states) if period is None else period.after(before, states, count)

    def take(self, result: ScanResult, window: Window, count: int | None = None) -> dict[str, Tensor]:
        """Put a scan's result into the window; returns what was recorded."""
        steps, name, before = window.count if count is None else count, self.name, window.variables[self.name]
        window.variables[name] = self.after(before, result.states, steps)
        if self.emission is not None and self.emission in result.emitted:
            window.emissions[name] = result.emitted[self.emission].to(self.graph.dtype)
        recorded = {v: result.emitted[self.step.output_of(v)] for v in self.record}
        return self.counted(recorded, before, steps) if COUNTER in recorded else recorded

    def counted(
        self, recorded: Mapping[str, Tensor], before: Mapping[str, Tensor], steps: int, each: int = 1, first: int = 0
    ) -> dict[str, Tensor]:
        """The numbers ``recorded`` in ``steps`` steps from step ``first``, its counter in whole steps; a sample every ``each`` steps."""
        period, left = self.refractory, recorded.get(COUNTER)
        if period is None or left is None:
            return dict(recorded)
        taken = torch.arange(each - first % each, steps + 1, each)
        return {**recorded, COUNTER: period.recorded(before, left, taken)}
