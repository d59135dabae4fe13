"""What a circuit has for one population: buffers that last from call to call, and the arguments of its section."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.kernels.cpu.circuit._drive import drive_names, noise_names
from ranvier.kernels.cpu.circuit.arguments import population_signature
from ranvier.kernels.cpu.circuit.fired import UNIT, fixed_counters
from ranvier.kernels.cpu.circuit.samples import FlatPopulation
from ranvier.kernels.cpu.circuit.shares import Shares
from ranvier.kernels.cpu.circuit.team import whole_vectors
from ranvier.kernels.cpu.draw.steps import limits_of
from ranvier.kernels.cpu.graded.emissions import SHOWN_SLOTS, Emissions
from ranvier.kernels.cpu.host.buffers import empty
from ranvier.kernels.tasks import Spikes

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.form import Member
    from ranvier.kernels.cpu.circuit.team import Team
    from ranvier.kernels.cpu.host.sections import Sections
    from ranvier.kernels.tasks import CircuitDrive, CircuitPopulation
    from ranvier.values import CountLaw

__all__ = ["Packed"]

Tensor = torch.Tensor
_NOTHING = Spikes(torch.zeros(0, dtype=torch.int32), torch.zeros(1, dtype=torch.int64))


class Packed:
    """Own buffers of one population in an opened circuit, which last from call to call, and what a call adds.

    ``cell`` and ``bounds`` are the spikes of the call, for every thread; ``past`` and ``past_bounds`` those before it, which lie
    elsewhere when ``moved`` has grown. ``rings`` and ``state`` are arrays for every thread. ``log`` and ``counts`` are what
    plastic synapses may know of each cell: its spikes, at most ``capacity``, and how many.
    """

    def __init__(
        self, p: CircuitPopulation, member: Member, key: Hashable, dtype: torch.dtype, team: Team, lengths: Mapping[str, int],
        block: int, slots: int, bins: Sequence[Tensor],
    ) -> None:  # fmt: skip
        """``lengths``: slots of each ring; ``block``: cells of one; ``slots``: of the ring of its emissions; ``bins``: for each
        thread room for the list of calls that empty the bins of a block."""
        self.cells, self.step, self.member, self.key, self.lengths = p.cells, p.step, member, key, lengths
        self._slots, self.dtype = slots, dtype
        self.width = 64 // dtype.itemsize
        self.padded = padded = whole_vectors(p.cells, self.width)
        self._exact = torch.float64 if p.step.exact else dtype
        ranges = team.ranges(padded, block, p.name)
        self.shares, units = Shares(ranges, padded), Shares(ranges, padded, UNIT)
        #: cells whose spikes each thread may list: those of all processes, where they share the population
        self._listed = [padded] if p.name in team.own else [high - low for low, high in ranges]
        self._fixed = fixed_counters(member)
        self._waits: dict[str, int] = {}
        kinds = {n: self._kept(n) for n in (*p.step.states, *p.step.counters)} | dict.fromkeys(self._fixed, torch.int32)
        self.state = {n: self.shares.room(kind) for n, kind in kinds.items()}
        self.rings = {
            stream: self.state[p.step.port_of(stream)] if stream in member.direct else self.shares.room(dtype, length)
            for stream, length in lengths.items()
        }
        self._pending = [ring for n, ring in self.rings.items() if n not in member.direct and lengths[n] > 1]
        alike = [n for n in p.step.coefficients if n not in member.varied]
        self._alike = alike, torch.zeros(len(alike), dtype=self._exact)
        self._varied = {n: torch.zeros(padded, dtype=self._exact) for n in member.varied}
        drawn = Shares([(low, high + UNIT if high == padded else high) for low, high in ranges], padded + UNIT)
        self._drives = [_Drive(padded, drawn.room(dtype), dtype) for _ in p.drives]
        self.lists, self.borders = (torch.zeros(team.threads, dtype=torch.int64) for _ in range(2))
        self.past, self.past_bounds, self.moved = (
            torch.zeros(0, dtype=torch.int32),
            torch.zeros(1, dtype=torch.int64),
            0,
        )
        self.cell: list[Tensor] = []
        self.bounds: list[Tensor] = []
        self.record: dict[str, Tensor] = {}
        self.capacity, self.emissions = 0, None
        self.shown: dict[str, Emissions] = {}
        self.log, self.counts = (torch.zeros(0, dtype=torch.int32) for _ in range(2))
        given: dict[str, Any] = {"cells": p.cells, "padded": padded, "block": block or padded}
        given |= {f"coefficient of {n}": self._alike[1][k : k + 1] for k, n in enumerate(alike)}
        given |= {f"coefficient of {n}": t for n, t in self._varied.items()}
        given |= {f"length of {stream}": length for stream, length in lengths.items()}
        self.apart = padded
        if isinstance(p, FlatPopulation):
            self.apart = p.apart
            given |= {"cells": p.held, "apart": p.apart}
        own: dict[str, Sequence[Any]] = {**self.shares.edges}
        own["first_block"] = [low // given["block"] for low, _ in ranges]
        own |= {"fired": units.room(torch.int64), "found": units.room(torch.int32), "bins": bins}
        own |= {f"state of {n}": self.state[n] for n in p.step.states}
        own |= {f"counter of {n}": self.state[n] for n in p.step.counters}
        own |= {f"free of {n}": units.room(torch.int64) for n in self._fixed}
        own |= {f"ring of {stream}": ring for stream, ring in self.rings.items()}
        own |= {drive_names(k)["drawn"]: d.drawn for k, d in enumerate(self._drives)}
        own |= {noise_names(n)["drawn"]: drawn.room(dtype) for n in member.noises}
        self._lasting: tuple[dict[str, Any], dict[str, Sequence[Any]]] | None = (given, own)

    def load(self, p: CircuitPopulation, sections: Sections, times: tuple[int, int, int], capacity: int) -> None:
        """Take the numbers of a call; ``times``: depth of the history, steps and samples; ``capacity``: spikes of each cell that
        its log can hold."""
        depth, steps, samples = times
        for n in (*p.step.states, *p.step.counters):
            self.shares.put(p.states[n], self.state[n])
        self._silence()
        given: dict[str, Any] = {}
        for n, coefficient in self._fixed.items():
            given[f"waiting of {n}"] = int(p.states[n].max())
            given[f"steps of {n}"] = self._waits[n] = int(p.coefficients[coefficient])
        names, alike = self._alike
        alike.numpy()[:] = [p.coefficients[n].item() for n in names]
        for n, t in self._varied.items():
            t[: p.cells] = p.coefficients[n].reshape(-1)
            t[p.cells :] = t[p.cells - 1]
        for stream, x in p.outside.items():
            given |= _outside(stream, x, p.cells, self.padded, self.width, self._kept(stream))
        self.record = {n: empty([samples, self.padded], self._kept(p.step.output_of(n))) for n in p.recorded}
        given |= {f"record of {n}": t for n, t in self.record.items()}
        most = steps if self.member.fires else 0
        self.cell = [empty([most * size + self.width], torch.int32) for size in self._listed]
        self.bounds = [torch.zeros(steps + 1, dtype=torch.int64) for _ in self.shares.ranges]
        self.lists.numpy()[:] = [t.data_ptr() for t in self.cell]
        self.borders.numpy()[:] = [t.data_ptr() for t in self.bounds]
        self._remember(p.fired_before(), depth)
        if p.emission is not None:
            self.emissions = Emissions(p.history, p.cells, self.padded, self._slots, depth, self.dtype)
            given |= self.emissions.given
        for n in self.member.shown:
            made = Emissions(p.states[n].unsqueeze(0), p.cells, self.padded, SHOWN_SLOTS, depth, self.dtype)
            self.shown[n] = made
            given |= {f"shown {n}": made.rows, "shown stride": made.stride}
        for k, (d, held) in enumerate(zip(p.drives, self._drives, strict=True)):
            names_of = drive_names(k)
            given |= {names_of[word]: value for word, value in held.given(d, steps).items()}
        for n, key in p.noises.items():
            names_of = noise_names(n)
            given |= {names_of[word]: value for word, value in zip(("key0", "key1", "draws"), key, strict=True)}
        self.capacity = capacity
        self.log = torch.empty(p.cells * capacity, dtype=torch.int32)
        self.counts = torch.zeros(p.cells if capacity else 0, dtype=torch.int32)
        self._tell(sections, given, {"spikes": self.cell, "bounds": self.bounds})

    def restart(self, past: Spikes | None, depth: int) -> None:
        """Begin again after the spikes ``past``, in the lists that there are; states are given apart."""
        self._silence()
        self._remember(_NOTHING if past is None else past, depth)

    def last(self, depth: int, end: int) -> Spikes:
        """The spikes of the last ``depth`` steps up to step ``end`` of the call, of one thread, in memory of their own."""
        (cell,), (bounds,) = self.cell, self.bounds
        own = bounds.numpy()[max(0, end - depth) : end + 1]
        now = Spikes(cell[own[0] : own[-1]], torch.from_numpy(own - own[0]))
        if end < depth:
            count = int(self.past_bounds[-1])
            now = Spikes(self.past[:count], self.past_bounds).last(depth - end).then(now)
        return now if end < depth else Spikes(now.cell.clone(), now.bounds)

    def wait_for(self, sections: Sections) -> dict[str, int]:
        """Look for cells that are free again during the longest wait of each counter, which is returned, whatever counters a call begins with."""
        waits = {n: self._waits[n] for n in self._fixed}
        sections.change(self.key, {f"waiting of {n}": steps for n, steps in waits.items()})
        return waits

    def _silence(self) -> None:
        """Let no arrivals wait in the rings."""
        for ring in self._pending:
            for t, (low, high) in zip(ring, self.shares.ranges, strict=True):
                t[..., low:high] = 0

    def _kept(self, name: str) -> torch.dtype:
        """The dtype of a state, a stream or an emission."""
        return self._exact if name in self.step.exact else self.dtype

    def _tell(self, sections: Sections, given: Mapping[str, Any], own: Mapping[str, Sequence[Any]]) -> None:
        """Put what a call adds into the section."""
        if self._lasting is None:
            sections.change(self.key, given, own)
            return
        lasting, each = self._lasting
        sections.fill(self.key, population_signature(self.member), {**lasting, **given}, {**each, **own})
        self._lasting = None

    def _remember(self, past: Spikes, depth: int) -> None:
        """Keep what fired in the ``depth`` steps before the call."""
        count, empty_steps = past.cell.numel(), depth + 1 - past.bounds.numel()
        if self.past_bounds.numel() != depth + 1 or self.past.numel() < count:
            self.past = torch.zeros(2 * count + UNIT, dtype=torch.int32)
            self.past_bounds = torch.zeros(depth + 1, dtype=torch.int64)
            self.moved += 1
        self.past[:count] = past.cell
        self.past_bounds[:empty_steps] = 0
        self.past_bounds[empty_steps:] = past.bounds

    @property
    def size(self) -> int:
        """Bytes of states and rings."""
        parts = [*self.state.values(), *(ring for n, ring in self.rings.items() if n not in self.member.direct)]
        return sum(t.nbytes for own in parts for t in own)

    def release(self, sections: Sections) -> None:
        """Let go of what belongs to a call: its results have it now."""
        names = [*(f"record of {n}" for n in self.record), *(f"outside of {n}" for n in self.member.outside)]
        sections.release(self.key, [*names, "spikes", "bounds"])
        self.cell, self.bounds, self.record = [], [], {}

    def lists_of_one(self) -> tuple[Tensor, np.ndarray]:
        """Spikes and bounds of the call, where there is one thread."""
        (cell,), (bounds,) = self.cell, self.bounds
        return cell, bounds.numpy()

    def states(self) -> dict[str, Tensor]:
        """States and counters of all cells, as tensors of their own."""
        return {n: self.shares.whole(parts, self.cells) for n, parts in self.state.items()}

    def spikes(self, steps: int) -> Spikes:
        """What fired in the first ``steps`` steps of the call: views of lists in which those of later steps follow."""
        found = zip(self.cell, self.bounds, strict=True)
        return Spikes.merged([Spikes(cell[: int(bounds[steps])], bounds[: steps + 1]) for cell, bounds in found])


class _Drive:
    """The arguments of a drive: its weights [cells or 1], what was emitted before the call, and the row that it fills; all last."""

    def __init__(self, padded: int, drawn: list[Tensor], dtype: torch.dtype) -> None:
        self.drawn, self._weight = drawn, torch.zeros(padded + UNIT, dtype=dtype)
        self._before = torch.zeros(0, padded + UNIT, dtype=dtype)
        self._law: CountLaw | None = None
        self._limits: dict[str, Any] = {}

    def given(self, d: CircuitDrive, steps: int) -> dict[str, Any]:
        """Those of a call of so many steps."""
        early = d.before[:steps]
        if len(self._before) < len(early):
            self._before = torch.zeros(len(early), self._before.shape[1], dtype=self._before.dtype)
        self._before[: len(early), : early.shape[1]] = early
        single = d.weight.numel() == 1
        self._weight[: UNIT if single else d.weight.numel()] = d.weight
        if self._law is not d.law:
            self._law, self._limits = d.law, limits_of(d.law)
        given = {"weight": self._weight, **self._limits, "before": self._before.view(-1), "row": self._before.shape[1]}
        given |= {"latency": d.latency, "per_cell": int(not single)}
        return given | dict(zip(("key0", "key1", "draws"), d.key, strict=True))


def _outside(
    stream: str, x: Tensor, cells: int, padded: int, width: int, dtype: torch.dtype
) -> dict[str, Tensor | int]:
    """A stream that is given for all steps: a row for each step or one for all, a number for each cell or one for all."""
    if x.shape[1] == padded:
        wide, lane = x.to(dtype).contiguous(), 1
    elif x.shape[1] == 1:
        wide, lane = x.to(dtype).expand(-1, width).contiguous(), 0
    else:
        wide, lane = torch.zeros(x.shape[0], padded, dtype=dtype), 1
        wide[:, :cells] = x
    row = wide.shape[1] if x.shape[0] > 1 else 0
    return {f"outside of {stream}": wide, f"row of {stream}": row, f"lane of {stream}": lane}
