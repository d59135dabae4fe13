"""A circuit that is advanced some steps at a time gives the spikes and states of ``net.run``, and follows every change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import NonFiniteError
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.network import State
from ranvier.network.run.bound_circuit import bind_circuit
from ranvier.units import Hz, ms, mV
from tests.kernels.cpu.circuit.test_opened import CELL, Change, changes, circuit
from tests.kernels.providers.tuned import tuned
from tests.network.pieces import diverging, equal_states

NAMES = ("a", "b")
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def bound(net: rv.Network, state: State) -> bool:
    """Whether the network is set up once."""
    return bind_circuit(net.graph, net.plan(steps=1, batch=1), state) is not None


def fired(stepper: rv.SimulationStepper, counts: list[int]) -> dict[str, list[tuple[int, int]]]:
    """(step, cell) of all spikes in calls of so many steps."""
    out: dict[str, list[tuple[int, int]]] = {n: [] for n in NAMES}
    kept, done = [], 0
    for count in counts:
        kept.append((done, stepper(count)))
        done += count
    for first, found in kept:  # what was returned stays
        assert {*found} == {*NAMES}
        for n in NAMES:
            bounds = found[n].bounds.tolist()
            for k in range(len(bounds) - 1):
                out[n] += [(first + k, int(c)) for c in found[n].cell[bounds[k] : bounds[k + 1]]]
    return out


def run(net: rv.Network, state: State, steps: int) -> tuple[dict[str, list[tuple[int, int]]], State]:
    done = net.run(steps * 0.1 * ms, state, record={n: ["spikes"] for n in NAMES})
    trains = {n: done[n].spikes for n in NAMES}
    return {
        n: list(zip((t.step - state.step).tolist(), t.cell.tolist(), strict=True)) for n, t in trains.items()
    }, done.state


@DTYPES
@pytest.mark.parametrize("counts", [[1] * 60, [7, 1, 30, 1, 1, 200], [3000, 1000, 1500, 1, 1]])
def test_it_equals_a_run(dtype: torch.dtype, counts: list[int]) -> None:
    net = circuit(dtype=dtype)
    state = net.run(5 * ms, stream=3).state
    assert bound(net, state)
    stepper = net.stepper(state)
    spikes, after = run(net, state, sum(counts))
    assert fired(stepper, counts) == spikes
    assert sum(map(len, spikes.values())) > 20
    assert equal_states(stepper.state, after)


def test_it_equals_a_run_where_spikes_wait_in_queues() -> None:
    with tuned(Tuning(shared_ring=0, own_ring=0, turn_synapses=0, turn_ring=4 * 96 * 4)) as provider:
        net = circuit(provider=provider)
        state = net.run(5 * ms, stream=3).state
        assert bound(net, state)
        stepper, counts = net.stepper(state), [1, 2, 30, 1, 300, 1, 1]
        spikes, after = run(net, state, sum(counts))
        assert fired(stepper, counts) == spikes
        assert equal_states(stepper.state, after)


def test_its_state_can_be_read_and_set_at_any_time() -> None:
    net = circuit()
    state = net.run(5 * ms, stream=3).state
    stepper = net.stepper(state)
    for count in (1, 2, 1, 30, 1):
        stepper(count)
        _, state = run(net, state, count)
        assert equal_states(stepper.state, state)
    later = net.run(3 * ms, stream=8).state
    stepper.reset(later)
    assert fired(stepper, [1] * 40) == run(net, later, 40)[0]


@pytest.mark.parametrize(("name", "change"), changes(), ids=[n for n, _ in changes()])
def test_what_changes_between_steps_counts(name: str, change: Change) -> None:
    net = circuit()
    state = net.run(5 * ms, stream=3).state
    stepper = net.stepper(state)
    stepper(2)
    stepper(3)
    _, state = run(net, state, 5)
    change(net)
    spikes, after = run(net, state, 120)
    assert fired(stepper, [1, 1, 118]) == spikes
    assert equal_states(stepper.state, after)


def test_a_source_that_changes_counts() -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    rate = rv.Poisson(np.full(90, 400.0) * Hz, 90)
    net.source("noise", rate)
    for n in NAMES:
        net.population(n, 90, CELL, v=rv.Uniform(-60 * mV, -50 * mV))
    net.connect("noise", "a", rv.OneToOne(), to="g", weight=2 * mV)
    net.connect("a", "b", rv.FixedProbability(0.2), to="g", weight=1 * mV)
    state = net.run(5 * ms, stream=3).state
    assert bound(net, state)
    stepper, counts = net.stepper(state), []
    stepper(3)
    _, state = run(net, state, 3)
    for factor in (1.0, 5.0, 0.0):
        rate.rate *= factor  # in place
        spikes, after = run(net, state, 150)
        assert fired(stepper, [1, 149]) == spikes
        state, counts = after, [*counts, len(spikes["a"])]
    assert counts[1] > counts[0] > counts[2]


def test_an_error_leaves_the_state_as_it_was() -> None:
    net = diverging()
    state = net.initial_state(stream=0)
    assert bound(net, state)
    stepper = net.stepper(state)
    stepper(2)
    stepper(3)
    before = stepper.state
    assert equal_states(before, net.run(0.5 * ms, state).state)
    with pytest.raises(NonFiniteError, match=r"a\.v of cell"):
        stepper(3)
    assert equal_states(stepper.state, before)


def test_a_network_of_other_parts_runs_as_before() -> None:
    net = circuit(plastic=True)
    state = net.run(5 * ms, stream=3).state
    assert not bound(net, state)
    assert fired(net.stepper(state), [1] * 30) == run(net, state, 30)[0]


def test_stored_weights_run_as_before() -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    for n in NAMES:
        net.population(n, 41, CELL.with_values(E=-44 * mV), v=rv.Uniform(-60 * mV, -50 * mV))
    net.connect("a", "b", rv.AllToAll(), to="g", weight=rv.Uniform(0 * mV, 1 * mV), storage=rv.storages.Int8())
    state = net.run(5 * ms, stream=3).state
    assert not bound(net, state)
    assert fired(net.stepper(state), [1] * 30) == run(net, state, 30)[0]
