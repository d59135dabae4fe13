"""Runs of few steps that follow one another are set up once: they give the states of one long run, and follow every change."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import NonFiniteError, StateError
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.network import GraphError, State
from ranvier.units import Hz, ms, mV
from tests.kernels.cpu.circuit.test_opened import CELL, Change, changes, circuit
from tests.kernels.providers.tuned import tuned
from tests.network.pieces import diverging, equal_states

NAMES = ("a", "b")
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def plain(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Network:
    """Two populations without sources, with one latency and with many."""
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype, provider=provider)
    net.population("a", 90, CELL.with_values(E=-44 * mV), v=rv.Uniform(-60 * mV, -50 * mV))
    net.population("b", 41, CELL.with_values(E=-45 * mV), v=rv.Uniform(-60 * mV, -50 * mV))
    net.connect("a", ["a", "b"], rv.FixedProbability(0.2), to="g", weight=1 * mV, delay=0.5 * ms)
    weight = rv.Uniform(-2 * mV, 0 * mV)
    net.connect("b", "a", rv.FixedProbability(0.3), to="g", weight=weight, delay=rv.Uniform(0 * ms, 2 * ms))
    return net


def sent(dtype: torch.dtype = torch.float32) -> rv.Network:
    """The same with a source whose spikes go over single synapses."""
    net = plain(dtype)
    net.source("noise", rv.Poisson(40 * Hz, 30))
    net.connect("noise", "a", rv.FixedProbability(0.2), to="g", weight=1 * mV, delay=0.3 * ms)
    return net


def served(net: rv.Network) -> int:
    """How many runs the present set-up has served."""
    return sum(kept.served for kept in net._memo.runs.values() if kept.bound is not None)


def steps(net: rv.Network, state: State, counts: list[int]) -> State:
    for count in counts:
        state = net.run(count * 0.1 * ms, state).state
    return state


def whole(net: rv.Network, state: State, count: int) -> State:
    """One run of a copy, which has nothing set up."""
    return copy.deepcopy(net).run(count * 0.1 * ms, state).state


@DTYPES
@pytest.mark.parametrize(
    "make", [plain, lambda dtype: circuit(dtype=dtype), sent], ids=["without sources", "with a source", "with spikes"]
)
@pytest.mark.parametrize("counts", [[1] * 60, [7, 1, 30, 1, 1, 200], [3000, 1500, 4000, 1, 1]])
def test_they_equal_one_run(dtype: torch.dtype, make: Callable[..., rv.Network], counts: list[int]) -> None:
    net = make(dtype=dtype)
    state = net.run(5 * ms, stream=3).state
    for _ in range(2):
        net.run(0.1 * ms, state)
    assert equal_states(steps(net, state, counts), whole(net, state, sum(counts)))
    assert served(net) == len(counts)


def test_they_equal_one_run_where_spikes_wait_in_queues() -> None:
    with tuned(Tuning(shared_ring=0, own_ring=0, turn_synapses=0, turn_ring=4 * 96 * 4)) as provider:
        net = plain(provider=provider)
        state = net.run(5 * ms, stream=3).state
        counts = [1, 1, 2, 30, 1, 300, 1, 1]
        assert equal_states(steps(net, state, counts), whole(net, state, sum(counts)))
        assert equal_states(steps(net, state, counts), whole(net, state, sum(counts)))
        assert served(net) > 10


@pytest.mark.parametrize("make", [plain, circuit, sent], ids=["without sources", "with a source", "with spikes"])
def test_any_state_can_follow_any_other(make: Callable[[], rv.Network]) -> None:
    net = make()
    first = net.run(5 * ms, stream=3).state
    other = net.run(7 * ms, stream=9).state
    known = [first, steps(net, first, [1, 4, 9]), steps(net, first, [3]), other, steps(net, other, [2])]
    kept = [s.clone() for s in known]
    for k in (0, 1, 1, 3, 0, 4, 2, 1, 3):
        for count in (1, 12):
            assert equal_states(steps(net, known[k], [count]), whole(make(), kept[k], count))
    assert all(equal_states(one, before) for one, before in zip(known, kept, strict=True))
    assert served(net) > 10


@pytest.mark.parametrize(("name", "change"), changes(), ids=[n for n, _ in changes()])
def test_what_changes_between_runs_counts(name: str, change: Change) -> None:
    net = circuit()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1, 4])
    assert served(net) == 2
    change(net)
    assert equal_states(steps(net, state, [1, 1, 60]), whole(net, state, 62))


def hooked(net: rv.Network) -> None:
    net.populations["a"].register_forward_hook(lambda *_: None)


def more(net: rv.Network) -> None:
    net.population("c", 4, CELL)
    net.connect("a", "c", rv.AllToAll(), to="g", weight=1 * mV)


def seeded(net: rv.Network) -> None:
    net.seed = 7


def pointed(net: rv.Network) -> None:
    weight = net.projections["b_to_a_g"].transform.weight
    weight.data = weight.data * 0.5


def written(net: rv.Network) -> None:
    net.projections["b_to_a_g"].transform.weight.detach().numpy()[:] *= 0.5


@pytest.mark.parametrize("change", [hooked, seeded, pointed, written])
def test_hooks_seeds_and_memory_that_torch_does_not_see(change: Change) -> None:
    net = circuit()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1, 4])
    change(net)
    assert equal_states(steps(net, state, [1, 1, 60]), whole(net, state, 62))


def test_other_parts() -> None:
    net = plain()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1])
    more(net)
    with pytest.raises(StateError, match="another network"):
        net.run(0.1 * ms, state)


def test_a_source_that_changes_counts() -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    rate = rv.Poisson(np.full(90, 400.0) * Hz, 90)
    net.source("noise", rate)
    net.population("a", 90, CELL, v=rv.Uniform(-60 * mV, -50 * mV))
    net.connect("noise", "a", rv.OneToOne(), to="g", weight=2 * mV, delay=0.4 * ms)
    state = net.run(5 * ms, stream=3).state
    for factor in (1.0, 5.0, 0.0):
        rate.rate *= factor  # in place
        after = steps(net, state, [1, 2, 1, 1, 6])
        assert equal_states(after, whole(net, state, 11))
        state = after
    assert served(net) > 0


def kick(state: State) -> None:
    state.variables["a"]["v"][0, :9] += 3.0


def rest(state: State) -> None:
    state.variables["a"]["refractory_left"][0, :20] = 7


def fire(state: State) -> None:
    state.history["a"][-1, 0, :30] = 1.0


@pytest.mark.parametrize("write", [kick, rest, fire])
@pytest.mark.parametrize("make", [plain, circuit, sent], ids=["without sources", "with a source", "with spikes"])
def test_states_belong_to_who_has_them(make: Callable[[], rv.Network], write: Callable[[State], None]) -> None:
    net = make()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1, 4])
    untouched = steps(net, state, [20])
    kept = state.clone()
    write(state)
    changed = steps(net, state, [1, 19])
    twin = kept.clone()
    write(twin)
    assert equal_states(changed, whole(net, twin, 20))
    assert not equal_states(changed, untouched)
    assert equal_states(steps(net, kept, [20]), untouched)
    for t in untouched.tensors().values():
        t.zero_()
    assert not equal_states(steps(net, kept, [20]), untouched)


def test_states_can_be_copied_moved_and_saved(tmp_path: Path) -> None:
    net = circuit()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1, 4])
    after = steps(net, state, [9])
    rv.save_state(state, tmp_path / "state.safetensors")
    for same in (
        state.clone(), state.detach(), copy.deepcopy(state), pickle.loads(pickle.dumps(state)), state.sample(0),
        rv.load_state(tmp_path / "state.safetensors"), replace(state, history=dict(state.history)),
        torch.utils._pytree.tree_map(torch.clone, state),
    ):  # fmt: skip
        assert equal_states(same, state)
        assert equal_states(steps(net, same, [4, 5]), after)


@pytest.mark.parametrize("make", [plain, circuit, sent], ids=["without sources", "with a source", "with spikes"])
def test_states_and_weights_with_a_gradient_are_taken_as_numbers(make: Callable[[], rv.Network]) -> None:
    net = make()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1, 4])
    for p in net.parameters():
        p.requires_grad_()
    asking = state.map(lambda t: t.clone().requires_grad_() if t.is_floating_point() else t)
    for count in (1, 30):
        after = steps(net, asking.with_stream(count), [count, 2])
        assert equal_states(after, whole(net, state.with_stream(count), count + 2))
        assert not any(t.requires_grad for t in after.tensors().values())
    assert served(net) == 6


@pytest.mark.parametrize("make", [plain, circuit, sent], ids=["without sources", "with a source", "with spikes"])
def test_runs_in_inference_mode_and_outside_follow_one_another(make: Callable[[], rv.Network]) -> None:
    net = make()
    with torch.inference_mode():
        first = net.run(5 * ms, stream=3).state
    state = net.run(0.1 * ms, first).state
    with torch.inference_mode():
        inside = steps(net, state, [1, 1, 4])
    outside = steps(net, state, [2, 4])
    assert equal_states(inside, outside)
    assert equal_states(outside, whole(make(), first, 7))
    with torch.inference_mode():
        stepper = net.stepper(state)
        stepper(1)
        stepper(2)
    stepper(3)
    assert equal_states(stepper.state, outside)
    assert served(net) > 3


def test_bad_states_are_refused_as_ever() -> None:
    net = plain()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1, 4])
    kept = state.clone()
    state.variables["a"]["v"][0, 3] = float("nan")
    with pytest.raises(StateError, match=r"a\.v of the state is nan"):
        net.run(0.1 * ms, state)
    bad = kept.clone()
    bad.variables["a"]["refractory_left"][0, 3] = -1
    with pytest.raises(StateError, match=r"-1 to"):
        net.run(0.1 * ms, bad)
    with pytest.raises(StateError, match="float64"):
        net.run(0.1 * ms, kept.to(torch.float64))
    assert equal_states(steps(net, kept, [5]), whole(net, kept, 5))


def test_an_error_names_the_first_bad_cell_and_leaves_the_state() -> None:
    net = diverging()
    state = steps(net, net.initial_state(stream=0), [1, 1, 1, 1])
    kept = state.clone()
    for _ in range(2):
        with pytest.raises(NonFiniteError, match=r"a\.v of cell"):
            net.run(0.4 * ms, state)
    assert equal_states(state, kept)
    assert equal_states(steps(net, state, [1]), whole(net, kept, 1))


@pytest.mark.parametrize("make", [plain, circuit, sent], ids=["without sources", "with a source", "with spikes"])
def test_spikes_are_recorded_as_ever(make: Callable[[], rv.Network]) -> None:
    net = make()
    state, found = steps(net, net.run(5 * ms, stream=3).state, [1, 1]), {n: [] for n in NAMES}
    first, wanted = state, {n: ["spikes"] for n in NAMES}
    for count in (1, 1, 30, 1, 200):
        run = net.run(count * 0.1 * ms, state, record=wanted)
        for n in NAMES:
            train = run[n].spikes
            assert (train.first, train.steps, train.size) == (state.step, count, len(state.variables[n]["v"][0]))
            found[n] += zip(train.step, train.cell, strict=True)
        state = run.state
    one = copy.deepcopy(net).run(23.3 * ms, first, record=wanted)
    for n in NAMES:
        assert found[n] == [*zip(one[n].spikes.step, one[n].spikes.cell, strict=True)]
        assert len(found[n]) > 9
    assert equal_states(state, one.state)
    assert served(net) == 5
    with pytest.raises(GraphError, match="'c'"):
        net.run(0.1 * ms, state, record={"c": ["spikes"]})
    only = net.run(0.1 * ms, state, record={"a": ["spikes"]})
    with pytest.raises(KeyError, match="'b' was not recorded"):
        only["b"]


def test_traces_take_the_long_way() -> None:
    net = circuit()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1])
    before = served(net)
    run = net.run(2 * ms, state, record={"a": ["spikes", "v"]})
    assert len(run["a"].v) == 20
    assert equal_states(run.state, steps(net, state, [20]))
    assert net.run(0.1 * ms, state, stream=5).state.stream == 5
    assert served(net) == before + 1


def test_plastic_networks_take_the_long_way() -> None:
    net = circuit(plastic=True)
    state = net.run(5 * ms, stream=3).state
    twin = copy.deepcopy(net)
    assert equal_states(steps(net, state, [1] * 6), steps(twin, state, [1] * 6))
    assert not served(net)


TIMED = rv.Cell(
    "dv/dt = (E - v + g)/tau : mV (unless refractory)\ndg/dt = -g/tau_g : mV\ndlast/dt = 0*last/tau : ms",
    threshold="v > -50*mV", reset="v = -60*mV - 3*mV*exp(-(t - last)/(20*ms)); last = t", refractory=3 * ms, E=-44 * mV,
    tau=20 * ms, tau_g=5 * ms,
)  # fmt: skip
FREE = rv.Cell(
    "dv/dt = (E - v + g)/tau : mV\ndg/dt = -g/tau_g : mV",
    threshold="v > -50*mV",
    reset="v = -60*mV",
    E=-44 * mV,
    tau=20 * ms,
    tau_g=5 * ms,
)
RULES = {"rule": rv.FixedProbability(0.2), "procedural": rv.Procedural(rv.FixedProbability(0.2)), "all": rv.AllToAll()}
KINDS: dict[str, tuple[rv.Cell, str, dict[str, object], bool]] = {
    "a time in float64": (TIMED, "rule", {}, False),
    "without refractoriness": (FREE, "rule", {}, True),
    "a period for each cell": (CELL.with_values(E=-44 * mV, refractory=rv.Uniform(0 * ms, 4 * ms)), "rule", {}, True),
    "no period": (CELL.with_values(E=-44 * mV, refractory=0 * ms), "rule", {}, True),
    "drawn rows": (CELL.with_values(E=-44 * mV), "procedural", {}, True),
    "a time and drawn rows": (TIMED, "procedural", {"delay": 1 * ms}, False),
    "learnt delays": (FREE, "rule", {"delay": rv.Learn(rv.Uniform(0 * ms, 2 * ms), max=3 * ms)}, False),
    "stored weights": (FREE, "all", {"storage": rv.storages.Int8()}, False),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_kinds_of_cells_and_synapses(name: str) -> None:
    cell, how, more, bound = KINDS[name]
    net = rv.Network(dt=0.1 * ms, seed=1)
    for n, size in (("a", 90), ("b", 41)):
        net.population(n, size, cell, v=rv.Uniform(-60 * mV, -50 * mV))
    net.connect("a", ["a", "b"], RULES[how], to="g", weight=0.4 * mV, **more)
    net.connect("b", "a", RULES[how], to="g", weight=-0.6 * mV, **more)
    state = net.run(15 * ms, stream=3).state
    counts = [1, 1, 1, 30, 1, 200, 1]
    assert equal_states(steps(net, state, counts), whole(net, state, sum(counts)))
    assert equal_states(steps(net, state, counts), whole(net, state, sum(counts)))
    assert bool(served(net)) is bound


def test_several_threads_run_at_once() -> None:
    net = plain()
    states = [net.run(5 * ms, stream=k).state for k in range(3)]
    steps(net, states[0], [1, 1, 1])
    expected, found = [whole(net, s, 30) for s in states], {}

    def work(k: int) -> None:
        found[k] = steps(net, states[k], [1] * 30)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(equal_states(found[k], expected[k]) for k in range(3))


def test_the_number_of_threads_changes_nothing() -> None:
    net, threads = plain(), torch.get_num_threads()
    state = steps(net, net.run(5 * ms, stream=3).state, [1, 1, 1])
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            assert equal_states(steps(net, state, [1, 5]), whole(net, state, 6))
    finally:
        torch.set_num_threads(threads)
