"""A call in which each sample has its own parameters equals one call for each set, sample by sample, bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, EquationError, ShapeError
from ranvier.network import GraphError
from ranvier.network.plan.built import unit_of
from ranvier.units import Hz, ms, mV

Tensor = torch.Tensor
Values = Mapping[str, Mapping[str, Any]]
SETS = 3
RULE = rv.plasticity.STDP(A_plus=0.1 * mV, A_minus=-0.12 * mV, w_max=1.0 * mV)
CELL = rv.Cell(
    "dv/dt = (E - v + g + s*xi*ms**0.5)/tau : mV (unless refractory)\ndg/dt = -g/tau_g : mV",
    threshold="v > -50*mV", reset="v = -60*mV", refractory=3 * ms, E=-49 * mV, s=0.5 * mV, tau=20 * ms, tau_g=5 * ms,
)  # fmt: skip
PLAIN = rv.Cell(
    "dv/dt = (E - v + g)/tau : mV (unless refractory)\ndg/dt = -g/tau_g : mV",
    threshold="v > -50*mV", reset="v = -60*mV", refractory=3 * ms, E=-49 * mV, tau=20 * ms, tau_g=5 * ms,
)  # fmt: skip


def circuit(
    cell: rv.Cell = CELL, dtype: torch.dtype = torch.float32, provider: str | None = None, delays: bool = True
) -> rv.Network:
    """Two populations with single synapses and a source."""
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype, provider=provider)
    net.source("noise", rv.Poisson(400 * Hz, 30))
    for n, size in (("a", 30), ("b", 17)):
        net.population(n, size, cell, v=rv.Uniform(-60 * mV, -50 * mV))
    net.connect("noise", "a", rv.OneToOne(), to="g", weight=2 * mV)
    net.connect("a", "b", rv.FixedProbability(0.4), to="g", weight=3 * mV, delay=0.5 * ms)
    delay = rv.Uniform(0 * ms, 2 * ms) if delays else 1 * ms
    net.connect("b", "a", rv.FixedProbability(0.3), to="g", weight=rv.Uniform(-2 * mV, 0 * mV), delay=delay)
    return net


def alone(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Network:
    """One population without synapses."""
    net = rv.Network(dt=0.1 * ms, seed=1, dtype=dtype, provider=provider)
    net.population("a", 30, PLAIN, v=rv.Uniform(-60 * mV, -50 * mV))
    return net


CASES: dict[str, tuple[Callable[..., rv.Network], Values]] = {
    "a number each": (circuit, {"a": {"E": [-49, -47, -44] * mV}}),
    "two populations": (circuit, {"a": {"tau": [10, 20, 30] * ms}, "b": {"s": [0.0, 1.0, 2.0] * mV}}),
    "refractoriness": (circuit, {"b": {"refractory": [0, 2, 9] * ms, "E": [-45, -45, -45] * mV}}),
    "a number for each cell": (circuit, {"a": {"E": torch.linspace(-50, -44, 90).view(3, 30).double() * mV}}),
    "without noise": (lambda **how: circuit(PLAIN, **how), {"a": {"E": [-49, -47, -44] * mV}, "b": {"tau": [10, 20, 30] * ms}}),
    "one latency": (lambda **how: circuit(PLAIN, delays=False, **how), {"b": {"refractory": [0, 2, 9] * ms}}),
    "no synapses": (alone, {"a": {"E": [-49, -47, -44] * mV, "refractory": [1, 3, 5] * ms}}),
}  # fmt: skip


def one(values: Values, b: int) -> dict[str, dict[str, Any]]:
    return {n: {v: x[b] for v, x in own.items()} for n, own in values.items()}


def with_values(net: rv.Network, values: Values, each: bool = True) -> rv.Network:
    """A copy with one set of parameters in the place of its own, for ``each`` cell or as one number."""
    other = copy.deepcopy(net)
    for n, own in values.items():
        for label, value in own.items():
            number = torch.as_tensor(rv.units.as_quantity(value).value, dtype=torch.float64)
            setattr(other.populations[n], label, number.expand(other.populations[n].shape).clone() if each else number)
    return other


def record(net: rv.Network) -> dict[str, list[str]]:
    return {n: ["spikes", "v"] for n in net.populations}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CASES)
def test_each_sample_is_that_of_its_own_network(name: str, dtype: torch.dtype) -> None:
    make, values = CASES[name]
    net = make(dtype=dtype)
    with torch.no_grad():
        how = {"duration": 20 * ms, "stream": 4, "record": record(net)}
        found = net.observe(values=values, **how)
        unlike = net.observe(batch=SETS, **how)
        for b in range(SETS):
            single = with_values(net, one(values, b)).observe(batch=SETS, **how)
            for n, own in found.items():
                for v, x in own.items():
                    assert x.shape[1] == SETS
                    assert torch.equal(x[:, b], single[n][v][:, b]), (n, v, b)
            close = with_values(net, one(values, b), each=False).observe(batch=SETS, **how)
            if dtype == torch.float64:
                assert all(torch.equal(x["spikes"][:, b], close[n]["spikes"][:, b]) for n, x in found.items())
        assert any(not torch.equal(found[n]["v"], unlike[n]["v"]) for n in found)
        assert sum(own["spikes"].sum() for own in found.values()) > 20


@pytest.mark.parametrize("name", CASES)
def test_providers_agree(name: str) -> None:
    make, values = CASES[name]
    outs = []
    for provider in ("cpu", "reference"):
        net = make(dtype=torch.float64, provider=provider)
        with torch.no_grad():
            outs.append(net.observe(duration=20 * ms, stream=4, record=record(net), values=values))
    for n, own in outs[0].items():
        assert torch.equal(own["spikes"], outs[1][n]["spikes"])
        torch.testing.assert_close(own["v"], outs[1][n]["v"], rtol=1e-9, atol=1e-9)


def test_one_kernel_call_serves_all_sets() -> None:
    net = circuit(PLAIN)
    with torch.no_grad():
        net.observe(duration=5 * ms, values={"a": {"E": [-49, -47, -44] * mV}}, record=record(net))
    (plan,) = net._memo.plans.values()
    (unit,) = plan.units
    (opened,) = unit_of(plan, unit).kept
    assert opened.population("a").cells == SETS * 32  # whole vectors of 30 cells


def layers() -> rv.Sequential:
    torch.manual_seed(1)
    return rv.Sequential(
        rv.Linear(12, 9), rv.LIF(9, tau=10 * ms), rv.Linear(9, 3), rv.LeakyReadout(3, tau=20 * ms), dt=1 * ms
    )


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_inputs_and_gradients(provider: str) -> None:
    net = layers().double()
    net.provider = provider
    x = (torch.rand(15, SETS, 12, generator=torch.Generator().manual_seed(2)) < 0.4).double()
    tau = torch.tensor([5.0, 10.0, 30.0], dtype=torch.float64, requires_grad=True)
    out, _ = net(x, values={"lif1": {"tau": tau * ms}})
    (slope,) = torch.autograd.grad(out.square().sum(), tau)
    for b in range(SETS):
        own = torch.tensor(float(tau[b]), dtype=torch.float64, requires_grad=True)
        single = copy.deepcopy(net)
        single.populations["lif1"].tau = None
        del single.populations["lif1"].tau
        single.populations["lif1"].register_parameter("tau", torch.nn.Parameter(own.detach()))
        alone = single(x)[0][:, b]
        torch.testing.assert_close(out[:, b], alone, rtol=1e-12, atol=1e-12)
        (wanted,) = torch.autograd.grad(alone.square().sum(), single.populations["lif1"].tau)
        torch.testing.assert_close(slope[b], wanted, rtol=1e-9, atol=1e-12)
    assert slope.abs().min() > 0


def test_a_call_leaves_nothing_behind() -> None:
    net, x = layers(), torch.ones(6, SETS, 12)
    first = [net(x)[0] for _ in range(4)][-1]
    changed, state = net(x, values={"lif1": {"tau": [5, 10, 30] * ms}})
    assert not torch.equal(first, changed)
    assert torch.equal(first[:, 1], changed[:, 1])  # its own tau
    assert torch.equal(net(x)[0], first)
    assert torch.equal(net(x, state)[0], copy.deepcopy(net)(x, state)[0])


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        ({"c": {"E": [1, 2, 3] * mV}}, GraphError, "'c'"),
        ({"a": {"F": [1, 2, 3] * mV}}, GraphError, "no parameter 'F'"),
        ({"a": {"v": [1, 2, 3] * mV}}, GraphError, "state"),
        ({"a": {"E": [1, 2, 3] * ms}}, DimensionError, "dimension"),
        ({"a": {"E": -49 * mV}}, ShapeError, r"\[samples\] or \[samples, 30\]"),
        ({"a": {"E": [1, 2] * mV, "tau": [1, 2, 3] * ms}}, ShapeError, "2 samples"),
        ({"a": {"tau": [1, 0, 3] * ms}}, EquationError, "positive"),
        ({"a": [1, 2]}, GraphError, "values="),
    ],
)
def test_mistakes(values: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        circuit().observe(duration=1 * ms, values=values, record={"a": ["v"]})


def test_cells_without_a_size_have_values_of_samples_alone() -> None:
    net = rv.Sequential(rv.LIF(tau=10 * ms), dt=1 * ms)
    with pytest.raises(ShapeError, match=r"the call has 2 samples: give \[samples\]\."):
        net(torch.ones(3, 2, 5), values={"lif1": {"tau": [5, 10, 20] * ms}})


def test_more_mistakes() -> None:
    net = circuit()
    with pytest.raises(ShapeError, match="4 samples"):
        net.observe(duration=1 * ms, batch=4, values={"a": {"E": [1, 2, 3] * mV}}, record={"a": ["v"]})
    net.connect("a", "b", rv.AllToAll(), to="g", weight=0.1 * mV, plasticity=RULE)
    with pytest.raises(GraphError, match="plastic"):
        net.observe(duration=1 * ms, values={"a": {"E": [1, 2, 3] * mV}}, record={"a": ["v"]})
