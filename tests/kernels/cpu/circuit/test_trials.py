"""How many threads calls of a kind of circuit take, by what earlier calls took."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

import pytest
import torch

import ranvier as rv
from ranvier.kernels.cpu import Trials
from ranvier.kernels.cpu.host.barrier import can_meet
from ranvier.kernels.cpu.host.tuning import Tuning
from ranvier.units import ms, mV, nA
from tests.kernels.providers.tuned import teams_taken, tuned


def calls(trials: Trials, seconds: dict[int, float], count: int, likely: bool = False, kind: str = "a") -> list[int]:
    """The threads of so many calls on a machine where a step takes ``seconds``."""
    taken = []
    for _ in range(count):
        chosen = trials.choice(kind, max(seconds), likely)
        taken.append(chosen)
        trials.took(kind, max(seconds), chosen, seconds[chosen])
    return taken


@pytest.mark.parametrize(
    ("two", "likely", "tried", "after"),
    [
        (0.70, False, [1, 1, 2, 2], 2),
        (0.70, True, [2, 2, 1], 2),  # one call shows it
        (1.28, False, [1, 1, 2], 1),
        (1.28, True, [2, 2, 1, 1], 1),
        (0.98, False, [1, 1, 2, 2], 1),  # so little is not worth a core
        (0.98, True, [2, 2, 1, 1], 1),
    ],
)
def test_the_first_calls_try_both_and_the_faster_stays(two: float, likely: bool, tried: list[int], after: int) -> None:
    taken = calls(Trials(32), {1: 1.0, 2: two}, len(tried) + 30, likely)
    assert taken[: len(tried)] == tried
    assert set(taken[len(tried) :]) == {after}


@pytest.mark.parametrize("two", [0.5, 0.97, 1.0, 1.28, 2.0])
def test_calls_that_try_cost_little(two: float) -> None:
    seconds = {1: 1.0, 2: two}
    taken = calls(Trials(32), seconds, 300)
    assert sum(seconds[n] for n in taken) < 1.02 * min(seconds.values()) * len(taken)


def test_a_slower_number_is_tried_again_later_and_more_seldom() -> None:
    taken = calls(Trials(8), {1: 1.0, 2: 1.5}, 100)
    assert [k for k, n in enumerate(taken) if n == 2] == [2, 11, 28, 61]


def test_a_machine_that_changes_is_noticed() -> None:
    trials = Trials(8)
    assert calls(trials, {1: 1.0, 2: 1.5}, 11)[-1] == 1
    assert calls(trials, {1: 1.0, 2: 0.6}, 11)[-1] == 2


def test_one_disturbed_call_decides_nothing() -> None:
    trials = Trials(32)
    calls(trials, {1: 1.0, 2: 0.7}, 10)
    for _ in range(3):
        calls(trials, {1: 1.0, 2: 5.0}, 1)
    assert set(calls(trials, {1: 1.0, 2: 0.7}, 10)) == {2}


def test_kinds_are_apart_and_the_oldest_are_forgotten() -> None:
    trials = Trials(32)
    calls(trials, {1: 1.0, 2: 0.5}, 10, kind="gains")
    calls(trials, {1: 1.0, 2: 1.5}, 10, kind="loses")
    assert trials.choice("gains", 2, False) == 2
    assert trials.choice("loses", 2, False) == 1
    assert trials.choice("gains", 4, False) == 1  # four threads are another question
    for k in range(300):
        trials.choice(k, 2, False)
    assert trials.choice("gains", 2, False) == 1
    trials.took("loses", 2, 1, 1.0)  # of a kind that is forgotten


def circuit(rule: bool) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population("a", 900, rv.CurrentLIF(I_e=0.6 * nA), v=rv.Uniform(-70 * mV, -50 * mV))
    learns = (
        rv.plasticity.STDP(A_plus=0.01 * nA, A_minus=-0.012 * nA, w_max=0.5 * nA, tau_plus=20 * ms, tau_minus=20 * ms)
        if rule
        else None
    )
    net.connect("a", "a", rv.FixedProbability(0.02), to="I", weight=0.05 * nA, delay=1 * ms, plasticity=learns)
    return net


class Machine(Trials):
    """Trials of a machine on which a step takes as many ``seconds`` as given, by threads; they note what calls take."""

    def __init__(self, seconds: dict[int, float]) -> None:
        super().__init__(32)
        self.seconds, self.taken = seconds, list[int]()

    def choice(self, kind: Hashable, threads: int, likely: bool) -> int:
        self.taken.append(super().choice(kind, threads, likely))
        return self.taken[-1]

    def took(self, kind: Hashable, threads: int, chosen: int, seconds: float) -> None:
        assert 0 < seconds < 10
        super().took(kind, threads, chosen, self.seconds[chosen])


SIZES = Tuning(idle=2, thread_cells=400, threaded_call=0, copied=0, trials=32)


@pytest.mark.skipif(not can_meet(), reason="threads of this system cannot wait for one another")
@pytest.mark.parametrize("plastic", [False, True])
@pytest.mark.parametrize(("two", "after"), [(0.6, 2), (1.3, 1)])
def test_runs_take_the_faster_number_with_equal_bits(
    monkeypatch: pytest.MonkeyPatch, torch_threads: Callable[[int], None], plastic: bool, two: float, after: int
) -> None:
    torch_threads(2)
    fresh, machine, opened = circuit(plastic), Machine({1: 1.0, 2: two}), teams_taken(monkeypatch)
    with tuned(SIZES, machine) as provider:
        net = circuit(plastic)
        net.provider = provider
        state = net.run(5 * ms, stream=3).state
        for _ in range(9):
            found, twin = (n.run(20 * ms, state, record={"a": ["spikes"]}) for n in (net, fresh))
            assert torch.equal(torch.as_tensor(found["a"].spikes.cell), torch.as_tensor(twin["a"].spikes.cell))
            assert torch.equal(found.state.variables["a"]["v"], twin.state.variables["a"]["v"])
    assert {1, 2} == set(machine.taken) == set(opened)
    assert set(machine.taken[-3:]) == {after}


def test_where_no_other_core_is_idle_nothing_is_tried(torch_threads: Callable[[int], None]) -> None:
    torch_threads(2)
    machine = Machine({1: 1.0, 2: 0.5})
    with tuned(replace(SIZES, idle=1), machine) as provider:
        net = circuit(False)
        net.provider = provider
        net.run(20 * ms, stream=3)
    assert not machine.taken
