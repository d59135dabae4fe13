"""One transform, one effective weight: read on the way forward, on the way back and in every projection it stands in."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.connectivity.delays import DelayError
from ranvier.connectivity.registry import transform_of
from ranvier.network import rounded_delays
from ranvier.units import ms
from tests.training.networks import distance, gradient

PROVIDERS = pytest.mark.parametrize("provider", ["cpu", "reference"])
MADE = {
    "linear": lambda: rv.Linear(6, 5, sign=[1, -1, 0, 1, -1, 1]),
    "conv": lambda: rv.Conv2d(2, 4, 3, padding=1, stride=2, sign=[1, -1]),
    "groups": lambda: rv.Conv2d(4, 4, 3, groups=2, sign=-1),
    "foreign": lambda: nn.Linear(6, 5),
    "foreign conv": lambda: nn.Conv1d(2, 3, 2),
}
SHAPES = {"linear": (7, 6), "foreign": (7, 6), "conv": (7, 2, 5, 4), "groups": (7, 4, 5, 5), "foreign conv": (7, 2, 6)}


@pytest.mark.parametrize("kind", MADE)
def test_the_way_back_is_the_gradient_of_the_way_forward(kind: str) -> None:
    torch.manual_seed(0)
    module = MADE[kind]().double()
    with torch.no_grad():  # training has moved weights across zero
        module.weight.add_(torch.randn_like(module.weight))
    x = torch.rand(SHAPES[kind], dtype=torch.float64, requires_grad=True)
    out = module(x)
    grad = torch.randn_like(out)
    (wanted,) = torch.autograd.grad(out, x, grad)
    torch.testing.assert_close(transform_of(module).pullback(grad, x), wanted, rtol=1e-12, atol=1e-12)
    assert all(q.grad is None for q in module.parameters())


def test_the_way_back_of_single_synapses_is_bounded() -> None:
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.input("x", 6)
    net.population("y", 5, rv.LeakyReadout(), output=True)
    net.connect("x", "y", rv.FixedProbability(0.6), to="x", weight=rv.Learn(rv.Uniform(0, 1), min=0, max=1), sign=1)
    module = net.projections["x_to_y_x"].synapses
    with torch.no_grad():
        module.weight.add_(torch.randn_like(module.weight))
    x = torch.rand(3, 6, dtype=torch.float64, requires_grad=True)
    (wanted,) = torch.autograd.grad(module(x), x, torch.ones(3, 5, dtype=torch.float64))
    assert (module.weight < 0).any()
    torch.testing.assert_close(transform_of(module).pullback(torch.ones(3, 5, dtype=torch.float64), x), wanted)


def test_only_a_plain_matrix_is_one() -> None:
    class Doubled(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    assert transform_of(Doubled(3, 2)).matrix() is None
    assert transform_of(rv.Conv2d(1, 1, 1)).matrix() is None
    signed = rv.Linear(3, 2, sign=1)
    with torch.no_grad():
        signed.weight.fill_(-1.0)
    assert torch.equal(transform_of(signed).matrix(), torch.zeros(2, 3))


def signed(layers: int, sign: int | None, provider: str) -> rv.Sequential:
    """The output layer has a sign, and weights of both signs; without sign they are clamped at 0."""
    torch.manual_seed(0)
    parts: list = []
    for k in range(layers):
        parts += [rv.Linear(12 if k else 8, 12), rv.LIF(12, tau=10 * ms)]
        with torch.no_grad():
            parts[-2].weight.mul_(3)
    hidden, last = (rv.Linear(12, 12, sign=sign), rv.Linear(12, 3, sign=sign))
    for module in (hidden, last):
        with torch.no_grad():
            module.weight.copy_(torch.randn(module.weight.shape, generator=torch.Generator().manual_seed(2)))
            if sign is None:
                module.weight.clamp_(min=0)
    if layers > 1:
        parts[2] = hidden
    return rv.Sequential(
        *parts, last, rv.LeakyReadout(3, tau=20 * ms), dt=1 * ms, dtype=torch.float64, provider=provider
    )


@PROVIDERS
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    "rule",
    [rv.rules.BPTT(), rv.rules.SLTT(), rv.rules.OTTT(), rv.rules.EProp(), rv.rules.EProp(feedback="adaptive")],
    ids=repr,
)
def test_every_rule_goes_back_by_the_weights_in_use(rule: rv.rules.Rule, layers: int, provider: str) -> None:
    if layers > 1 and isinstance(rule, rv.rules.EProp):
        pytest.skip("symmetric and adaptive feedback need every hidden population to project to an output")
    held, free = signed(layers, 1, provider), signed(layers, None, provider)
    assert all((q.weight < 0).any() for p in list(held.projections.values())[1:] for q in p.chain)
    found, wanted = gradient(held, rule), gradient(free, rule)
    assert all(float(g.abs().max()) > 0 for g in wanted.values())
    assert distance(wanted, found) < 1e-12


X = (torch.rand(30, 8, 4, generator=torch.Generator().manual_seed(1)) < 0.3).double()


def twice(shared: bool, delay: object, provider: str, **options: object) -> tuple[rv.Sequential, list[nn.Module]]:
    """One Linear forward and inside a recurrent part, or two equal ones."""
    torch.manual_seed(0)
    first = rv.Linear(4, 4, delay=delay, **options)
    with torch.no_grad():
        first.weight.add_(0.4)
    second = first
    if not shared:
        second = rv.Linear(4, 4, delay=delay, **options)
        with torch.no_grad():
            second.weight.copy_(first.weight)
            second.bias.copy_(first.bias)
    parts = (first, rv.Recurrent(rv.LIF(4, tau=5 * ms), second))
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64, provider=provider), [first, second]


DELAYS = {
    "none": lambda: None,
    "one": lambda: 2 * ms,
    "array": lambda: np.array([[1, 0, 3, 2]] * 4) * ms,
    "learnable": lambda: rv.Learn(np.array([[1, 0.5, 3.2, 2]] * 4) * ms, max=4 * ms),
}


@PROVIDERS
@pytest.mark.parametrize("delay", DELAYS)
def test_one_transform_in_two_places_is_two_equal_ones(delay: str, provider: str) -> None:
    one, modules = twice(True, DELAYS[delay](), provider)
    two, separate = twice(False, DELAYS[delay](), provider)
    out, same = one(X)[0], two(X)[0]
    assert out.any()
    assert torch.equal(out, same)
    assert len(list(one.parameters())) == len(list(modules[0].parameters()))
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    (same * weight).sum().backward()
    for n, q in modules[0].named_parameters():
        wanted = sum(dict(m.named_parameters())[n].grad for m in separate)
        torch.testing.assert_close(q.grad, wanted, rtol=1e-10, atol=1e-12)


@PROVIDERS
@pytest.mark.parametrize("delay", DELAYS)
def test_saving_and_rounding_keep_two_places_of_one_transform(delay: str, provider: str, tmp_path: Path) -> None:
    net, _ = twice(True, DELAYS[delay](), provider)
    rv.save(net, tmp_path / "model")
    again = rv.load(tmp_path / "model")
    assert torch.equal(net(X)[0], again(X)[0])
    assert again.projections["linear1"].chain[0] is again.projections["recurrent1"].chain[0]
    assert {n for n, _ in again.named_parameters()} == {n for n, _ in net.named_parameters()}
    whole = rounded_delays(net)
    assert all(p.transform.delay is None for p in whole.projections.values())
    assert (whole.projections["recurrent1"].shortest, whole.projections["linear1"].shortest) in ((1, 0), (3, 2))


def test_drawn_delays_are_the_same_in_both_places() -> None:
    layer = rv.Linear(4, 4, delay=rv.Uniform(0 * ms, 9 * ms))
    net = rv.Sequential(layer, rv.Recurrent(rv.LIF(4), layer), dt=1 * ms)
    first, second = (net.projections[n].bound_transform for n in ("linear1", "recurrent1"))
    assert torch.equal(first.table + 1, second.table)
    slow = rv.Sequential(layer, rv.LIF(4), dt=3 * ms).projections["linear1"].bound_transform
    assert int((3 * slow.table - first.table).abs().max()) <= 2
    assert not list(layer.buffers()), "nothing of a place is written into the transform"


@pytest.mark.parametrize("delay", ["one", "array", "learnable"])
def test_one_transform_in_two_networks_of_different_dt(delay: str, tmp_path: Path) -> None:
    """Parameters are shared; steps are those of each network, as with transforms of their own."""

    def pair(shared: bool) -> tuple[list[rv.Sequential], list[nn.Module]]:
        torch.manual_seed(0)
        one = rv.Linear(4, 4, delay=DELAYS[delay]())
        with torch.no_grad():
            one.weight.add_(0.4)
        two = one if shared else copy.deepcopy(one)
        nets = [
            rv.Sequential(m, norm, rv.Recurrent(rv.LIF(4, tau=5 * ms), m), dt=dt, dtype=torch.float64)
            for m, norm, dt in ((one, nn.BatchNorm1d(4), 1 * ms), (two, nn.BatchNorm1d(4), 0.5 * ms))
        ]
        return nets, [one, two]

    (nets, (module, _)), (apart, own) = pair(True), pair(False)
    assert [p.bound_transform.dt for n in nets for p in n.projections.values()] == [1.0, 1.0, 0.5, 0.5]
    assert nets[1].projections["linear1"].depth > nets[0].projections["linear1"].depth
    for _ in range(3):  # trained, with one optimizer for both
        for group, modules in ((nets, [module]), (apart, own)):
            for net in group:
                net.zero_grad()
            for net in group:
                (net(X)[0] * torch.arange(4)).sum().backward()
            with torch.no_grad():
                for values in zip(*(dict(m.named_parameters()).values() for m in modules), strict=True):
                    step = 1e-3 * sum(v.grad for v in values)
                    for v in values:
                        v.sub_(step)
    for k, (net, twin) in enumerate(zip(nets, apart, strict=True)):
        torch.testing.assert_close(net(X)[0], twin(X)[0])
        net.eval()
        wanted = net(X)[0]
        assert wanted.any()
        rv.save(net, tmp_path / f"{k}")
        torch.testing.assert_close(rv.load(tmp_path / f"{k}").eval()(X)[0], wanted)
        with pytest.raises(rv.network.GraphError, match="stands beside weights that are used twice"):
            rv.fold_norms(net)


@pytest.mark.parametrize("delay", ["one", "array", "learnable"])
def test_a_fold_leaves_the_other_network_as_it_is(delay: str) -> None:
    torch.manual_seed(0)
    one, norm = rv.Linear(4, 4, delay=DELAYS[delay]()), nn.BatchNorm1d(4)
    norm.running_mean.fill_(-0.5)
    with torch.no_grad():
        norm.weight.fill_(1.7)
    fast, slow = (
        rv.Sequential(*parts, rv.LIF(4, tau=5 * ms), dt=dt, dtype=torch.float64).eval()
        for parts, dt in (((one, norm), 0.5 * ms), ((one,), 1 * ms))
    )
    wanted, other = fast(X)[0], slow(X)[0]
    assert wanted.any()
    torch.testing.assert_close(rv.fold_norms(fast)(X)[0], wanted)
    assert torch.equal(slow(X)[0], other)


def test_a_file_keeps_delays_where_they_are(tmp_path: Path) -> None:
    """A later matrix of a chain has none of the delay of the first."""
    net = rv.Sequential(rv.Linear(4, 4, delay=2 * ms), rv.Linear(4, 4), rv.LIF(4), dt=1 * ms, dtype=torch.float64)
    rv.save(net, tmp_path / "model")
    again = rv.load(tmp_path / "model")
    assert not again.projections["linear1"].chain[1].has_delay
    assert torch.equal(again(X)[0], net(X)[0])


def test_whole_steps_come_with_the_state_dict_and_from_the_older_name() -> None:
    def made(seed: int) -> rv.Sequential:
        torch.manual_seed(0)
        return rv.Sequential(
            rv.Linear(4, 4, delay=rv.Uniform(0 * ms, 9 * ms)), rv.LIF(4, V_th=0.1), dt=1 * ms, seed=seed
        )

    one, two, three = made(0), made(1), made(2)
    x = X.float()
    assert not torch.equal(one(x)[0], two(x)[0])
    kept = one.state_dict()
    two.load_state_dict(kept)
    old = dict(kept)
    old["projections.linear1.chain.0.latency_table"] = old.pop("projections.linear1.latency_table")
    three.load_state_dict(old)
    for net in (two, three):
        assert torch.equal(one(x)[0], net(x)[0])
        assert net.projections["linear1"].depth == one.projections["linear1"].depth


def test_synapses_made_for_another_lag_are_refused() -> None:
    net = rv.Network(dt=1 * ms)
    cells = net.population("cells", 4, rv.LIF(4))
    net.connect(cells, cells, rv.AllToAll(), to="x", delay=rv.Uniform(1 * ms, 5 * ms), name="rule")
    net.source("signal", rv.TimedArray(np.zeros((3, 4)), dt=1 * ms))
    with pytest.raises(DelayError, match="lag of 1 steps, but the lag here is 0"):
        net.connect("signal", cells, net.projections["rule"].synapses, to="x", name="again")


class Scaled(nn.LazyLinear):
    cls_to_become = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


LAZY = {
    "first": lambda: (nn.LazyLinear(6), rv.LIF(6), rv.Linear(6, 3), rv.LeakyReadout(3)),
    "with sizes": lambda: (rv.Linear(8, 6), rv.LIF(6), nn.LazyLinear(3), rv.LeakyReadout(3)),
    "without sizes": lambda: (rv.Linear(8, 6), rv.LIF(), nn.LazyLinear(3), rv.LeakyReadout()),
    "computes something else": lambda: (Scaled(6), rv.LIF(), rv.Linear(6, 3), rv.LeakyReadout()),
    "norm": lambda: (rv.Linear(8, 6), nn.LazyBatchNorm1d(), rv.LIF(6), rv.Linear(6, 3), rv.LeakyReadout(3)),
    "convolution": lambda: (nn.Unflatten(1, (2, 4)), nn.LazyConv1d(3, 2), rv.LIF(), nn.Flatten(), nn.LazyLinear(3), rv.LeakyReadout()),
}  # fmt: skip


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("parts", LAZY)
def test_a_module_that_waits_for_its_first_input(parts: str, provider: str) -> None:
    """Its parameters are made in the first call, and it is then what torch makes of it: it learns, and has its plan."""
    torch.manual_seed(0)
    net = rv.Sequential(*LAZY[parts](), dt=1 * ms, provider=provider)
    x = (torch.rand(7, 4, 8, generator=torch.Generator().manual_seed(0)) < 0.5).float() * 3
    first, _ = net(x)
    assert not any(nn.parameter.is_lazy(q) for q in net.parameters())
    second, _ = net(x)
    torch.testing.assert_close(first, second)
    chains = [p.chain for p in net.projections.values()]
    assert all(type(t) is type(transform_of(t.module)) for chain in chains for t in chain.transforms)
    made = copy.deepcopy(net)
    made.graph.memo.plans.clear()
    torch.testing.assert_close(made(x)[0], second)
    assert str(made.plan(steps=7, batch=4)) == str(net.plan(steps=7, batch=4))
    second.sum().backward()
    assert all(q.grad is not None for q in net.parameters())
