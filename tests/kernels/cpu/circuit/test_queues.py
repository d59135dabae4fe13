"""Arrivals that wait in queues: the same bits as in rings, however long a turn is, and however little room there is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import ranvier as rv
from ranvier.kernels.cpu.circuit.queues import Queue, queues_of
from ranvier.kernels.cpu.circuit.rows import rows_of
from ranvier.kernels.cpu.circuit.team import Team
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.tasks import Circuit, CircuitPopulation, CircuitProjection, CircuitResult, pattern
from ranvier.units import ms
from tests.kernels.cpu.circuit.test_run import WIDE, Pair
from tests.kernels.providers.tuned import tuned

#: rings everywhere, and queues wherever a turn is shorter than the longest latency
RINGS = Tuning(shared_ring=1 << 60, own_ring=1 << 60)
QUEUES = Tuning(shared_ring=0, own_ring=0, turn_synapses=0, least_turns=1)
LONGEST = 40


def circuit(weights: str, seed: int = 0) -> Pair:
    """Four projections onto two streams; ``weights``: "own", "alike" (one for each projection) or "mixed"."""
    made = Pair((70, 25), 4, "each", LONGEST, seed, recorded=("v",))
    for k, wire in enumerate(made.wires):
        if weights == "alike" or (weights == "mixed" and k % 2):
            made.wires[k] = replace(wire, weight=torch.full((1,), 0.013 + 0.01 * k, dtype=WIDE))
    return made


def used(made: Pair, tuning: Tuning, threads: int = 1) -> dict[tuple[str, str], Queue]:
    populations = [
        CircuitPopulation(n, made.step, size, {}, {}, {}, torch.zeros(0, size)) for n, size in made.sizes.items()
    ]
    rings = {"a": {"x": LONGEST}, "b": {"kick_g": LONGEST}}
    return queues_of(Circuit(populations, made.wires, 0, 1, WIDE), rings, Team(threads), tuning)


def assert_same(a: CircuitResult, b: CircuitResult) -> None:
    for n in "ab":
        assert a.spikes[n].cell.numel() > 100
        assert torch.equal(a.spikes[n].cell, b.spikes[n].cell)
        assert torch.equal(a.spikes[n].bounds, b.spikes[n].bounds)
        assert torch.equal(a.recorded[n]["v"], b.recorded[n]["v"])
        assert all(torch.equal(value, b.states[n][name]) for name, value in a.states[n].items())


@pytest.mark.parametrize("weights", ["own", "alike", "mixed"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("span", [1, 4, 16])
def test_queues_change_no_bit(weights: str, threads: int, span: int) -> None:
    made = circuit(weights)
    outside = made.drive(60)
    tuning = replace(QUEUES, turn_ring=span * 72 * 8)
    assert {q.span for q in used(made, tuning).values()} >= {span}
    assert all(q.alike == (weights == "alike") for q in used(made, tuning).values())
    for first in (0, 7, 1000):  # a call begins anywhere in a turn, also before the history of 40 steps is over
        plain = made.compiled(first, 60, outside, threads=1, tuning=RINGS)
        assert_same(made.compiled(first, 60, outside, threads=threads, tuning=tuning), plain)


@pytest.mark.parametrize("weights", ["own", "alike"])
@pytest.mark.parametrize("span", [1, 4])
def test_a_full_queue_goes_on_in_the_ring(weights: str, span: int) -> None:
    """There is room for one part of a row; all else is added to the rings at once."""
    made = circuit(weights, 1)
    outside = made.drive(60)
    tuning = replace(QUEUES, turn_ring=span * 72 * 8, queue_events=0)
    plain = made.compiled(13, 60, outside, tuning=RINGS)
    assert_same(made.compiled(13, 60, outside, tuning=tuning), plain)


def test_the_rule_holds_with_queues() -> None:
    made = circuit("own", 2)
    outside = made.drive(60)
    result = made.compiled(5, 60, outside, tuning=replace(QUEUES, turn_ring=4 * 72 * 8))
    spikes, states, _ = made.slow(60, outside)
    for n, size in made.sizes.items():
        assert torch.equal(result.spikes[n].dense(size, WIDE), spikes[n])
        torch.testing.assert_close(result.states[n]["v"], states[n]["v"], rtol=1e-11, atol=1e-11)


def network(provider: str, storage: rv.Storage | None = None, alike: bool = False) -> rv.Network:
    cell = rv.Cell("v' = 0.9*v + x + 0.12 : 1\nx : 1 (input)", threshold="v > 1", reset="v = 0")
    net = rv.Network(dt=0.1 * ms, seed=4, provider=provider)
    net.population("a", 300, cell, v=rv.Uniform(0, 1.2))
    weight = 0.001 if alike else rv.Uniform(-0.02, 0.02)
    given = {} if storage is None else {"storage": storage}
    net.connect("a", "a", rv.FixedProbability(0.1), weight=weight, delay=rv.Uniform(0 * ms, 6 * ms), **given)
    return net


@pytest.mark.parametrize(("stored", "events"), [(False, 8), (False, 0), (True, 8)])
def test_cuts_and_stored_weights_change_no_bit(stored: bool, events: int) -> None:
    """The circuit stays open from call to call; with room for few events, queues of a call are full when it ends."""
    storage = rv.storages.Int8() if stored else None

    def outcome(tuning: Tuning, *durations: float) -> list[torch.Tensor]:
        with tuned(tuning) as provider:
            net, state, cells = network(provider, storage), None, []
            for d in durations:
                run = net.run(d * ms, state, stream=0, record={"a": ["spikes"]})
                state, cells = run.state, [*cells, torch.from_numpy(run["a"].spikes.cell)]
        assert state is not None
        assert sum(len(c) for c in cells) > 100
        return [torch.cat(cells), state.variables["a"]["v"], state.history["a"]]

    plain = outcome(RINGS, 40)
    for durations in ((40,), (0.1, 2.3, 30, 7.6)):
        found = outcome(replace(QUEUES, turn_ring=8 * 304 * 4, queue_events=events), *durations)
        assert all(torch.equal(a, b) for a, b in zip(plain, found, strict=True))


@pytest.mark.parametrize(
    ("cells", "mean", "longest", "own", "threads", "expected"),
    [(4_000, 80, 200, False, 1, (16, True)), (4_000, 80, 200, True, 1, (16, False)), (4_000, 80, 20, False, 1, None), (400, 80, 200, False, 1, None),
     (4_000, 80, 150, True, 1, None), (40_000, 4, 2_000, False, 1, None), (40_000, 80, 200, False, 1, (4, True)), (40_000, 800, 60, True, 2, (2, False))],
)  # fmt: skip
def test_rings_that_leave_the_cache_give_way_where_a_spike_brings_enough(
    cells: int, mean: int, longest: int, own: bool, threads: int, expected: tuple[int, bool] | None
) -> None:
    rows = 10
    target = (torch.arange(rows * mean) * cells // mean) % cells
    latency = (torch.arange(rows * mean) % longest + 1).to(torch.int16)
    wires = pattern(torch.arange(rows).repeat_interleave(mean), target, (rows, cells))
    weight = torch.zeros(rows * mean if own else 1)
    population = CircuitPopulation("post", Pair((1, 1), 0, "one", 1, 0).step, cells, {}, {}, {}, torch.zeros(0, cells))
    task = Circuit([population], [CircuitProjection("pre", "post", "x", wires, weight, latency)], 0, 1, torch.float32)
    found = queues_of(task, {"post": {"x": longest}}, Team(threads), TUNING).get(("post", "x"))
    assert (None if found is None else (found.span, found.alike)) == expected


def test_rows_are_sorted_once_while_latencies_stay() -> None:
    made = circuit("own")
    outside = made.drive(5)
    rows = made.wires[0].pattern
    made.compiled(0, 5, outside, tuning=replace(QUEUES, turn_ring=4 * 72 * 8))
    (kept,) = rows_of(rows).by_latency
    made.compiled(5, 5, outside, tuning=replace(QUEUES, turn_ring=4 * 72 * 8))
    assert rows_of(rows).by_latency[0][1] is kept[1]
    made.wires[0].latency.clamp_(max=7)
    made.compiled(5, 5, outside, tuning=replace(QUEUES, turn_ring=4 * 72 * 8))
    assert len(rows_of(rows).by_latency) == 2
    assert rows_of(rows).by_latency[1][1] is not kept[1]


def test_one_weight_for_all_may_change_between_calls() -> None:
    def outcome(tuning: Tuning) -> list[torch.Tensor]:
        with tuned(tuning) as provider:
            net, found = network(provider, alike=True), []
            (projection,) = net.projections.values()
            state = None
            for _ in range(3):
                run = net.run(10 * ms, state, stream=0, record={"a": ["spikes"]})
                state, found = (
                    run.state,
                    [*found, torch.from_numpy(run["a"].spikes.cell), run.state.variables["a"]["v"]],
                )
                projection.chain[0].weight.mul_(-3)
        return found

    plain, found = outcome(RINGS), outcome(replace(QUEUES, turn_ring=8 * 304 * 4))
    assert all(torch.equal(a, b) for a, b in zip(plain, found, strict=True))
    assert not torch.equal(plain[1], plain[3])


def test_a_stepper_goes_on_with_what_waits_in_queues() -> None:
    with tuned(replace(QUEUES, turn_ring=8 * 304 * 4)) as provider:
        net = network(provider)
        run = net.run(12 * ms, stream=0, record={"a": ["spikes"]})
        stepper = net.stepper(net.initial_state(stream=0))
        cells = [torch.as_tensor(stepper(steps)["a"].cell).clone() for steps in (1, 1, 7, 30, 1, 50, 30)]
        assert len(run["a"].spikes) > 100
        assert torch.equal(torch.cat(cells), torch.from_numpy(run["a"].spikes.cell))
        assert torch.equal(stepper.state.variables["a"]["v"], run.state.variables["a"]["v"])
