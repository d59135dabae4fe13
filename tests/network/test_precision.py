"""Half precision: products run by torch's rules of autocast, states and surrogates in float32."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError, TrainingError
from ranvier.units import ms
from tests.training.crossed.cells import Spike

Tensor = torch.Tensor
HALVES = [torch.bfloat16, torch.float16]


def layers(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        rv.Linear(20, 16), rv.LIF(16, tau=rv.Learn(5 * ms)), rv.Linear(16, 4), rv.LeakyReadout(4), dt=1 * ms, **how
    )


def recurrent(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    inner = rv.Recurrent(rv.LIF(16, tau=5 * ms), rv.Linear(16, 16, bias=False))
    return rv.Sequential(rv.Linear(20, 16), inner, rv.Linear(16, 4), rv.LeakyReadout(4), dt=1 * ms, **how)


def images(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    conv, pool = nn.Conv2d(1, 3, 3), nn.AvgPool2d(2)
    return rv.Sequential(
        nn.Unflatten(1, (1, 4, 5)), conv, nn.BatchNorm2d(3), rv.LIF((3, 2, 3), tau=5 * ms), pool, nn.Flatten(), rv.Linear(3, 4),
        rv.LeakyReadout(4), dt=1 * ms, **how,
    )  # fmt: skip


def spikes(steps: int = 30, batch: int = 6) -> Tensor:
    return (torch.rand(steps, batch, 20, generator=torch.Generator().manual_seed(1)) < 0.3).float() * 2


def loop(net: rv.Sequential, x: Tensor, of: torch.dtype) -> tuple[Tensor, Tensor]:
    """The same network as a loop of torch: products as torch computes them, float32 cells; spikes and output."""
    taus = [float(net["lif1"].tau.detach()), float(net["readout1"].tau)]
    beta, decay = (torch.exp(torch.tensor(-1 / tau, dtype=torch.float64)).float() for tau in taus)
    back = dict(net.projections.items()).get("recurrent1")
    drive = net["linear1"](x.flatten(0, 1)).unflatten(0, x.shape[:2]).float()
    v = s = torch.zeros_like(drive[0])
    fired = []
    for now in drive:
        now = now if back is None else now + nn.functional.linear(s.to(of), back.transform.weight).float()
        v = beta * v + now
        s = Spike.apply(v - 1.0)
        v = v - s
        fired.append(s)
    s = torch.stack(fired)
    u, out = torch.zeros(()), []
    for now in net["linear2"](s.to(of).flatten(0, 1)).unflatten(0, x.shape[:2]).float():
        u = decay * u + (1 - decay) * now
        out.append(u)
    return s, torch.stack(out)


def cosine(a: list[Tensor], b: list[Tensor]) -> float:
    one, other = (torch.cat([t.double().flatten() for t in some]) for some in (a, b))
    return float(nn.functional.cosine_similarity(one, other, dim=0))


def learnt(net: nn.Module) -> list[Tensor]:
    found = [p.grad for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    return found


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("make", [layers, recurrent])
def test_autocast_equals_a_loop_of_torch(make: Callable, provider: str, half: torch.dtype) -> None:
    net, x = make(provider=provider), spikes()
    with torch.autocast("cpu", dtype=half):
        seen = net.observe(x, record={"lif1": ["spikes"], "readout1": ["v"]})
        fired, v = loop(net, x, half)
    out = seen["readout1"]["v"]
    assert seen["lif1"]["spikes"].dtype == out.dtype == torch.float32
    assert 0.03 < float(fired.mean()) < 0.5
    assert torch.equal(seen["lif1"]["spikes"], fired)
    assert torch.allclose(out, v, rtol=1e-5, atol=1e-5)
    plain = net.observe(x, record={"readout1": ["v"]})["readout1"]["v"]
    assert not torch.equal(out, plain)
    out.square().mean().backward()
    found = [g for g in learnt(net) if g.ndim]  # the time constant is no tensor of the loop
    v.square().mean().backward()
    assert cosine(found, learnt(net)) > 0.9999
    assert all(p.dtype == torch.float32 for p in net.parameters())


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("make", [layers, recurrent])
def test_weights_in_half_precision_equal_a_loop_of_torch(make: Callable, half: torch.dtype) -> None:
    net, x = make().to(half), spikes()
    fired, v = loop(net, x.to(half), half)
    seen = net.observe(x, record={"lif1": ["spikes"], "readout1": ["v"]})
    assert torch.equal(seen["lif1"]["spikes"], fired)
    assert torch.allclose(seen["readout1"]["v"], v, rtol=1e-5, atol=1e-5)
    out, state = net(x.to(half))
    assert net.dtype == out.dtype == half
    assert torch.equal(out, seen["readout1"]["v"].to(half))
    assert state.variables["lif1"]["v"].dtype == torch.float32
    v.square().mean().backward()
    right = learnt(net)
    seen["readout1"]["v"].square().mean().backward()
    assert cosine([p.grad for p in net.parameters() if p.ndim], right) > 0.9999
    assert {p.grad.dtype for p in net.parameters() if p.ndim} == {half}


def test_numbers_of_cells_keep_their_digits() -> None:
    net = layers()
    net["lif1"].V_th = torch.tensor(0.1, dtype=torch.float64)
    tau = net["lif1"].tau.detach().clone()
    net.bfloat16()
    assert float(net["lif1"].V_th) == 0.1
    assert torch.equal(net["lif1"].tau, tau)
    assert net["lif1"].tau.dtype == torch.float32
    layer = rv.LIF(8, tau=rv.Learn(12.3 * ms)).layer(dt=1 * ms).half()
    out, state = layer(torch.full((5, 2, 8), 0.7, dtype=torch.float16))
    assert out.dtype == torch.float16
    assert layer.tau.dtype == state.variables["lif"]["v"].dtype == torch.float32


@pytest.mark.parametrize("of", ["autocast", "weights"])
@pytest.mark.parametrize("make", [layers, recurrent, images])
def test_steps_cuts_checkpoints_and_files_have_the_same_numbers(make: Callable, of: str, tmp_path) -> None:
    net, x = make(), spikes(12)
    net.eval()
    if of == "weights":
        net.bfloat16()

    def gradient(**how: object) -> tuple[Tensor, list[Tensor]]:
        out, _ = net(x, **how)
        out.float().square().mean().backward()
        return out, learnt(net)

    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=of == "autocast"):
        out, right = gradient()
        again, found = gradient(checkpoint=5)
        assert torch.equal(again, out)
        for a, b in zip(found, right, strict=True):
            # torch sums products in another order, and in bfloat16 on processors without instructions for it
            assert torch.allclose(a, b, rtol=1e-2, atol=2e-2 * float(b.abs().max()))
            assert cosine([a], [b]) > 0.9995
        with torch.no_grad():
            first, state = net(x[:7])
            assert state.variables["lif1"]["v"].dtype == torch.float32
            rest, _ = net(x[7:], state)
            assert torch.allclose(torch.cat([first, rest]), out, rtol=2e-2, atol=2e-2)
            state = net.initial_state(6, shapes={"input": (20,)})
            stepper = net.stepper(state)
            for now in x:
                one, state = net.step(now, state)
                assert torch.equal(stepper(now), one)
            assert torch.equal(net.step(x[0])[0], net(x[:1])[0][0])
        rv.save(net, tmp_path / "net")
        other = rv.load(tmp_path / "net")
        assert other.dtype == net.dtype
        assert torch.equal(other(x)[0], out)
        assert torch.equal(copy.deepcopy(net)(x)[0], out)


def test_calls_inside_autocast_leave_those_outside_as_they_were() -> None:
    net, x = layers(), spikes(4)
    plain = [net(x)[0] for _ in range(3)]
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        rounded = [net(x)[0] for _ in range(3)]
        step = [net.step(x[0], net.initial_state(6))[0] for _ in range(3)]
    with torch.no_grad():
        assert not torch.equal(step[2], net.step(x[0], net.initial_state(6))[0])
    assert torch.equal(rounded[0], rounded[2])
    assert not torch.equal(rounded[0], plain[2])
    assert torch.equal(net(x)[0], plain[0])


def test_as_in_torch_autocast_leaves_float64_alone() -> None:
    net, x = layers(dtype=torch.float64), spikes()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(net(x)[0], layers(dtype=torch.float64)(x)[0])


def test_a_compiled_call_has_the_precision_in_which_it_was_compiled() -> None:
    net, x = layers(), spikes()

    def act(x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return net(x, stream=0)[0] * 1.0

    right = act(x)
    right.sum().backward()
    expected = learnt(net)
    found = torch.compile(act, backend="aot_eager")(x)
    assert torch.equal(found, right)
    found.sum().backward()
    for a, b in zip(learnt(net), expected, strict=True):
        assert torch.equal(a, b)


def test_the_plan_says_who_computes_products_and_what_stays_in_float32() -> None:
    net = rv.Sequential(
        rv.Linear(20, 16), rv.Recurrent(rv.LIF(16), rv.Linear(16, 16, delay=rv.Uniform(1 * ms, 3 * ms))), rv.Linear(16, 4),
        rv.LeakyReadout(4), dt=1 * ms,
    )  # fmt: skip
    assert "bfloat16" not in str(net.plan())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plan = net.plan(gradient=True)
        out, _ = net(spikes())
    out.sum().backward()
    assert "by torch, in bfloat16" in plan.choice("linear1").why
    assert "bfloat16" not in plan.choice("recurrent1").why
    assert {p.grad.dtype for p in net.parameters()} == {torch.float32}


def delayed() -> rv.Sequential:
    return rv.Sequential(rv.Linear(20, 4, delay=rv.Uniform(0 * ms, 3 * ms)), rv.LIF(4), dt=1 * ms)


def sparse() -> rv.Network:
    net = rv.Network(dt=1 * ms, seed=1)
    net.input("x", 20)
    net.population("cells", 20, rv.LIF(), output=True)
    net.connect("x", "cells", rv.FixedProbability(0.5), to="x")
    return net


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            delayed,
            r"'linear1' has a delay for each synapse, .* torch\.float16, .* net\.float\(\), and use torch\.autocast",
        ),
        (sparse, r"has single synapses, but .* net\.float\(\)"),
        (
            lambda: rv.Sequential(rv.Linear(20, 4, storage=rv.storages.Int8()), rv.LIF(4), dt=1 * ms),
            r"has weights with a storage",
        ),
    ],
)
def test_weights_that_cannot_be_in_half_precision(make: Callable, sentence: str) -> None:
    with pytest.raises(RanvierError, match=sentence):
        make().half()(spikes())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, _ = make()(spikes())
    assert out.dtype == torch.float32


@pytest.mark.parametrize("act", [rv.step_graph, rv.store_weights, rv.fold_norms], ids=lambda act: act.__name__)
def test_what_reads_weights_as_float32_is_refused(act: Callable) -> None:
    with pytest.raises(RanvierError, match=rf"call net\.float\(\) first, as rv\.{act.__name__} needs float32 weights"):
        act(layers().half())


RULES = [
    rv.rules.RTRL(),
    rv.rules.SnAp1(),
    rv.rules.OTTT(),
    rv.rules.EProp(),
    rv.rules.EventProp(),
    rv.rules.EvolutionStrategies(),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: type(r).__name__)
def test_rules_that_compute_their_own_products_are_refused(rule: rv.rules.Rule) -> None:
    criterion = rv.rules.PerStep(lambda out: out.float().square().mean())
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(TrainingError, match=rf"^{type(rule).__name__} .* call it outside torch\.autocast"),
    ):
        rule.gradient(layers(), spikes(), criterion)
    with pytest.raises(TrainingError, match=r"torch\.bfloat16: call net\.float\(\) first, or use rv\.rules\.BPTT\(\)"):
        rule.gradient(layers().bfloat16(), spikes(), criterion)


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("of", ["autocast", "weights"])
@pytest.mark.parametrize("make", [layers, recurrent, images])
@pytest.mark.parametrize(
    "rule", [rv.rules.BPTT(), rv.rules.BPTT(window=4), rv.rules.SLTT(window=4), rv.rules.SLTT(keep=5)], ids=str
)
def test_rules_beside_those_of_float32(rule: rv.rules.Rule, make: Callable, of: str, provider: str) -> None:
    x, target = spikes(12), torch.arange(6) % 4
    if rule == rv.rules.SLTT(keep=5) and make is images:
        pytest.skip("chosen steps run again, which a norm in training would see")

    def gradient(net: rv.Sequential) -> list[Tensor]:
        torch.manual_seed(1)
        rule.gradient(net, x, rv.rules.PerStep(lambda out: rv.losses.EveryStep()(out.float(), target)))
        return learnt(net)

    right = gradient(make(provider=provider))
    net = make(provider=provider)
    net = net.bfloat16() if of == "weights" else net
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=of == "autocast"):
        found = gradient(net)
    assert cosine(found, right) > 0.97
    assert not torch.equal(found[0].float(), right[0])
