"""The compiled circuit of a circuit, against a few lines of torch that state the same rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.kernels import eager
from ranvier.kernels.cpu import run_circuit
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.tasks import Circuit, CircuitPopulation, CircuitProjection, Spikes, pattern
from ranvier.network import Population
from ranvier.units import Quantity, ms

Tensor = torch.Tensor
WIDE = torch.float64
CELL = rv.Cell(
    "v' = 0.9*v + x : 1 (unless refractory)\ng' = 0.8*g : 1\nx : 1 (input)",
    threshold="v + g > 1",
    reset="v = 0",
    refractory=2 * ms,
)


class Pair:
    """Two populations of ``sizes``; projections (pre, post, stream) with random synapses, weights and latencies."""

    WIRES = (("a", "b", "kick_g"), ("b", "a", "x"), ("a", "a", "x"), ("b", "b", "kick_g"))

    def __init__(
        self,
        sizes: tuple[int, int],
        wires: int,
        latencies: str,
        longest: int,
        seed: int,
        recorded: tuple[str, ...] = (),
    ) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.sizes = dict(zip("ab", sizes, strict=True))
        self.population = {n: Population(n, CELL, (size,)) for n, size in self.sizes.items()}
        self.step = self.population["a"].step(("g",))
        self.depth, self.recorded = longest, recorded
        self.wires = [self._wire(*self.WIRES[k], latencies, longest) for k in range(wires)]
        self.history = {n: (self.rand(longest, size) < 0.2).to(WIDE) for n, size in self.sizes.items()}
        self.states = {
            n: {"v": self.rand(s), "g": self.rand(s), "refractory_left": torch.zeros(s, dtype=WIDE)}
            for n, s in self.sizes.items()
        }
        self.coefficients = {n: eager.coefficients(self.step, p.values(), 1.0) for n, p in self.population.items()}

    def rand(self, *size: int) -> Tensor:
        return torch.rand(size, generator=self.generator, dtype=WIDE)

    def _wire(self, pre: str, post: str, stream: str, latencies: str, longest: int) -> CircuitProjection:
        n, m = self.sizes[pre], self.sizes[post]
        source, target = torch.nonzero(self.rand(n, m) < 0.4, as_tuple=True)
        weight = self.rand(len(source)) - 0.3 if latencies != "shared" else torch.full((1,), 0.25, dtype=WIDE)
        latency: Tensor | int = 1 + int(self.rand(1) * longest)
        if latencies == "each":
            latency = (1 + self.rand(len(source)) * longest).to(torch.int32).clamp(max=longest)
        return CircuitProjection(pre, post, stream, pattern(source, target, (n, m)), weight, latency)

    def compiled(
        self, first: int, steps: int, outside: dict[str, Tensor], every: int = 1, threads: int | None = None,
        tuning: Tuning = TUNING,
    ):  # fmt: skip
        populations = [
            CircuitPopulation(
                n,
                self.step,
                size,
                self.states[n],
                self.coefficients[n],
                {"x": outside[n]},
                self.history[n],
                self.recorded,
            )
            for n, size in self.sizes.items()
        ]
        return run_circuit(Circuit(populations, self.wires, first, steps, WIDE, every), threads, tuning)

    def slow(
        self, steps: int, outside: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]], dict[str, list]]:
        """Arrive from the record of all spikes, then one step of the reference; returns spikes, states and traces."""
        function = eager.step_function(self.step.program, self.step.surrogate)
        fired, states = dict(self.history), {n: dict(s) for n, s in self.states.items()}
        traces: dict[str, list] = {n: [] for n in self.sizes}
        for t in range(steps):
            new = {}
            for n, size in self.sizes.items():
                streams = {"x": outside[n][t].clone().expand(size).clone(), "kick_g": torch.zeros(size, dtype=WIDE)}
                for w in self.wires:
                    if w.post == n:
                        streams[w.stream] = streams[w.stream] + self._arriving(w, fired[w.pre])
                values = {k: v.to(WIDE) for k, v in self.coefficients[n].items()}
                out = function({**values, **states[n], **streams}, torch.zeros((), dtype=WIDE))
                states[n] = {k: torch.as_tensor(out[k], dtype=WIDE).expand(size) for k in states[n]}
                traces[n].append(states[n])
                new[n] = out["spike"]
            fired = {n: torch.cat([x, new[n].unsqueeze(0)]) for n, x in fired.items()}
        return {n: x[self.depth :] for n, x in fired.items()}, states, traces

    def _arriving(self, w: CircuitProjection, fired: Tensor) -> Tensor:
        pointer = w.pattern.row_pointer
        source = torch.repeat_interleave(torch.arange(len(pointer) - 1), pointer.diff())
        latency = torch.as_tensor(w.latency).expand(len(source)).long()
        spikes = fired[len(fired) - latency, source]
        return torch.zeros(w.pattern.columns, dtype=WIDE).index_add(
            0, w.pattern.target.long(), spikes * w.weight.expand(len(source))
        )

    def drive(self, steps: int, narrow: bool = False) -> dict[str, Tensor]:
        return {n: 0.6 * self.rand(steps, 1 if narrow else size) for n, size in self.sizes.items()}


@settings(max_examples=25)
@given(
    sizes=st.tuples(st.integers(1, 35), st.integers(1, 35)), wires=st.integers(0, 4), latencies=st.sampled_from(["shared", "one", "each"]),
    longest=st.integers(1, 9), steps=st.integers(0, 40), first=st.sampled_from([0, 1, 7, 1000]), narrow=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_it_equals_the_rule(
    sizes: tuple[int, int], wires: int, latencies: str, longest: int, steps: int, first: int, narrow: bool, seed: int
) -> None:
    circuit = Pair(sizes, wires, latencies, longest, seed)
    outside = circuit.drive(steps, narrow)
    result, (spikes, states, _) = circuit.compiled(first, steps, outside), circuit.slow(steps, outside)
    for n, size in circuit.sizes.items():
        assert torch.equal(result.spikes[n].dense(size, WIDE), spikes[n])
        for name, value in result.states[n].items():
            torch.testing.assert_close(value, states[n][name], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("latencies", ["shared", "each"])
def test_the_random_circuit_fires(latencies: str) -> None:
    circuit = Pair((20, 20), 4, latencies, 5, 0)
    result = circuit.compiled(0, 50, circuit.drive(50))
    assert all(50 < len(result.spikes[n].cell) < 900 for n in "ab")


@settings(max_examples=15)
@given(first=st.integers(0, 12), steps=st.integers(0, 25), every=st.integers(1, 11))
def test_samples_follow_the_steps_counted_from_zero(first: int, steps: int, every: int) -> None:
    circuit = Pair((9, 3), 4, "each", 3, 0, recorded=("v",))
    outside = circuit.drive(steps)
    recorded = circuit.compiled(first, steps, outside, every).recorded["a"]["v"]
    traces = [s["v"] for k, s in enumerate(circuit.slow(steps, outside)[2]["a"]) if (first + k + 1) % every == 0]
    assert recorded.shape == (len(traces), 9)
    if traces:
        torch.testing.assert_close(recorded, torch.stack(traces), rtol=1e-11, atol=1e-11)


def test_what_it_is_given_is_left_alone() -> None:
    circuit = Pair((9, 17), 4, "each", 4, 1)
    outside = circuit.drive(12)
    before = [t.clone() for n in "ab" for t in (*circuit.states[n].values(), circuit.history[n], outside[n])]
    circuit.compiled(3, 12, outside)
    after = [t for n in "ab" for t in (*circuit.states[n].values(), circuit.history[n], outside[n])]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_synapses_without_any_and_cells_without_synapses() -> None:
    circuit = Pair((5, 6), 1, "each", 2, 0)
    empty = torch.zeros(0, dtype=torch.int64)
    nothing = CircuitProjection(
        "b", "a", "x", pattern(empty, empty, (6, 5)), torch.zeros(0, dtype=WIDE), empty.to(torch.int32)
    )
    circuit.wires = [nothing]
    outside = circuit.drive(10)
    result, (spikes, *_) = circuit.compiled(0, 10, outside), circuit.slow(10, outside)
    assert all(torch.equal(result.spikes[n].dense(s, WIDE), spikes[n]) for n, s in circuit.sizes.items())


class TestSpikes:
    @pytest.fixture
    def spikes(self) -> Spikes:
        return Spikes(torch.tensor([2, 0, 1, 3], dtype=torch.int32), torch.tensor([0, 1, 1, 3, 4]))

    def test_dense(self, spikes: Spikes) -> None:
        assert spikes.dense(4, torch.float32).tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]]

    @pytest.mark.parametrize("steps", [0, 1, 2, 4, 9])
    def test_last(self, spikes: Spikes, steps: int) -> None:
        whole = spikes.dense(4, torch.float32)
        assert torch.equal(spikes.last(steps).dense(4, torch.float32), whole[max(0, 4 - steps) :])

    def test_none(self) -> None:
        none = Spikes(torch.zeros(0, dtype=torch.int32), torch.zeros(4, dtype=torch.int64))
        assert not none.dense(3, torch.float64).any()
        assert none.last(2).dense(3, torch.float64).shape == (2, 3)


def test_a_cell_of_every_kind_can_be_in_a_circuit(ready: dict[str, Callable[..., rv.Cell]]) -> None:
    """Each ready cell in a circuit with itself: as many spikes as by the windows of the executor."""
    for name, make in ready.items():
        cell = make()
        if cell.emit != "spike":
            continue
        port = cell.ports[0]
        unit = Quantity(1.0, cell.system.dimensions[port])
        spikes = []
        for provider in ("cpu", "reference"):
            net = rv.Network(dt=0.05 * ms, dtype=WIDE, provider=provider)
            net.source("drive", rv.SpikeTrains(list(range(0, 60, 3)), [0] * 20, 5))
            net.population("cells", 5, cell)
            net.connect("drive", "cells", rv.AllToAll(), to=port, weight=3 * unit)
            net.connect("cells", "cells", rv.AllToAll(), to=port, weight=0.1 * unit, delay=rv.Uniform(0 * ms, 0.2 * ms))
            record = net.run(3 * ms, stream=0, record={"cells": ["spikes", cell.system.states[0]]})["cells"]
            spikes.append((record.spikes.step.tolist(), torch.from_numpy(getattr(record, cell.system.states[0]))))
        assert spikes[0][0] == spikes[1][0], name
        torch.testing.assert_close(spikes[0][1], spikes[1][1], rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("latencies", ["shared", "one", "each"])
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_change_no_bit(latencies: str, threads: int) -> None:
    """Ranges of cells are shared out, more threads than vectors among them; rows are cut between the ranges."""
    circuit = Pair((70, 25), 4, latencies, 6, 3, recorded=("v",))
    outside = circuit.drive(60)
    alone, team = (circuit.compiled(5, 60, outside, threads=k) for k in (1, threads))
    for n in "ab":
        assert alone.spikes[n].cell.numel() > 100
        assert torch.equal(alone.spikes[n].cell, team.spikes[n].cell)
        assert torch.equal(alone.spikes[n].bounds, team.spikes[n].bounds)
        assert torch.equal(alone.recorded[n]["v"], team.recorded[n]["v"])
        assert all(torch.equal(value, team.states[n][name]) for name, value in alone.states[n].items())


def test_rows_that_do_not_ascend_run_on_one_thread() -> None:
    circuit = Pair((20, 20), 1, "one", 2, 0)
    wire = circuit.wires[0]
    falling = pattern(torch.tensor([0, 0]), torch.tensor([19, 3]), (20, 20))
    circuit.wires = [CircuitProjection(wire.pre, wire.post, wire.stream, falling, torch.ones(2, dtype=WIDE), 1)]
    outside = circuit.drive(30)
    result, (spikes, *_) = circuit.compiled(0, 30, outside, threads=2), circuit.slow(30, outside)
    assert all(torch.equal(result.spikes[n].dense(20, WIDE), spikes[n]) for n in "ab")
