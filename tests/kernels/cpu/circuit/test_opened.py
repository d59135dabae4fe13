"""A circuit stays open from call to call: what changes in between counts, and nothing that was returned changes."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.kernels.cpu import Circuits
from ranvier.kernels.cpu.circuit.opened import OpenCircuit
from ranvier.kernels.cpu.host.barrier import can_meet
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.kernels.tasks import Circuit, CircuitPopulation
from ranvier.network import State
from ranvier.units import Hz, ms, mV
from tests.kernels.cpu.circuit.test_run import Pair
from tests.kernels.providers.tuned import tuned

CELL = rv.Cell(
    "dv/dt = (E - v + g + s*xi*ms**0.5)/tau : mV (unless refractory)\ndg/dt = -g/(5*ms) : mV",
    threshold="v > -50*mV", reset="v = -60*mV", refractory=3 * ms, E=-49 * mV, s=0.5 * mV, tau=20 * ms,
)  # fmt: skip
RECORD = {"a": ["spikes", "v"], "b": ["spikes"]}
Change = Callable[[rv.Network], object]


def circuit(
    plastic: bool = False, cells: int = 90, provider: str | None = None, dtype: torch.dtype = torch.float32
) -> rv.Network:  # fmt: skip
    """Two populations with one latency and with many, one weight and many, and a source."""
    net = rv.Network(dt=0.1 * ms, seed=1, provider=provider, dtype=dtype)
    net.source("noise", rv.Poisson(400 * Hz, cells))
    net.population("a", cells, CELL, v=rv.Uniform(-60 * mV, -50 * mV))
    net.population("b", 41, CELL.with_values(E=-45 * mV), v=rv.Uniform(-60 * mV, -50 * mV))
    net.connect("noise", "a", rv.OneToOne(), to="g", weight=2 * mV)
    net.connect("a", ["a", "b"], rv.FixedProbability(0.2), to="g", weight=1 * mV, delay=0.5 * ms)
    weight = rv.Uniform(-2 * mV, 0 * mV)
    net.connect("b", "a", rv.FixedProbability(0.3), to="g", weight=weight, delay=rv.Uniform(0 * ms, 2 * ms))
    if plastic:
        rule = rv.plasticity.STDP(A_plus=0.1 * mV, A_minus=-0.12 * mV, w_max=1.0 * mV)
        net.connect("a", "b", rv.FixedProbability(0.2), to="g", weight=rv.Uniform(0 * mV, 1 * mV), plasticity=rule)
    return net


def outcome(net: rv.Network, state: State, duration: float = 20.0) -> list[torch.Tensor]:
    run = net.run(duration * ms, state, record=RECORD)
    trains = [torch.from_numpy(t) for n in RECORD for t in (run[n].spikes.step, run[n].spikes.cell)]
    assert all(len(t) for t in trains)
    return [*trains, torch.from_numpy(run["a"].v), *run.state.tensors().values()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def scaled(name: str) -> Change:
    return lambda net: net.state_dict()[name].mul_(0.9)


def turned(name: str) -> Change:
    """The same latencies for other synapses."""
    return lambda net: net.state_dict()[name].copy_(net.state_dict()[name].flip(0))


def replaced(net: rv.Network) -> None:
    for p in net.projections.values():
        p.transform.weight = torch.nn.Parameter(p.transform.weight.detach() * 0.8, requires_grad=False)


def changes() -> list[tuple[str, Change]]:
    held = circuit().state_dict()
    floats = [(n, scaled(n)) for n, t in held.items() if t.dtype.is_floating_point]
    return [*floats, *((n, turned(n)) for n in held if n.endswith("latency_table")), ("new weights", replaced)]


@pytest.mark.parametrize("plastic", [False, True])
def test_what_changes_between_calls_counts(plastic: bool) -> None:
    net = circuit(plastic)
    state = net.run(5 * ms, stream=3).state
    before = outcome(net, state)
    assert same(outcome(net, state), before)
    differ = 0
    for name, change in changes():
        change(net)
        now, twin = outcome(net, state), copy.deepcopy(net)
        assert same(now, outcome(twin, state)), name
        differ += not same(now, before)
        before = now
    assert differ > 6


def test_other_steps_records_states_and_streams() -> None:
    net, fresh = circuit(), circuit
    start = net.run(5 * ms, stream=3).state
    later, other = net.run(5 * ms, start).state, net.run(7 * ms, stream=9).state
    for state in (start, later, other, start):
        for duration in (3.0, 20.0, 3.0):
            assert same(outcome(net, state, duration), outcome(fresh(), state, duration))
        run, twin = (n.run(2 * ms, state, record={"b": ["g"]}) for n in (net, fresh()))
        assert (run["b"].g == twin["b"].g).all()


@pytest.mark.skipif(not can_meet(), reason="threads of this system cannot wait for one another")
def test_another_number_of_threads() -> None:
    before = torch.get_num_threads()
    try:
        with tuned(Tuning(idle=3, thread_cells=100, threaded_call=0, trials=0)) as provider:
            net = circuit(cells=700, provider=provider)
            state = net.run(5 * ms, stream=3).state
            found = []
            for count in (1, 3, 2, 3, 1):
                torch.set_num_threads(count)
                found.append(outcome(net, state))
    finally:
        torch.set_num_threads(before)
    assert all(same(one, found[0]) for one in found)


def test_results_outlive_the_calls_after_them() -> None:
    net = circuit(plastic=True)
    state = net.run(5 * ms, stream=3).state
    first = outcome(net, state)
    kept = [t.clone() for t in first]
    outcome(net, net.run(9 * ms, stream=5).state)
    assert same(first, kept)


def test_two_threads_may_run_one_network() -> None:
    net = circuit()
    states = [net.run(5 * ms, stream=k).state for k in range(2)]
    expected, found = [outcome(net, s) for s in states], [[], []]

    def work(k: int) -> None:
        found[k].extend(outcome(net, states[k]) for _ in range(10))

    workers = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(len(found[k]) == 10 and all(same(one, expected[k]) for one in found[k]) for k in range(2))


def opened(pair: Pair, runs: Circuits, steps: int, recorded: tuple[str, ...] = ()) -> list[OpenCircuit]:
    """Those that stay open after a call."""
    populations = [
        CircuitPopulation(n, pair.step, size, pair.states[n], pair.coefficients[n], {}, pair.history[n], recorded)
        for n, size in pair.sizes.items()
    ]
    runs(Circuit(populations, pair.wires, 0, steps, torch.float64))
    return [*runs.kept]


def test_a_circuit_stays_open_while_its_parts_are_the_same() -> None:
    pair, runs = Pair((30, 20), 4, "each", 5, 0), Circuits()
    (first,) = opened(pair, runs, 20)
    assert opened(pair, runs, 20) == opened(pair, runs, 3) == [first]
    assert opened(pair, runs, 3, ("v",)) != [first]


def test_large_circuits_are_not_kept() -> None:
    assert not opened(Pair((30, 20), 4, "each", 5, 0), Circuits(Tuning(kept_bytes=1000)), 20)


def test_delays_that_round_to_the_shortest_arrive_once() -> None:
    """A table of latencies of one step each: what is in flight when a call ends arrives in the next, once."""
    net = rv.Network(dt=1 * ms, seed=4, dtype=torch.float64)
    net.population(
        "cells",
        6,
        rv.Cell("dv/dt = (g - v)/tau : 1\ndg/dt = -g/tau : 1", threshold="v > 1", reset="v = 0", tau=5 * ms),
        v=rv.Uniform(0.5, 2),
        g=3.0,
    )
    delay = rv.Learn(rv.Uniform(0 * ms, 0.4 * ms), max=5 * ms)
    net.connect("cells", "cells", rv.FixedProbability(0.7), to="g", weight=0.5, delay=delay)
    net = rv.rounded_delays(net)
    whole = net.run(40 * ms, net.initial_state(stream=1)).state
    state = net.initial_state(stream=1)
    for steps in (1, 3, 1, 5, 30):
        state = net.run(steps * ms, state).state
    assert all(torch.equal(state.tensors()[n], t) for n, t in whole.tensors().items())
    assert float(whole.variables["cells"]["g"].min()) > 1
