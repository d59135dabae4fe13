"""Running, recording and driving a network by requests that are invalid: errors name the argument before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import NonFiniteError, RanvierError, RanvierWarning, StateError
from ranvier.units import Hz, ms, mV, nA, second


def network(cells: int = 20, seed: int = 1, plastic: bool = False) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=seed)
    net.source("input", rv.Poisson(200 * Hz, cells))
    net.population("cells", cells, rv.LIF(tau=10 * ms) + rv.Exponential("x", tau=5 * ms))
    rule = rv.plasticity.STDP() if plastic else None
    net.connect("input", "cells", rv.FixedProbability(0.5), weight=0.3, plasticity=rule)
    return net


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda net: net.run([1, 2] * ms), "duration=.* one finite time"),
        (lambda net: net.run(0.04 * ms), "duration=40 us is shorter than one step of 0.1 ms"),
        (lambda net: net.run("x"), "'x' is not a number"),
        (lambda net: net.run(1 * ms, record={"cells": None}), r"record\['cells'\] must be a list of names"),
        (lambda net: net.run(1 * ms, record={"cells": 3}), r"record\['cells'\] must be a list of names"),
        (lambda net: net.run(1 * ms, grad=True, record={"cells": None}), r"record\['cells'\] must be a list of names"),
        (
            lambda net: net.run(1 * ms, record={"cells": ["spikes", "spikes"]}),
            r"record\['cells'\] asks for 'spikes' twice",
        ),
        (lambda net: net.half().run(1 * ms), r"the network is in torch.float16: call net.float\(\)"),
        (lambda net: net.observe(duration=1 * ms, batch=0, record={"cells": ["v"]}), "batch=0 must be at least 1"),
        (lambda net: net.plan(batch=0), "batch=0 must be at least 1"),
        (lambda net: net.plan(steps=-1), "steps=-1 must not be negative"),
        (lambda net: net.input("a.b"), "'a.b' cannot name an input"),
        (lambda net: net.source("fast", rv.Poisson(20_000 * Hz, 2)), "2 spikes per cell and step of 0.1 ms"),
        (
            lambda net: net.connect("cells", "cells", rv.AllToAll(), plasticity=rv.plasticity.STDP),
            r"plasticity=STDP is not a rule: call it, as in STDP\(…\), or give rv.Plasticity",
        ),
        (
            lambda net: (net.population("plane", (2, 3), rv.LIF()), net.connect("cells", "plane", rv.AllToAll())),
            r"'plane' has shape \(2, 3\): give it a number of cells, or connect with rv.Linear",
        ),
        (lambda net: net.run(1 * ms, grad=True, loss=3), "loss=3 is not a function"),
        (lambda net: net.run(1 * ms, grad=True, loss=lambda signals, step: 3.0), "loss returned 3.0"),
        (lambda net: net.run(1 * ms, grad=True, loss=lambda signals, step: None), "loss returned None"),
        (
            lambda net: net.run(1 * ms, grad=True, record={"cells": ["v"]}, loss=lambda s, step: s["cells"].v),
            r"loss returned a tensor of shape \(10, 1, 20\)",
        ),
    ],
)
def test_runs(ask: Callable[[rv.Network], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        ask(network())


def test_nothing_gathered_has_no_rate() -> None:
    run = network().run(5 * ms, record={"cells": [rv.SpikeStatistics(after=1 * second)]})
    assert np.isnan(run["cells"].statistics.rate)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rv.Poisson(8 * Hz, 2.0), "size=2.0"),  # type: ignore[arg-type]
        (lambda: rv.Poisson(8 * Hz, True), "size=True"),
        (lambda: rv.Poisson("x", 2), "unknown name 'x'"),
        (lambda: rv.Poisson(8 * Hz, 2, trains=0), "trains=0"),
        (lambda: rv.SpikeStatistics(cells=0), "cells=0"),
        (lambda: rv.SpikeTrains([5] * ms, ["a"], 2), "cell must hold whole numbers"),
        (lambda: rv.SpikeTrains.from_times(None), "trains=None"),  # type: ignore[arg-type]
        (lambda: rv.SpikeTrains.from_times("x"), "trains='x'"),
        (lambda: rv.SpikeTrains.from_times([1.0, 2.0]), "train of cell 0 is 1.0; give a list"),
        (lambda: rv.SpikeTrains.from_times([[1.0] * mV]), "train of cell 0 has dimension mV"),
        (lambda: rv.SpikeTrains.from_times([[1.0]], start=1 * mV), "start has dimension mV"),
        (lambda: rv.SpikeTrains.from_times([[1.0]], start=[1, 2] * ms), "start=.* one time"),
        (lambda: rv.TimedArray([[1, 2], [3]]), "rows of different length"),
        (lambda: rv.ramp_current(0 * nA, 1 * nA, 2, stop=None), "stop=None leaves open"),
        (lambda: rv.Stimulus(None), "equations=None is not text"),  # type: ignore[arg-type]
    ],
)
def test_stimuli(make: Callable[[], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        make()


def test_population_and_cell_agree_on_their_size() -> None:
    net = rv.Network(dt=1 * ms)
    net.population("same", 10, rv.LIF(10))
    for cell in (rv.LIF(10), rv.Relay(10)):
        with pytest.raises(RanvierError, match=r"size=5, but its cell was made with size=.*10"):
            net.population("other", 5, cell)


def test_whole_numbers_of_any_kind_are_sizes() -> None:
    two = np.int64(2)
    for source in (
        rv.Poisson(8 * Hz, two), rv.Poisson(8 * Hz, two, trains=two),
        rv.SpikeTrains([1] * ms, [0], two), rv.step_current(1 * nA, two), rv.OrnsteinUhlenbeck(0 * nA, 1 * nA, 5 * ms, two),
        rv.Stimulus("x = 1*nA", two),
    ):  # fmt: skip
        assert source.shape == (2,)
        assert type(source.shape[0]) is int


def test_spike_times_with_and_without_units() -> None:
    plain = rv.SpikeTrains.from_times([[101.0, 107.5], [], [103.2]], start=100.0)
    units = rv.SpikeTrains.from_times([[0.101, 0.1075] * second, [] * second, [103.2] * ms], start=0.1 * second)
    np.testing.assert_allclose(units.when, plain.when, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(units.who, plain.who)


RANDOM: dict[str, Callable[[], Any]] = {
    "poisson": lambda: rv.Poisson(200 * Hz, 3),
    "drive": lambda: rv.Poisson(200 * Hz, 3, trains=10),
    "noise": lambda: rv.OrnsteinUhlenbeck(0, 1, 5 * ms, 3),
    "stimulus": lambda: rv.Stimulus("x = p*sin(q*t/ms)", 3, p=rv.Uniform(0, 1), q=rv.Uniform(0, 1)),
    "sum": lambda: rv.Stimulus("x = p", 3, p=rv.Uniform(0, 1)) + rv.Stimulus("x = p", 3, p=rv.Uniform(0, 1)),
}


@pytest.mark.parametrize("kind", list(RANDOM))
def test_stimuli_of_two_names_have_numbers_of_their_own(kind: str) -> None:
    net = rv.Network(dt=1 * ms, seed=1)
    blocks = []
    for name in ("one", "other"):
        net.source(name, RANDOM[kind]())
        blocks.append(net.sources[name].block(0, 200, net))
    assert not torch.equal(*blocks)
    again = rv.Network(dt=1 * ms, seed=1)
    again.source("one", RANDOM[kind]())
    assert torch.equal(again.sources["one"].block(0, 200, again), blocks[0])


def test_parts_of_a_sum_have_numbers_of_their_own() -> None:
    net = rv.Network(dt=1 * ms, seed=1)
    net.source("sum", RANDOM["sum"]())
    first, second_ = (part.block(0, 1, net) for part in net.sources["sum"].parts)
    assert not torch.equal(first, second_)


@pytest.mark.parametrize("kind", list(RANDOM))
def test_one_object_stands_under_one_name(kind: str) -> None:
    net, source = rv.Network(dt=1 * ms, seed=1), RANDOM[kind]()
    net.source("one", source)
    with pytest.raises(
        RanvierError, match=r"source 'other' reuses the object registered as 'one'.*connect 'one' to both"
    ):
        net.source("other", source)
    assert list(net.sources) == ["one"]
    rv.Network(dt=1 * ms, seed=1).source("other", source)  # another network may have it


def test_a_part_of_a_sum_stands_there_alone() -> None:
    net, noise = rv.Network(dt=1 * ms), rv.OrnsteinUhlenbeck(0, 1, 5 * ms, 3)
    net.source("sum", noise + rv.Stimulus("x = 1", 3))
    with pytest.raises(RanvierError, match="reuses the object"):
        net.source("alone", noise)
    with pytest.raises(RanvierError, match="reuses the object"):
        net.source("again", noise + rv.Stimulus("x = 2", 3))


class TestStates:
    """A state belongs to networks with the same cells and the same number of plastic synapses."""

    @pytest.mark.parametrize(
        ("maker", "taker", "words"),
        [
            ({"plastic": True}, {}, "plastic synapses of input_to_cells_x, the network has none"),
            ({}, {"plastic": True}, "plastic synapses of no projection, the network has input_to_cells_x"),
            ({"plastic": True}, {"plastic": True, "seed": 2}, "to other synapses .another seed"),
        ],
    )
    def test_of_other_synapses(self, maker: dict, taker: dict, words: str) -> None:
        state = network(**maker).run(2 * ms).state
        with pytest.raises(StateError, match=words):
            network(**taker).run(2 * ms, state)

    def test_of_other_cells(self) -> None:
        net = rv.Network(dt=0.1 * ms)
        net.population("cells", 20, rv.LIF(tau=10 * ms))
        state = net.run(2 * ms).state
        other = rv.Network(dt=0.1 * ms)
        other.population("cells", 20, rv.AdEx())
        with pytest.raises(StateError, match=r"the state of 'cells' holds v.* also have w"):
            other.run(2 * ms, state)

    def test_rewiring_asks_as_well(self) -> None:
        rewire, net = rv.plasticity.Rewiring(0.1, 0.2), network(plastic=True)
        with pytest.raises(StateError, match="no projection"):
            rewire(net, network().run(2 * ms).state, "input_to_cells_x")

    @pytest.mark.parametrize("numbers", [(float("nan"), 0.2), (-0.1, 0.2), ([0.1, 0.2], 0.2), (0.1, float("nan"))])
    def test_rewiring_by_numbers_that_make_no_sense(self, numbers: tuple[Any, Any]) -> None:
        net = network(plastic=True)
        with pytest.raises(RanvierError, match=r"Rewiring: .* one finite number"):
            rv.plasticity.Rewiring(*numbers)(net, net.run(2 * ms).state, "input_to_cells_x")


@pytest.mark.parametrize("segment", [None, 0.5 * ms, 20 * ms])
@pytest.mark.parametrize("provider", [None, "reference"])
def test_the_first_nan_is_located_with_gradient_too(segment: object, provider: str | None) -> None:
    start = np.zeros(20)
    start[7] = 0.5

    def build() -> rv.Network:
        net = rv.Network(dt=0.1 * ms, dtype=torch.float64, provider=provider)
        net.population("cells", 20, rv.Cell("dx/dt = x**2/ms : 1", emit="x", method="euler", x=start))
        net.population("seen", 20, rv.LIF(tau=5 * ms))
        net.connect("cells", "seen", rv.OneToOne(), weight=rv.Learn(1.0))
        return net

    with pytest.raises(NonFiniteError, match=r"cells.x of cell 7 became 1.9\d+e\+33") as plain:
        build().run(10 * ms)
    with pytest.raises(NonFiniteError) as graded:
        build().run(10 * ms, grad=True, segment=segment)
    assert str(graded.value) == str(plain.value)


def test_a_gradient_to_nothing_is_said() -> None:
    net = network()
    with pytest.warns(RanvierWarning, match=r"nothing that was run depends on a value that is learnt"):
        net.run(1 * ms, grad=True, record={"cells": ["v"]})
    learnt = rv.Network(dt=0.1 * ms)
    learnt.population("cells", 5, rv.LIF(tau=rv.Learn(10 * ms)), v=rv.Uniform(0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RanvierWarning)
        learnt.run(1 * ms, grad=True, record={"cells": ["v"]})["cells"].v.sum().backward()


def test_signals_that_were_not_recorded() -> None:
    with pytest.raises(KeyError, match=r"'other' was not recorded.*there are cells"):
        network().run(1 * ms, grad=True, record={"cells": ["v"]}, loss=lambda signals, step: signals["other"].v.sum())
    run = network().run(1 * ms, grad=True, record={"cells": ["v"]})
    with pytest.raises(KeyError, match=r"'other' was not recorded.*there are cells"):
        run["other"]


def test_refractory_periods_below_a_step_are_said_once() -> None:
    def build(lasting: object) -> rv.Network:
        net = rv.Network(dt=0.1 * ms)
        net.population("cells", 5, rv.Cell("v' = v : 1", threshold="v > 1", refractory=lasting))
        return net

    net = build(0.05 * ms)
    with pytest.warns(RanvierWarning, match=r"'cells': a refractory period of 0.05 ms .* rounds to none"):
        net.run(1 * ms)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RanvierWarning)
        net.run(1 * ms)
        for lasting in (0 * ms, 0.06 * ms, 2 * ms, rv.Uniform(0 * ms, 2 * ms)):
            build(lasting).run(1 * ms)


def test_a_magnitude_that_no_model_means_is_not_finite() -> None:
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.population("cells", 3, rv.Cell("dx/dt = x/tau : 1", emit="x", tau=1 * ms, x=np.array([0.0, 1.0, 0.0])))
    net.run(40 * ms)
    with pytest.raises(NonFiniteError, match=r"cells.x of cell 1 became 2.58\d+e\+20 before step 47"):
        net.run(100 * ms)
