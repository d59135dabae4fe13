"""Circuits of several samples: their cells lie one behind the other, so that one call advances all of them.

Each sample takes whole vectors. Its synapses are those of every sample, so a spike goes to the targets of its own; nothing passes
between samples, and each has the bits of a run by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ranvier.kernels.cpu.circuit.team import whole_vectors
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.tasks import Circuit, CircuitPopulation, CircuitResult, Spikes

__all__ = ["FlatPopulation", "flat", "joined_samples", "part_of", "parted", "pieces"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class FlatPopulation(CircuitPopulation):
    """A population whose ``cells`` are those of several samples: of ``apart`` numbers from one to the next the first ``held`` are cells."""

    held: int = 0
    apart: int = 0


def flat(task: Circuit) -> Circuit:
    """The circuit in which samples lie one behind the other."""
    samples = task.samples or 1
    return replace(task, populations=[_flat(p, samples, 64 // task.dtype.itemsize) for p in task.populations])


def parted(task: Circuit, result: CircuitResult) -> CircuitResult:
    """The result of a flat circuit, by sample, as of ``task``."""
    samples, width = task.samples or 1, 64 // task.dtype.itemsize
    spikes, states, recorded = {}, {}, {}
    for p in task.populations:
        n, cells, apart = p.name, p.cells, whole_vectors(p.cells, width)
        found = result.spikes[n]
        cell = found.cell if apart == cells else found.cell // apart * cells + found.cell % apart
        spikes[n] = Spikes(cell, found.bounds)
        states[n] = {k: t.view(samples, apart)[:, :cells] for k, t in result.states[n].items()}
        recorded[n] = {k: t.unflatten(1, (samples, apart))[:, :, :cells] for k, t in result.recorded[n].items()}
    return CircuitResult(spikes, states, recorded, [])


def pieces(task: Circuit, tuning: Tuning) -> list[tuple[int, int]]:
    """Samples [first, end) that are advanced together: as many as stay in the cache and within the bound of memory, and for every
    thread some where there is work for it."""
    samples, width = task.samples or 1, task.dtype.itemsize
    cells = sum(p.cells for p in task.populations)
    held = sum(p.cells * (len(p.states) + 1) for p in task.populations) * width
    size = {p.name: p.cells * width for p in task.populations}
    held += sum(q.longest * size[q.post] for q in task.projections if q.latencies is not None)
    given = sum(x.shape[0] * x.shape[2] * width for p in task.populations for x in p.outside.values())
    kept = sum(len(p.recorded) * p.cells for p in task.populations) * task.steps // task.every * width
    room = 4 * cells * task.steps + 2 * given + kept
    most = max(1, min(tuning.sample_bytes // max(held, 1), tuning.batch_bytes // max(room, 1)))
    work = cells * task.steps * samples
    count = max(-(-samples // most), min(torch.get_num_threads(), samples, work // tuning.thread_samples), 1)
    size = -(-samples // count)  # as many in each, but for the last, so that one set-up serves them
    return [(first, min(first + size, samples)) for first in range(0, samples, size)]


def part_of(task: Circuit, first: int, end: int) -> Circuit:
    """Some samples of a circuit."""
    populations = [
        replace(
            p, states={n: t[first:end] for n, t in p.states.items()}, history=p.history[:, first:end],
            outside={n: x[:, first:end] if x.shape[1] > 1 else x for n, x in p.outside.items()},
            coefficients={n: t[first:end] if t.ndim > 1 and len(t) > 1 else t for n, t in p.coefficients.items()},
        )
        for p in task.populations
    ]  # fmt: skip
    return replace(task, populations=populations, samples=end - first)


def joined_samples(task: Circuit, parts: Sequence[CircuitResult]) -> CircuitResult:
    """The results of parts of the samples, in order, as one."""
    if len(parts) == 1:
        return parts[0]
    spikes, states, recorded = {}, {}, {}
    for p in task.populations:
        n, lists, before = p.name, [], 0
        for part in parts:
            found = part.spikes[n]
            lists.append(Spikes(found.cell + before, found.bounds))
            before += p.cells * next(iter(part.states[n].values())).shape[0]
        spikes[n] = Spikes.merged(lists)
        states[n] = {k: torch.cat([part.states[n][k] for part in parts]) for k in parts[0].states[n]}
        recorded[n] = {k: torch.cat([part.recorded[n][k] for part in parts], 1) for k in parts[0].recorded[n]}
    return CircuitResult(spikes, states, recorded, [])


def _flat(p: CircuitPopulation, samples: int, width: int) -> FlatPopulation:
    """A population with the cells of all samples; spare numbers repeat the last cell, so that they stay finite."""
    apart = whole_vectors(p.cells, width)

    def spread(t: Tensor, spare: Tensor | float) -> Tensor:
        """[..., samples, cells] as [..., samples * apart]."""
        if apart == p.cells:
            return t.flatten(-2)
        out = t.new_empty(*t.shape[:-1], apart)
        out[..., : p.cells] = t
        out[..., p.cells :] = spare
        return out.flatten(-2)

    def cells(t: Tensor) -> Tensor:
        return spread(t, t[..., -1:])

    def outside(x: Tensor) -> Tensor:
        if x.shape[1:].numel() == 1:
            return x.flatten(1)
        return cells(x.expand(x.shape[0], samples, p.cells))

    def coefficient(t: Tensor) -> Tensor:
        return t if t.numel() == 1 else cells(t.expand(samples, p.cells))

    return FlatPopulation(
        p.name, p.step, samples * apart, {n: cells(t.expand(samples, p.cells)) for n, t in p.states.items()},
        {n: coefficient(t) for n, t in p.coefficients.items()}, {n: outside(x) for n, x in p.outside.items()},
        spread(p.history, 0.0), p.recorded, held=p.cells, apart=apart,
    )  # fmt: skip
