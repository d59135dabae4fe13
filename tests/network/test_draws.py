"""Which random numbers are new when: every sample and call has its own, a stream pins them, the network stays what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import StateError
from ranvier.network import Source
from ranvier.units import Hz, ms, mV, nA, pA

SIZE = 40
SOURCES: dict[str, Callable[..., Source]] = {
    "poisson": partial(rv.Poisson, 200 * Hz, SIZE),
    "poisson each": partial(rv.Poisson, np.linspace(50, 800, SIZE) * Hz, SIZE),
    "trains": partial(rv.Poisson, 5 * Hz, SIZE, trains=400),
    "trains each": partial(rv.Poisson, np.linspace(0.5, 4, SIZE) * Hz, SIZE, trains=1000),
    "in time": partial(rv.Poisson, "200*Hz*(1 + sin(2*pi*9*Hz*t))", SIZE),
    "each in time": partial(
        rv.Poisson, rv.Stimulus("r = w*(1 + sin(2*pi*9*Hz*t))", SIZE, w=rv.Uniform(9 * Hz, 300 * Hz)), SIZE
    ),
    "trains in time": partial(
        rv.Poisson, rv.TimedArray(np.linspace(1, 9, 500)[:, None] * Hz, dt=2 * ms), SIZE, trains=90
    ),
    "trains each in time": partial(
        rv.Poisson, rv.TimedArray(np.linspace(1, 9, 20 * SIZE).reshape(20, SIZE) * Hz), SIZE, trains=90
    ),
    "noise": partial(rv.OrnsteinUhlenbeck, 0 * nA, 1 * nA, 1 * ms, SIZE),
}
CELL = """
dv/dt = (E - v + 40*mV*x)/tau + 3*mV*sqrt(2/tau)*xi : mV (unless refractory)
x : 1 (input)
"""


def net_with(source: Source) -> rv.Network:
    net = rv.Network(dt=1 * ms, seed=3, dtype=torch.float64)
    net.source("source", source)
    return net


@pytest.mark.parametrize("kind", SOURCES)
class TestSources:
    def test_samples_and_streams_are_independent(self, kind: str) -> None:
        if "in time" in kind:
            pytest.skip("a rate that varies in time is common to all samples")
        source = SOURCES[kind]()
        net = net_with(source)
        series = torch.cat([source.emissions(0, 600, net, stream, 3) for stream in (0, 1, 2**32 - 1)], 1)
        apart = series - series.mean(0)
        correlation = np.corrcoef(apart.transpose(0, 1).flatten(1).numpy())
        assert np.abs(correlation[np.triu_indices(9, 1)]).max() < 0.05

    def test_the_same_whatever_batch_and_cut(self, kind: str) -> None:
        source = SOURCES[kind]()
        net = net_with(source)
        whole = source.emissions(0, 40, net, 9, 5)
        assert torch.equal(source.emissions(0, 40, net, 9, 2), whole[:, :2])
        pieces = [source.emissions(first, count, net, 9, 5) for first, count in ((0, 1), (1, 25), (26, 14))]
        assert torch.equal(torch.cat(pieces), whole)
        assert torch.equal(source.emissions(1020, 10, net, 9, 1), source.emissions(1000, 40, net, 9, 3)[20:30, :1])

    def test_frozen_by_choice(self, kind: str) -> None:
        source = SOURCES[kind](frozen=True)
        net = net_with(source)
        whole = source.emissions(0, 40, net, 5, 3)
        assert torch.equal(whole, source.block(0, 40, net).expand(40, 3, SIZE))
        assert torch.equal(source.emissions(0, 40, net, 6, 3), whole)
        assert "frozen=True" in repr(source)

    def test_spikes_are_those_of_the_first_sample(self, kind: str) -> None:
        if kind == "noise":
            pytest.skip("a signal has no spikes")
        source = SOURCES[kind]()
        net = net_with(source)
        step, cell = source.spikes(7, 30, net, 4)
        counts = np.zeros((30, SIZE))
        np.add.at(counts, (step - 7, cell), 1)
        assert np.array_equal(counts, source.emissions(7, 30, net, 4, 2)[:, 0].numpy())


def driven(provider: str | None = None, frozen: bool = False) -> rv.Network:
    """An input, three sources, noisy cells that start anywhere."""
    net = rv.Network(dt=1 * ms, seed=3, dtype=torch.float64, provider=provider)
    net.input("input", 6)
    net.source("spikes", rv.Poisson(100 * Hz, 9, frozen=frozen))
    net.source("many", rv.Poisson(250 * Hz, 9, trains=2, frozen=frozen))
    net.source("current", rv.OrnsteinUhlenbeck(0.1, 0.05, 5 * ms, 9, frozen=frozen))
    cell = rv.Cell(CELL, threshold="v > V_t", reset="v = E", refractory=2 * ms, E=-60 * mV, V_t=-50 * mV, tau=10 * ms)
    net.population("cells", 9, cell, output=True, v=rv.Uniform(-60 * mV, -51 * mV), tau=rv.Uniform(8 * ms, 12 * ms))
    net.connect("input", "cells", rv.FixedProbability(0.5), to="x", weight=0.2)
    for name in ("spikes", "many", "current"):
        net.connect(name, "cells", rv.OneToOne(), to="x", weight=0.3)
    net.connect("cells", "cells", rv.FixedProbability(0.3), to="x", weight=rv.Uniform(0, 0.2), delay=2 * ms)
    return net


@pytest.fixture
def x() -> torch.Tensor:
    return (torch.rand(50, 4, 6, generator=torch.Generator().manual_seed(1)) < 0.2).double()


class TestCalls:
    def test_every_call_and_sample_draws_anew(self, x: torch.Tensor) -> None:
        net, same = driven(), x[:, :1].expand(-1, 4, -1)
        first, second = (net.observe(same, record={"cells": ["v", "spikes"]})["cells"] for _ in range(2))
        assert not torch.equal(first["spikes"], second["spikes"])
        v = torch.cat([first["v"], second["v"]], 1)
        assert all(not torch.equal(v[:, i], v[:, k]) for i in range(8) for k in range(i))

    def test_a_stream_pins_all_of_it(self, x: torch.Tensor) -> None:
        net = driven()
        one, again, other = (net(x, stream=s)[0] for s in (7, 7, 8))
        assert one.any()
        assert torch.equal(one, again)
        assert not torch.equal(one, other)
        seen = net.observe(x, stream=7, record={"cells": ["spikes"]})["cells"]["spikes"]
        assert torch.equal(seen, one)
        assert torch.equal(net(x, net.initial_state(4, stream=7))[0], one)

    def test_torch_s_seed_pins_a_series_of_calls(self, x: torch.Tensor) -> None:
        net, found = driven(), []
        for _ in range(2):
            torch.manual_seed(0)
            found.append(torch.stack([net(x)[0], net(x)[0]]))
        assert torch.equal(*found)

    def test_a_sample_does_not_depend_on_the_batch(self, x: torch.Tensor) -> None:
        net = driven(provider="reference")
        assert torch.equal(net(x[:, :2], stream=7)[0], net(x, stream=7)[0][:, :2])

    def test_both_providers_draw_the_same(self, x: torch.Tensor) -> None:
        plain, fast = (driven(p)(x, stream=7) for p in ("reference", "cpu"))
        assert torch.equal(plain[0], fast[0])
        torch.testing.assert_close(plain[1].variables["cells"]["v"], fast[1].variables["cells"]["v"])

    @pytest.mark.parametrize("provider", ["reference", "cpu"])
    def test_a_state_keeps_its_stream(self, provider: str, x: torch.Tensor, tmp_path: Path) -> None:
        net = driven(provider)
        whole, _ = net(x, stream=7)
        head, state = net(x[:20], stream=7)
        rv.save_state(state.detach(), tmp_path / "state.safetensors")
        for later in (state, rv.load_state(tmp_path / "state.safetensors")):
            torch.testing.assert_close(torch.cat([head, net(x[20:], later)[0]]), whole, rtol=0, atol=1e-12)
        assert not torch.equal(net(x[20:], state, stream=8)[0], whole[20:])

    def test_what_the_network_is_stays(self, x: torch.Tensor) -> None:
        nets = [driven(), driven()]
        for net, stream in zip(nets, (1, 2), strict=True):
            net(x, stream=stream)
        for n, t in nets[0].state_dict().items():
            assert torch.equal(t, nets[1].state_dict()[n]), n

    def test_frozen_sources(self, x: torch.Tensor) -> None:
        """Only the cells' own noise and start differ."""
        net = driven(frozen=True)
        given = [source.emissions(0, 9, net, stream, 2) for source in net.sources.values() for stream in (1, 2)]
        for one, other in zip(given[::2], given[1::2], strict=True):
            assert torch.equal(one, other)
        assert not torch.equal(net(x, stream=1)[0], net(x, stream=2)[0])

    def test_saved_and_loaded(self, x: torch.Tensor, tmp_path: Path) -> None:
        for frozen in (False, True):
            net = driven(frozen=frozen)
            rv.save(net, tmp_path / str(frozen))
            loaded = rv.load(tmp_path / str(frozen))
            assert [s.frozen for s in loaded.sources.values()] == [frozen] * 3
            assert torch.equal(loaded(x, stream=7)[0], net(x, stream=7)[0])

    @pytest.mark.parametrize("stream", [-1, 2**32, 1.5, "one", True])
    def test_streams_are_numbers(self, stream: object, x: torch.Tensor) -> None:
        with pytest.raises(StateError, match="0 to 2\\^32 - 1"):
            driven()(x, stream=stream)

    def test_a_state_of_no_stream_is_refused(self, x: torch.Tensor) -> None:
        net = driven()
        with pytest.raises(StateError, match="from 0 to 4294967295"):
            net(x, replace(net.initial_state(4), stream=2**32))


