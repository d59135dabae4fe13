"""A stepper gives the numbers of ``net.step`` bit for bit, and follows or refuses what changes on the network."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.errors import MemoryLimitError, ShapeError, StateError
from ranvier.network import GraphError
from ranvier.units import Hz, ms, mV, nA

Tensor = torch.Tensor


def _layers(dtype: torch.dtype, provider: str | None) -> rv.Sequential:
    parts = [rv.Linear(12, 16), rv.LIF(16, tau=5 * ms), rv.Linear(16, 5), rv.LeakyReadout(5, tau=8 * ms)]
    return rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider)


def _recurrent(dtype: torch.dtype, provider: str | None) -> rv.Sequential:
    equations = "dv/dt = (x - v)/tau : 1 (unless refractory)\nx : 1 (input)"
    cell = rv.Cell(equations, threshold="v > 1", reset="v = 0", refractory=2 * ms, size=9, tau=5 * ms, name="cell")
    parts = [rv.Linear(12, 9), rv.Recurrent(cell, rv.Linear(9, 9, delay=2 * ms)), rv.Linear(9, 5), rv.LIF(5)]
    return rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider)


def _convolutional(dtype: torch.dtype, provider: str | None) -> rv.Sequential:
    parts = [
        rv.Linear(12, 16),
        torch.nn.Unflatten(1, (1, 4, 4)),
        torch.nn.Conv2d(1, 2, 3),
        rv.LIF((2, 2, 2)),
        torch.nn.Flatten(),
    ]
    parts += [rv.Linear(8, 5), rv.LIF(5), rv.Linear(5, 5, delay=rv.Uniform(0 * ms, 4 * ms)), rv.LIF(5)]
    return rv.Sequential(*parts, dt=1 * ms, dtype=dtype, provider=provider)


NETS = [_layers, _recurrent, _convolutional]
Make = Callable[[torch.dtype, str | None], rv.Sequential]


def _net(make: Make = _layers, dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(2)
    net = make(dtype, provider)
    with torch.no_grad():
        for p in net.projections.values():
            for weight in p.chain.parameters():
                weight.mul_(6)
    return net


def _x(steps: int, batch: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    spikes = torch.rand(steps, batch, 12, generator=generator) < 0.3
    return torch.where(spikes, torch.rand(steps, batch, 12, generator=generator), 0.0).to(dtype)


def _equal(a: rv.State, b: rv.State) -> bool:
    one, other = a.tensors(), b.tensors()
    same = one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)
    return same and (a.step, a.stream) == (b.step, b.stream)


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("batch", [1, 3, 10])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("provider", [None, "reference"])
def test_it_gives_the_numbers_of_steps(make: Make, batch: int, dtype: torch.dtype, provider: str | None) -> None:
    net, x = _net(make, dtype, provider), _x(12, batch, dtype)
    state = net.initial_state(batch, stream=5)
    stepper = net.stepper(state)
    with torch.no_grad():
        for now in x:
            out, state = net.step(now, state)
            assert torch.equal(stepper(now), out)
            assert _equal(stepper.state, state)


def test_outputs_share_memory_and_states_do_not() -> None:
    net, x = _net(), _x(6, 1)
    stepper = net.stepper()
    stepper(x[0])
    one, state = stepper(x[1]), stepper.state
    kept, known = one.clone(), state.clone()
    assert stepper(x[2]) is one
    assert not torch.equal(one, kept)
    assert _equal(state, known)
    with torch.no_grad():
        assert torch.equal(net.step(x[2], state)[0], one)  # any call takes it


def test_it_begins_anew_from_a_state() -> None:
    net, x = _net(_recurrent), _x(8, 2)
    stepper = net.stepper(batch=2, stream=3)
    first = [stepper(now).clone() for now in x]
    stepper.reset()
    assert all(torch.equal(stepper(now), out) for now, out in zip(x, first, strict=True))
    other = net.initial_state(4, stream=1)
    stepper.reset(other)
    assert stepper.state.step == 0
    assert stepper(_x(1, 4)[0]).shape == (4, 5)
    assert other.step == 0


def _weights(net: rv.Sequential) -> None:
    net.projections["linear1"].chain[0].weight.data.add_(0.3)


def _loaded(net: rv.Sequential) -> None:
    net.load_state_dict({n: t * 1.5 if n.endswith("weight") else t for n, t in net.state_dict().items()})


def _bias(net: rv.Sequential) -> None:
    net.projections["linear2"].chain[0].bias.data[1] = 3.0


def _threshold(net: rv.Sequential) -> None:
    net.populations["lif1"].V_th.fill_(0.3)


def _trained(net: rv.Sequential) -> None:
    optimizer = torch.optim.Adam(net.parameters(), lr=0.5)
    net(_x(5, 1))[0].sum().backward()
    optimizer.step()


def _hook(net: rv.Sequential) -> None:
    net.populations["lif1"].register_forward_hook(lambda module, inputs, out: out * 0)


def _own_hook(net: rv.Sequential) -> None:
    net.register_forward_hook(lambda module, inputs, out: (out[0] + 1, out[1]))


def _provider(net: rv.Sequential) -> None:
    net.provider = "reference"
    net.populations["lif1"].V_th.fill_(0.3)


@pytest.mark.parametrize("change", [_weights, _loaded, _bias, _threshold, _trained, _hook, _own_hook, _provider])
def test_it_follows_what_changes(change: Callable[[rv.Sequential], None]) -> None:
    net, x = _net(), _x(20, 1)
    stepper, still = net.stepper(stream=0), _net().stepper(stream=0)
    for now in x[:6]:
        assert torch.equal(stepper(now), still(now))
    state = stepper.state
    change(net)
    differs = False
    with torch.no_grad():
        for now in x[6:]:
            out, state = net.step(now, state)
            assert torch.equal(stepper(now), out)
            differs |= not torch.equal(still(now), out)
    assert differs


def test_another_dtype_is_refused_by_name() -> None:
    net, x = _net(), _x(4, 1)
    stepper = net.stepper()
    for now in x:
        stepper(now)
    net.double()
    with pytest.raises(StateError, match=r"state is in torch.float32, the network in torch.float64"):
        stepper(x[0])
    stepper.reset(stepper.state.to(torch.float64))
    assert stepper(x[0]).dtype == torch.float64


def test_a_refused_input_leaves_the_state_as_it_was() -> None:
    net, x = _net(_recurrent), _x(4, 1)
    stepper = net.stepper()
    for now in x:
        stepper(now)
    before = stepper.state
    with pytest.raises(ShapeError, match="holds inf"):
        stepper(torch.full((1, 12), math.inf))
    with pytest.raises(ShapeError, match="expected"):
        stepper(torch.zeros(1, 3))
    with pytest.raises(StateError, match="batch of 1"):
        stepper(torch.zeros(2, 12))
    assert _equal(stepper.state, before)
    stepper(x[0])


def _circuit(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, seed=2, dtype=dtype, provider=provider)
    net.population("cells", 30, rv.CurrentLIF(I_e=0.5 * nA, refractory=1 * ms))
    net.population("others", 20, rv.CurrentLIF(), v=rv.Uniform(-65 * mV, -51 * mV))
    net.population("alone", 4, rv.CurrentLIF(I_e=0.6 * nA))
    net.source("noise", rv.Poisson(2000 * Hz, 20))
    net.connect("noise", "others", rv.OneToOne(), to="I", weight=0.3 * nA)
    net.connect("cells", "others", rv.FixedProbability(0.3), to="I", weight=0.2 * nA, delay=0.4 * ms, name="forth")
    net.connect("others", "cells", rv.FixedProbability(0.3), to="I", weight=0.1 * nA)
    return net


@pytest.mark.parametrize("provider", [None, "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_on_its_own_gives_the_spikes_of_a_run(dtype: torch.dtype, provider: str | None) -> None:
    net = _circuit(dtype, provider)
    state = net.initial_state(stream=4)
    names = list(net.populations)
    run = net.run(12 * ms, state, record={n: ["spikes"] for n in names})
    stepper = net.stepper(state)
    found: dict[str, list[tuple[int, int]]] = {n: [] for n in names}
    for steps in (1, 1, 3, 40, 5, 70):
        first = stepper.state.step
        for n, spikes in stepper(steps).items():
            for k in range(steps):
                cells = spikes.cell[spikes.bounds[k] : spikes.bounds[k + 1]]
                found[n] += [(first + k, int(c)) for c in cells]
    for n in names:
        wanted = run[n].spikes
        assert found[n] == list(zip(wanted.step.tolist(), wanted.cell.tolist(), strict=True))
        assert found[n]
    assert _equal(stepper.state, run.state)
    assert state.step == 0


def test_a_network_on_its_own_follows_what_changes() -> None:
    net, state = _circuit(), _circuit().initial_state(stream=4)
    stepper = net.stepper(state)
    stepper(60)
    middle = stepper.state
    net.projections["forth"].chain[0].weight.data.mul_(0)
    net.populations["cells"].V_th.fill_(-60.0)
    stepper(60)
    assert _equal(stepper.state, net.run(6 * ms, middle).state)
    stepper.reset(state)
    assert stepper.state.step == 0
    with pytest.raises(GraphError, match="at least 1"):
        stepper(0)
    net.double()
    with pytest.raises(StateError, match="float64"):
        stepper()


def test_cells_of_a_plane_are_counted_over_all_axes() -> None:
    net = rv.Network(dt=1 * ms, seed=2)
    net.population(
        "plane",
        (3, 4),
        rv.Cell("dv/dt = (1.5 - v)/tau : 1", threshold="v > 1", reset="v = 0", v=rv.Uniform(0, 1), tau=5 * ms),
    )
    run = net.run(20 * ms, record={"plane": ["spikes"]})
    spikes = net.stepper()(20)["plane"]
    assert len(spikes.cell) > 12
    assert int(spikes.cell.max()) > 3
    again = net.run(20 * ms, stream=run.state.stream, record={"plane": ["spikes"]})["plane"].spikes
    spikes = net.stepper(stream=run.state.stream)(20)["plane"]
    assert spikes.cell.tolist() == again.cell.tolist()
    assert spikes.bounds.diff().tolist() == torch.bincount(torch.as_tensor(again.step), minlength=20).tolist()


def test_a_given_state_goes_on_with_the_stream_that_is_asked_for() -> None:
    net = _circuit()
    state = net.run(5 * ms, stream=4).state
    stepper = net.stepper(state, stream=9)
    stepper(50)
    assert _equal(stepper.state, net.run(5 * ms, state, stream=9).state)
    assert not _equal(stepper.state, net.run(5 * ms, state).state)


def test_a_batch_that_no_stepper_has_is_refused() -> None:
    net = _circuit()
    with pytest.raises(
        GraphError,
        match=r"batch=3: the stepper of a network without inputs runs one sample; run trials with net.observe",
    ):
        net.stepper(batch=3)
    with pytest.raises(GraphError, match="batch=1 sets the batch of a fresh state"):
        net.stepper(net.initial_state(), batch=1)
    with pytest.raises(GraphError, match="steps=True must be a whole number"):
        net.stepper()(True)
    with pytest.raises(StateError, match="state is int"):
        net.stepper(5)
    with pytest.raises(MemoryLimitError, match=r"steps at once needs .* of memory.*take fewer steps at a time"):
        net.stepper()(1 << 45)
