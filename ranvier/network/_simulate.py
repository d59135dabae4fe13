"""Simulation: a network on its own, block after block, recording as it goes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.progress import Progress

from ranvier.errors import DimensionError, NonFiniteError
from ranvier.kernels.cpu import Spikes
from ranvier.network._checks import check_record, check_state, describe_non_finite
from ranvier.network._drives import drawn_inside, drives
from ranvier.network._plan import Plan
from ranvier.network._run import PopulationRecord, Run, SpikeTrain
from ranvier.network._runner import Runner
from ranvier.network._shapes import known_shape
from ranvier.network._state import State
from ranvier.units import UNITS, as_quantity

if TYPE_CHECKING:
    from ranvier.network._network import Network

__all__ = ["simulate", "steps_in"]

#: a block holds at most this many numbers per dense stream; where spikes are only listed, this many cells times steps
_BLOCK, _LISTED = 4_000_000, 128_000_000


def steps_in(duration: Any, dt: float, what: str) -> int:
    """round(duration/dt), for a time of 0 or more."""
    quantity = as_quantity(duration)
    if quantity.dimension != UNITS["ms"].dimension:
        raise DimensionError(
            f"{what}={duration!r} has dimension {quantity.dimension}; give a time, for example 1*second."
        )
    value = float(quantity.value)
    if not 0 <= value < float("inf"):
        raise DimensionError(f"{what}={duration!r} must be a finite time of 0 or more.")
    return round(value / dt)


def simulate(
    net: Network, duration: Any, state: State | None, record: Mapping[str, Sequence[str]], every: Any, progress: bool
) -> Run:
    """Run ``net`` for ``duration``; see :meth:`Network.run`."""
    steps = steps_in(duration, net.dt, "duration")
    stride = 1 if every is None else steps_in(every, net.dt, "every")
    if stride < 1:
        raise DimensionError(
            f"every={every!r} is shorter than half a step of {net.dt} ms; give a longer recording interval."
        )
    check_record(net, record)
    if state is None:
        state = net.initial_state(1, stream=0)
    else:
        check_state(net, state, 1)
    record = {n: tuple(v) for n, v in record.items()}
    largest = max([*(p.shape[0] for p in net.populations.values() if p.shape), 1])
    plan = net.plan(batch=1)
    budget = _LISTED if _only_lists(net, plan, record) else _BLOCK
    block = max(stride, min(max(budget // largest, 64), 10_000) // stride * stride)
    if any(n in net.projections for n in record):
        block = stride  # weights are known at the end of a block
    first, start = state.step, time.perf_counter()
    recorder = _Recorder(net, record, stride, first)
    with torch.no_grad(), Progress(disable=not progress, transient=True) as bar:
        runner = Runner(net, plan, record, cut_reset=False, every=stride, lists=True)
        inside, depths = drawn_inside(net, runner.drives), net.depths()
        task = bar.add_task("simulating", total=steps)
        done = 0
        while done < steps:
            count = min(block - (state.step % stride if done == 0 else 0) or block, steps - done)
            inputs = {}
            for n, source in net.sources.items():
                kept = min(count, depths.get(n, 0)) if n in inside else count  # of others the last steps suffice
                inputs[n] = source.block(state.step + count - kept, kept, net)
            recorded, after = runner.run(inputs, count, state)
            recorder.take(recorded, runner.spikes, state.step, count)
            trouble = describe_non_finite(net, after)
            if trouble:
                raise NonFiniteError(trouble)
            state = after
            done += count
            bar.update(task, completed=done)
    seconds = time.perf_counter() - start
    return Run(recorder.records(steps), state, steps * net.dt, seconds, plan)


def _only_lists(net: Network, plan: Plan, record: Mapping[str, Sequence[str]]) -> bool:
    """Whether nothing is as large as steps times cells: compiled loops alone, without noise, and spikes recorded."""
    looped = {n for part in plan.loops for n in part}
    inside = drawn_inside(net, drives(net, plan))
    quiet = not any(p.cell.system.noises for p in net.populations.values())
    spikes = all(v in ("spikes", "spike") for names in record.values() for v in names)
    return quiet and spikes and looped | inside == set(net.nodes)


class _Recorder:
    """Collects blocks into arrays."""

    def __init__(self, net: Network, record: Mapping[str, tuple[str, ...]], stride: int, first: int) -> None:
        self.net, self.record, self.stride, self.first = net, record, stride, first
        self.spikes: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {
            n: [] for n, v in record.items() if {"spikes", "spike"} & set(v)
        }
        self.variables: dict[tuple[str, str], list[np.ndarray]] = {}
        self.sampled: list[np.ndarray] = []

    def take(
        self, recorded: Mapping[tuple[str, str], torch.Tensor], spikes: Mapping[str, Spikes], start: int, count: int
    ) -> None:
        """Keep what a block recorded; samples are taken after every ``stride``-th step."""
        due = (np.arange(start, start + count) + 1) % self.stride == 0
        self.sampled.append((np.arange(start, start + count) + 1)[due])
        for n in self.spikes:
            if n in spikes:
                found = spikes[n]
                step = np.repeat(np.arange(start, start + count), found.bounds.diff().numpy())
                self.spikes[n].append((step, found.cell.numpy().astype(np.int64)))
            else:
                key = next(k for k in recorded if k[0] == n and k[1] in ("spikes", "spike"))
                step, cell = np.nonzero(recorded[key][:, 0].flatten(1).numpy())
                self.spikes[n].append((step + start, cell))
        for n, variables in self.record.items():
            for v in variables:
                if v in ("spikes", "spike"):
                    continue
                x = recorded[n, v][:, 0].numpy()
                self.variables.setdefault((n, v), []).append(x if len(x) != count or self.stride == 1 else x[due])

    def records(self, steps: int) -> dict[str, PopulationRecord]:
        """Everything recorded, by population."""
        times = np.concatenate([*self.sampled, np.empty(0)]) * self.net.dt
        out = {}
        for n, names in self.record.items():
            train = None
            if n in self.spikes and n in self.net.populations:
                size = int(np.prod(known_shape(self.net, n)))
                pairs = self.spikes[n]
                step = np.concatenate([*(s for s, _ in pairs), np.empty(0, np.int64)])
                cell = np.concatenate([*(c for _, c in pairs), np.empty(0, np.int64)])
                train = SpikeTrain(step, cell, self.net.dt, size, self.first, steps)
            values = {v: np.concatenate(self.variables[n, v]) for v in names if (n, v) in self.variables}
            if not self.sampled:  # no step was taken
                values = {v: np.empty((0, *known_shape(self.net, n))) for v in names if v not in ("spikes", "spike")}
            out[n] = PopulationRecord(train, values, times)
        return out
