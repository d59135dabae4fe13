"""Lists drive synapses on the way back: who is asked, what spikes were worth, what weights were."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.kernels import eager
from ranvier.kernels.cpu.events.find import events
from ranvier.kernels.cpu.fused.member import Member
from ranvier.kernels.cpu.fused.near_threshold import near_kernel
from ranvier.kernels.cpu.fused.span import Rows, Span
from ranvier.kernels.cpu.fused.synapse_kernels import collect_kernel, copy_kernel, return_kernel
from ranvier.kernels.cpu.host.schedule import Schedule
from ranvier.kernels.tasks import Scan
from ranvier.units import ms, mV


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(deadline=None, max_examples=25)
@given(
    rows=st.integers(1, 4), sources=st.integers(1, 9), each=st.integers(0, 40), wide=st.integers(1, 50),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_only_what_is_listed_is_touched(dtype, rows, sources, each, wide, seed) -> None:
    g = torch.Generator().manual_seed(seed)
    degrees = torch.randint(0, each + 1, (sources,), generator=g)
    pointer = torch.cat([torch.zeros(1, dtype=torch.int64), degrees.cumsum(0)])
    count = int(pointer[-1])
    place = torch.randint(0, wide, (count,), generator=g, dtype=torch.int32)
    source = torch.repeat_interleave(torch.arange(sources), degrees)
    weight, grad = torch.randn(count, dtype=dtype, generator=g), torch.randn(rows, wide, dtype=dtype, generator=g)
    listed = (torch.rand(rows, sources, generator=g) < 0.5).to(dtype)
    found = events(listed)
    wired = {"pointer": found.pointer, "index": found.index, "row_pointer": pointer, "place": place}
    sizes = {"start": 0, "stop": rows, "columns": wide}
    arrived = grad[:, place.long()]  # [rows, synapses]

    out = torch.randn(rows, sources, dtype=dtype, generator=g)
    wanted = out + listed * torch.zeros_like(out).index_add(1, source, arrived * weight)
    return_kernel(dtype).run(**wired, **sizes, sources=sources, weight=weight, grad=grad, out=out)
    torch.testing.assert_close(out, wanted)

    total = torch.randn(count, dtype=dtype, generator=g)
    wanted = total + (listed[:, source] * arrived).sum(0)
    collect_kernel(dtype).run(**wired, **sizes, total=total, grad=grad)
    torch.testing.assert_close(total, wanted)

    one = torch.randn(1, sources, dtype=dtype, generator=g)
    copied = torch.empty(rows, sources, dtype=dtype)
    copy_kernel(dtype).run(source=one, out=copied, start=0, stop=rows, columns=sources, stride=0)
    assert torch.equal(copied, one.expand(rows, sources))


@pytest.mark.parametrize(
    ("surrogate", "asked"),
    [
        (rv.surrogates.Triangle(width=2 * mV), lambda v: (v + 50).abs() < 2),
        (rv.surrogates.Boxcar(width=3 * mV), lambda v: (v + 50).abs() < 1.5),
        (rv.surrogates.ArcTan(width=2 * mV), lambda v: torch.ones_like(v, dtype=torch.bool)),
    ],
    ids=["triangle", "boxcar", "arctan"],
)
def test_asked_are_cells_near_the_threshold_that_are_not_refractory(surrogate: rv.surrogates.Surrogate, asked) -> None:
    net = rv.Network(dt=1 * ms, seed=1, dtype=torch.float64, surrogate=surrogate)
    cell = rv.Cell(
        "dv/dt = 0*mV/ms : mV (unless refractory)", threshold="v > -50*mV", reset="v = -60*mV", refractory=3 * ms
    )
    net.population("a", 64, cell)
    population = net.populations["a"]
    step = population.step(())
    shape = (1, 64)
    v = torch.linspace(-60, -40, 64, dtype=torch.float64)[None]
    left = (torch.arange(64)[None] % 3 == 0).double()
    coefficients = eager.coefficients(step, population.values(), net.dt)
    scan = Scan(step, 1, shape, torch.float64, {}, {"v": v, "refractory_left": left}, coefficients, ("spike",))
    member = Member(scan, coefficients)
    near = near_kernel(step, "float64", "spike", ("v", "refractory_left"))
    out, kept = member.scratch(1), {"v": Rows(v), "refractory_left": Rows(left)}
    span = Span(0, 1, 1, 0, 1)
    Schedule([member.call(near.kernel, span, kept=kept, factor={"near": out})]).run(0, 1)
    assert torch.equal(out.tensor[:, :64] != 0, asked(v) & (left == 0))


def test_dense_and_single_synapses_share_a_loop() -> None:
    """Dense delays return to Python in windows, single synapses do not; streams take from both."""
    found = []
    for provider in ("cpu", "reference"):
        torch.manual_seed(0)
        net = rv.Network(dt=1 * ms, seed=1, dtype=torch.float64, provider=provider)
        net.population("a", 20, rv.LIF(20, tau=10 * ms))
        net.population("b", 10, rv.LIF(10, tau=10 * ms))
        net.source("p", rv.Poisson(0.1 / ms, 20))
        net.connect("p", "a", rv.OneToOne(), weight=1.5)
        net.connect("a", "b", rv.Linear(20, 10))
        net.connect("a", "a", rv.Linear(20, 20, delay=rv.Learn(rv.Uniform(1 * ms, 4 * ms), max=4 * ms)))
        late = rv.Uniform(0 * ms, 4 * ms)
        net.connect("b", "a", rv.FixedProbability(0.5), weight=rv.Learn(0.5, each=True), delay=late)
        net.connect("a", "b", rv.FixedProbability(0.5), weight=rv.Learn(0.5))
        run = net.run(50 * ms, stream=0, grad=True, record={"a": ["spikes", "v"], "b": ["v"]})
        ((run["a"].v ** 2).sum() + run["b"].v.sum() + (run["a"].spikes * torch.arange(20)).sum()).backward()
        assert run["a"].spikes.sum() > 100
        found.append([p.grad for p in net.parameters()])
    for ours, wanted in zip(*found, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-9, atol=1e-10)
