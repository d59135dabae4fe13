"""What cannot be is refused in a sentence that names the value and the remedy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import Hz, ms, mV, nA

NAN, INF = float("nan"), float("inf")
X = torch.zeros(5, 2, 4)


def chain(*parts: object, **how: object) -> rv.Sequential:
    return rv.Sequential(*(parts or (rv.Linear(4, 3), rv.LIF(3))), **{"dt": 1 * ms, **how})


def graph(**how: object) -> rv.Network:
    """An input of 4, population a with one port, population b with two."""
    net = rv.Network(**{"dt": 1 * ms, **how})
    net.input("in", 4)
    net.population("a", 4, rv.LIF(), output=True)
    net.population("b", 3, rv.CurrentLIF())
    return net


def alone() -> rv.Network:
    net = rv.Network(dt=1 * ms)
    net.population("a", 4, rv.LIF())
    return net


def resting() -> rv.Network:
    net = rv.Network(dt=1 * ms)
    net.population("a", 4, rv.LIF(refractory=2 * ms))
    return net


def then(net: rv.Network, act: Callable[[rv.Network], object]) -> object:
    return act(net)


def connect(*args: object, **how: object) -> object:
    return graph().connect("in", *args, **how)


def silent_cell() -> rv.Cell:
    return rv.Cell("dv/dt = -v/tau : 1", tau=1 * ms)


BAD: dict[str, tuple[Callable[[], object], str]] = {
    # inputs of a call
    "no batch axis": (lambda: chain()(torch.zeros(5, 4)), r"\(5, 4\); expected \[T, B, 4\].*unsqueeze"),
    "features": (lambda: chain()(torch.zeros(5, 2, 7)), r"\(5, 2, 7\); expected \[T, B, 4\] \(time, batch, features\)\.$"),
    "NaN": (lambda: chain()(X.index_fill(0, torch.tensor([2]), NAN)), r"holds nan at \[time, batch, …\] = \(2, 0, 0\); clean"),
    "infinity": (lambda: chain()(X.index_fill(2, torch.tensor([1]), -INF)), r"-inf at .* \(0, 0, 1\)"),
    "both infinities": (lambda: chain()(torch.tensor([INF, -INF, 0, 0]).expand(5, 2, 4)), r"inf at"),
    "no sample": (lambda: chain()(torch.zeros(5, 0, 4)), "batch is empty"),
    "complex input": (lambda: chain()(X.to(torch.complex64)), "complex; give real"),
    "text": (lambda: chain()("spikes"), "is str: give a tensor"),
    "nothing": (lambda: chain()(None), r"needs an input \[T, B, …\]"),
    "another name": (lambda: graph()({"inn": X}), "takes inputs in; got inn"),
    "inputs of different length": (
        lambda: then(graph(), lambda n: (n.input("more", 4), n({"in": X, "more": X[:3]}))), r"\[\(3, 2\), \(5, 2\)\]"
    ),
    "an input for none": (lambda: then(alone(), lambda n: (n.outputs.append("a"), n(X))), r"net.run\(…\)"),
    "no output": (lambda: then(alone(), lambda n: (n.input("i", 4), n(X))), "output=True"),
    "a step without batch": (lambda: chain().step(torch.zeros(4)), r"expected \[T, B, 4\]"),
    # connections
    "unknown source": (lambda: graph().connect("zz", "a", rv.OneToOne()), "no part called 'zz': the network has in, a, b"),
    "unknown source of a transform": (lambda: graph().connect("zz", "a", rv.Linear(4, 4)), "no part called 'zz'"),
    "unknown target": (lambda: connect("zz", rv.OneToOne()), "no part called 'zz'"),
    "to an input": (lambda: graph().connect("a", "in", rv.OneToOne()), "'in' is not a population"),
    "wrong port": (lambda: connect("a", rv.OneToOne(), to="g"), "no port 'g': projections can arrive on x, v"),
    "port left open": (lambda: connect("b", rv.AllToAll()), "with to=…: it has v, I"),
    "a word for a rule": (lambda: connect("a", "all"), r"'all': .*Give a rule: all pairs rv.AllToAll\(\)"),
    "a rule without brackets": (lambda: connect("a", rv.OneToOne), "that is a class: write rv.OneToOne"),
    "unequal sizes": (lambda: connect("b", rv.OneToOne(), to="I", weight=1 * nA), "equal size, got 4 and 3"),
    "huge probability": (lambda: rv.FixedProbability(1.5), "p=1.5 .* from 0 to 1"),
    "NaN probability": (lambda: rv.FixedProbability(NAN), "p=nan"),
    "index beyond the cells": (lambda: connect("a", rv.FromArrays([0, 4], [0, 1])), "holds 4"),
    "weight in another unit": (lambda: connect("b", rv.AllToAll(), to="I", weight=3 * mV), "mV, but nA is needed"),
    "weight without unit": (lambda: connect("b", rv.AllToAll(), to="I", weight=3), "nA is needed"),
    "NaN weight": (lambda: connect("a", rv.AllToAll(), weight=NAN), "nan"),
    "weights of wrong size": (lambda: connect("a", rv.AllToAll(), weight=np.ones(5)), r"\(5,\) for 16 synapses"),
    "weight of a transform": (lambda: connect("a", rv.Linear(4, 4), weight=2.0), "weight=2.0 belongs to single synapses"),
    "negative delay": (lambda: connect("a", rv.AllToAll(), delay=-1 * ms), "-1 ms"),
    "NaN delay": (lambda: connect("a", rv.AllToAll(), delay=NAN * ms), "nan"),
    "delay without unit": (lambda: connect("a", rv.AllToAll(), delay=3), "give a time"),
    "delays of wrong size": (lambda: connect("a", rv.AllToAll(), delay=np.ones(5) * ms), r"5.*16 synapses"),
    "negative drawn delay": (lambda: connect("a", rv.AllToAll(), delay=rv.Normal(0 * ms, 1 * ms)), "low="),
    "absurd delay": (lambda: connect("a", rv.AllToAll(), delay=1e12 * ms), r"1e\+12 ms"),
    "negative delay of a transform": (lambda: chain(rv.Linear(4, 3, delay=-1 * ms), rv.LIF(3)), "-1 ms"),
    "delays of a transform": (lambda: chain(rv.Linear(4, 3, delay=np.ones(5) * ms), rv.LIF(3)), "5 values for 12"),
    "delay late in a chain": (
        lambda: chain(rv.Linear(4, 3), rv.Linear(3, 3, delay=2 * ms), rv.LIF(3)), "only the first transform .* can have a delay"
    ),
    "a silent source": (
        lambda: then(graph(), lambda n: (n.population("c", 4, silent_cell()), n.connect("c", "a", rv.OneToOne()))), "'c' emits nothing"
    ),
    "a name twice": (lambda: then(graph(), lambda n: [n.connect("in", "a", rv.OneToOne(), name="p") for _ in "12"]), "'p' is already the name of a projection"),
    "a name with a dot": (lambda: connect("a", rv.OneToOne(), name="x.y"), "'x.y' cannot name"),
    # shapes that meet
    "transform and population": (lambda: chain(rv.Linear(4, 3), rv.LIF(5)), r"'linear1' .* shape \(3,\), but 'lif1' has shape \(5,\)"),
    "transform and source": (lambda: then(graph(), lambda n: n.connect("in", "a", rv.Linear(9, 4))), "takes 9 features"),
    "recurrence of another size": (
        lambda: chain(rv.Linear(4, 3), rv.Recurrent(rv.LIF(3), rv.Linear(3, 4))), r"'recurrent1' .*\(4,\), but 'lif1' has shape \(3,\)"
    ),
    "an idle relay": (lambda: then(graph(), lambda n: (n.population("r", 4, rv.Relay(), output=True), n(X))), "nothing arrives at .* 'r'"),
    "a module with a state": (lambda: chain(nn.LSTM(4, 3), rv.LIF(3))(X), "state of their own"),
    "a module that mixes samples": (lambda: chain(nn.Flatten(0), rv.LIF(40))(X), "keep the first axis"),
    "a linear layer of no size": (lambda: rv.Linear(0, 3), "in_features=0"),
    # parts
    "duplicate population": (lambda: graph().population("a", 3, rv.LIF()), "'a' is already the name of a population"),
    "duplicate input": (lambda: graph().input("a", 3), "'a' is already the name of a population: choose .* for the input"),
    "duplicate source": (lambda: graph().source("in", rv.Poisson(1 * Hz, 2)), "'in' is already the name of an input"),
    "projection like a population": (
        lambda: connect("a", rv.Linear(4, 4), name="b"), "'b' is already the name of a population: choose .* for the projection"),
    "population like a projection": (
        lambda: then(graph(), lambda n: (n.connect("in", "a", rv.Linear(4, 4)), n.population("in_to_a_x", 3, rv.LIF()))),
        "'in_to_a_x' is already the name of a projection"),
    "relay like a projection": (
        lambda: then(graph(), lambda n: (n.connect("in", "a", rv.Linear(4, 4), name="q"), n.population("q", 3, rv.Relay()))),
        "'q' is already the name of a projection: choose another name for the relay"),
    "empty name": (lambda: graph().population("", 3, rv.LIF()), "letters, digits and underscores"),
    "a number as a name": (lambda: graph().population(3, 3, rv.LIF()), "3 cannot name"),
    "a word of torch": (lambda: graph().population("items", 3, rv.LIF()), "torch and networks have an attribute of that name"),
    "no cells": (lambda: graph().population("c", 0, rv.LIF()), "size=0 must be a positive"),
    "half a cell": (lambda: graph().population("c", 3.5, rv.LIF()), "size=3.5"),
    "a negative shape": (lambda: graph().population("c", (3, -1), rv.LIF()), r"size=\(3, -1\)"),
    "no size": (lambda: then(alone(), lambda n: (n.population("c", None, rv.LIF()), n.run(1 * ms))), "size of 'c' is unknown"),
    "a function for a cell": (lambda: graph().population("c", 3, rv.LIF), r"got function: use rv.Cell"),
    "an unknown value": (lambda: graph().population("c", 3, rv.LIF(), tauu=3 * ms), "'tauu' is used by no equation"),
    "a value of wrong size": (lambda: graph().population("c", 3, rv.LIF(), tau=np.ones(4) * ms), r"c.tau has shape \(4,\)"),
    "an initial value in another unit": (lambda: graph().population("c", 3, rv.LIF(), v=3 * mV), "dimension mV"),
    "a distribution without size": (lambda: chain(rv.LIF(tau=rv.Uniform(1 * ms, 2 * ms))), "no size yet"),
    "a parameter that torch owns": (
        lambda: graph().population("c", 3, rv.Cell("dv/dt = -v/training : 1", training=1 * ms)), "'training' cannot name"
    ),
    "an empty chain": (lambda: rv.Sequential(dt=1 * ms), "at least one"),
    "a number in a chain": (lambda: chain(rv.Linear(4, 3), 3), "got int"),
    "a class in a chain": (lambda: chain(rv.Linear(4, 3), rv.LIF), "got function"),
    "recurrence the wrong way round": (lambda: rv.Recurrent(rv.Linear(3, 3), rv.LIF(3)), "a cell and a transform"),
    # the network itself
    "an unknown provider": (lambda: chain(provider="gpu"), "provider='gpu' is unknown: use 'cpu'"),
    "an unknown precision": (lambda: chain(dtype=torch.float8_e5m2), "float8_e5m2 is not supported: use torch.float32"),
    "dt without unit": (lambda: rv.Network(dt=0.1), r"dt=0.1\*ms"),
    "dt zero": (lambda: rv.Network(dt=0 * ms), "positive"),
    "dt negative": (lambda: rv.Network(dt=-1 * ms), "positive"),
    "dt in volts": (lambda: rv.Network(dt=1 * mV), "dt=1 mV"),
    "two dt": (lambda: rv.Network(dt=np.ones(2) * ms), "one positive"),
    "no dt": (lambda: rv.Network(dt=None), "dt=None"),
    "a word for a seed": (lambda: rv.Network(dt=1 * ms, seed="a"), "seed='a' must be a whole number"),
    "a fraction for a seed": (lambda: rv.Network(dt=1 * ms, seed=1.5), "seed=1.5"),
    "a word for a surrogate": (lambda: rv.Network(dt=1 * ms, surrogate="arctan"), r"rv.surrogates.ArcTan\(\)"),
    # states
    "state of another network": (lambda: graph()(X, chain().initial_state(2)), "holds lif1, the network a, b"),
    "state of another size": (lambda: chain()(X, chain(rv.Linear(4, 5), rv.LIF(5)).initial_state(2)), r"\(5,\), the population \(3,\)"),
    "state of another batch": (lambda: chain()(X, chain().initial_state(3)), "batch of 3 .*, the input has 2"),
    "state without the delays": (lambda: chain(rv.Linear(4, 3, delay=3 * ms), rv.LIF(3))(X, chain().initial_state(2)), "{'input': 3}"),
    "state in another precision": (lambda: chain()(X, chain(dtype=torch.float64).initial_state(2)), r"state.to\(torch.float32\)"),
    "a dict for a state": (lambda: chain()(X, {"v": 0}), "state is dict"),
    "a state for no sample": (lambda: chain().initial_state(0), "batch=0"),
    # records and durations
    "record of nobody": (lambda: chain().observe(X, record={"zz": ["v"]}), "cannot record 'zz'.* lif1"),
    "record of nothing known": (lambda: chain().observe(X, record={"lif1": ["w"]}), "cannot record 'w' of 'lif1': it has spikes, v"),
    # what other libraries write
    "condition as text": (lambda: connect("a", "i != j"), r"rv\.AllToAll\(autapses=False\)"),
    "counterparts as text": (lambda: connect("a", "i==j"), r"rv\.OneToOne\(\)"),
    "another condition": (lambda: connect("a", "abs(i-j) < 3"), r"rv\.Where\('abs\(i-j\) < 3'\).*rv\.FromArrays"),
    "condition as function": (lambda: connect("a", lambda i, j: i != j), r"rv\.Where\(lambda i, j: …\)"),
    "probability": (lambda: connect("a", 0.1), r"rv\.FixedProbability\(0\.1\)"),
    "class of a rule": (lambda: connect("a", rv.AllToAll), r"is a class: write rv\.AllToAll"),
    "list of parts": (lambda: chain([rv.Linear(4, 3), rv.LIF(3)]), r"got list: unpack it with a star: rv\.Sequential\(\*parts"),
    "function as a part": (lambda: chain(rv.Linear(4, 3), torch.relu), r"needs a module, such as torch\.nn\.ReLU"),
    "rule as a part": (lambda: chain(rv.OneToOne()), "a rule makes single synapses between populations"),
    "recurrence the wrong way": (lambda: rv.Recurrent(rv.Linear(3, 3), rv.LIF(3)), r"write rv\.Recurrent\(rv\.LIF\(n\)"),
    "features of tokens": (lambda: chain()(torch.zeros(5, 2, 9, 7)), r"expected \[T, B, 4\]"),
    "tokens for cells in a row": (lambda: chain()(torch.zeros(5, 2, 9, 4)), r"expected \[T, B, 4\]|the population holds"),
    "record of one spike": (lambda: chain().observe(X, record={"lif1": ["spike"]}), "'spike' of 'lif1': .* Did you mean 'spikes'"),
    "one spike of a run": (lambda: alone().run(1 * ms, record={"a": ["spike"]}), "Did you mean 'spikes'"),
    "one spike with gradient": (lambda: alone().run(1 * ms, record={"a": ["spike"]}, grad=True), "Did you mean 'spikes'"),
    "counter of cells without one": (
        lambda: chain().observe(X, record={"lif1": ["refractory_left"]}), "cannot record 'refractory_left' of 'lif1'"),
    "capital": (lambda: alone().run(1 * ms, record={"a": ["V"]}), "cannot record 'V'.* Did you mean 'v'"),
    "capital of a sample": (lambda: alone().run(1 * ms, record={"a": [rv.Sample("V")]}), "Did you mean 'v'"),
    "sample of spikes": (lambda: rv.Sample("spike"), "spikes are recorded with 'spikes'"),
    "statistics of a wrong name": (lambda: alone().run(1 * ms, record={"aa": [rv.SpikeStatistics()]}), "'aa'.*mean 'a'"),
    "record of an input": (lambda: chain().observe(X, record={"input": ["x"]}), "'input': it is an input of the network"),
    "record of a projection": (
        lambda: chain().observe(X, record={"linear1": ["w"]}), "'linear1': it is a projection without plasticity"),
    "record of a near name": (lambda: chain().observe(X, record={"lif": ["v"]}), "Did you mean 'lif1'"),
    "near port": (lambda: connect("b", rv.Linear(4, 3), to="i"), "no port 'i'.* Did you mean 'I'"),
    "record without list": (lambda: chain().observe(X, record={"lif1": "v"}), r"such as \['v'\]"),
    "record without names": (lambda: chain().observe(X, record=["lif1"]), "record is list"),
    "record of a silent output": (
        lambda: then(graph(), lambda n: (n.population("c", 4, silent_cell(), output=True), n(X))), "'c' emits nothing"
    ),
    "a negative duration": (lambda: alone().run(-1 * ms), "duration=-1 ms"),
    "a duration without unit": (lambda: alone().run(5), r"1\*second"),
    "an endless duration": (lambda: alone().run(INF * ms), "finite"),
    "an interval of no steps": (lambda: alone().run(5 * ms, every=0 * ms), "every=0 ms"),
    "a window of no steps": (lambda: chain()(X, window=0), "window=0 must be at least one step"),
    "a fraction of a checkpoint": (lambda: chain()(X, checkpoint=1.5), "checkpoint=1.5 must be a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD))
def test_it_is_refused(name: str) -> None:
    act, message = BAD[name]
    with pytest.raises(RanvierError, match=f"(?s){message}") as caught:
        act()
    assert len(str(caught.value)) > 20


def test_a_refused_part_leaves_no_trace() -> None:
    net = graph()
    for act in (
        lambda: net.population("c", 3, rv.LIF(), tau=np.ones(4) * ms),
        lambda: net.connect("in", "b", rv.OneToOne(), to="I", weight=1 * nA),
        lambda: net.connect("in", ["a", "zz"], rv.OneToOne()),
    ):
        with pytest.raises(RanvierError):
            act()
    assert list(net.populations) == ["a", "b"]
    net.population("c", 3, rv.LIF())


def test_whole_numbers_of_any_kind_are_sizes() -> None:
    net = rv.Network(dt=1 * ms, seed=np.int64(3))
    net.population("a", np.int32(4), rv.LIF())
    net.population("b", torch.Size((2, 3)), rv.LIF())
    assert net.shape_of("a") == (4,)
    assert net.shape_of("b") == (2, 3)