def test_initial_values_are_distributed_as_asked() -> None:
    net = rv.Network(dt=1 * ms, seed=1, dtype=torch.float64)
    net.population("cells", 500, rv.CurrentLIF(), v=rv.Uniform(-70 * mV, -50 * mV))
    v = net.initial_state(20, stream=3).variables["cells"]["v"]
    assert abs(float(v.mean()) + 60) < 0.3
    assert abs(float(v.std()) - 20 / 12**0.5) < 0.2
    assert np.abs(np.corrcoef(v.numpy())[np.triu_indices(20, 1)]).max() < 0.2
    assert torch.equal(net.initial_state(3, stream=3).variables["cells"]["v"], v[:3])
    assert not torch.equal(net.initial_state(20, stream=4).variables["cells"]["v"], v)


def circuit(provider: str | None = None) -> rv.Network:
    """Plastic synapses that fail at random, drawn release variables, and drives of two kinds."""
    net = rv.Network(dt=0.1 * ms, seed=2, dtype=torch.float64, provider=provider)
    net.source("drive", rv.Poisson(12 * Hz, 30, trains=1000))
    net.source("spikes", rv.Poisson(100 * Hz, 30))
    net.population("cells", 30, rv.CurrentLIF(), v=rv.Uniform(-70 * mV, -60 * mV))
    net.connect("drive", "cells", rv.OneToOne(), to="I", weight=rv.Uniform(300 * pA, 400 * pA))
    release = rv.StochasticRelease(p=0.5)
    net.connect("spikes", "cells", rv.FixedProbability(0.3), to="I", weight=2 * nA, plasticity=release)
    net.connect("cells", "cells", rv.FixedProbability(0.2), to="I", weight=-200 * pA, delay=1 * ms)
    return net


RECORD = {"cells": ["spikes", "v"]}


def trains(run: rv.network.Run) -> list[tuple[int, int]]:
    spikes = run["cells"].spikes
    return list(zip(spikes.step.tolist(), spikes.cell.tolist(), strict=True))


class TestRuns:
    def test_runs_differ_unless_they_are_pinned(self) -> None:
        net = circuit()
        first, second, pinned, again = (net.run(30 * ms, record=RECORD, stream=s) for s in (None, None, 4, 4))
        assert trains(first) != trains(second)
        assert trains(pinned) == trains(again)
        assert np.array_equal(pinned["cells"].v, again["cells"].v)
        assert pinned.state.stream == 4
        torch.manual_seed(0)
        one = trains(net.run(30 * ms, record=RECORD))
        torch.manual_seed(0)
        assert trains(net.run(30 * ms, record=RECORD)) == one

    def test_the_loop_and_the_plain_way_draw_the_same(self) -> None:
        loop, plain = (circuit(p).run(40 * ms, record=RECORD, stream=4) for p in (None, "reference"))
        assert len(loop.plan.circuits) == 1
        assert not plain.plan.circuits
        assert len(trains(loop)) > 20
        assert trains(loop) == trains(plain)
        np.testing.assert_allclose(loop["cells"].v, plain["cells"].v, atol=1e-9)

    def test_cuts_keep_the_stream(self) -> None:
        net = circuit()
        whole = net.run(30 * ms, record=RECORD, stream=4)
        head = net.run(11 * ms, record=RECORD, stream=4)
        tail = net.run(19 * ms, head.state, record=RECORD)
        assert trains(head) + trains(tail) == trains(whole)
        other = net.run(19 * ms, head.state, record=RECORD, stream=5)
        assert other.state.stream == 5
        assert trains(other) != trains(tail)

    def test_a_gradient_run_draws_as_a_plain_one(self) -> None:
        net = rv.Network(dt=0.1 * ms, seed=2, dtype=torch.float64)
        net.source("drive", rv.Poisson(12 * Hz, 20, trains=1000))
        net.population("cells", 20, rv.CurrentLIF(), v=rv.Uniform(-70 * mV, -60 * mV))
        net.connect("drive", "cells", rv.OneToOne(), to="I", weight=rv.Learn(350 * pA, each=True))
        net.connect("cells", "cells", rv.FixedProbability(0.2), to="I", weight=-200 * pA)
        plain = net.run(20 * ms, record={"cells": ["v"]}, stream=6)["cells"].v
        seen = net.run(20 * ms, grad=True, record={"cells": ["v"]}, stream=6)["cells"].v
        np.testing.assert_allclose(seen[:, 0].detach(), plain, atol=1e-9)

    def test_a_run_from_a_checkpoint_goes_on_with_its_stream(self, tmp_path: Path) -> None:
        net, how = circuit(), {"record": RECORD, "checkpoint_every": 10 * ms}
        done = net.run(30 * ms, checkpoint=tmp_path / "run", **how)
        again = circuit().run(30 * ms, checkpoint=tmp_path / "run", **how)
        assert trains(again) == trains(done)
        assert again.state.stream == done.state.stream
        with pytest.raises(StateError, match="stream"):
            circuit().run(30 * ms, checkpoint=tmp_path / "run", stream=done.state.stream + 1, **how)
