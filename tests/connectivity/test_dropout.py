"""``rv.Dropout``: one mask for a whole sequence, wherever the sequence is cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms

STEPS, BATCH, CELLS = 24, 6, 40


def network(p: float = 0.5, provider: str | None = None, seed: int = 3) -> rv.Sequential:
    """What arrives at the read-out is what the mask leaves, since the weights join each cell to its own."""
    torch.manual_seed(1)
    net = rv.Sequential(
        rv.Linear(5, CELLS), rv.LIF(CELLS, tau=5 * ms), rv.Dropout(p), rv.Linear(CELLS, CELLS, bias=False),
        rv.LeakyReadout(CELLS, tau=3 * ms), dt=1 * ms, seed=seed, dtype=torch.float64, provider=provider,
    )  # fmt: skip
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight.abs_().mul_(3)
        net.projections["dropout1"].chain[1].weight.copy_(torch.eye(CELLS))
    return net


def inputs() -> torch.Tensor:
    return torch.rand(STEPS, BATCH, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_a_cell_is_left_out_at_every_step_or_at_none(provider: str) -> None:
    net, x = network(provider=provider), inputs()
    silent = net.eval()(x)[0]
    out = net.train()(x, stream=7)[0]
    ratio = out[-1] / silent[-1]
    assert set(ratio.round(decimals=9).unique().tolist()) == {0.0, 2.0}
    assert torch.allclose(out, silent * ratio, rtol=1e-10)
    assert 0.4 < float((ratio == 0).double().mean()) < 0.6
    assert (ratio[0] != ratio[1]).any()


def test_providers_draw_the_same_and_streams_others() -> None:
    x = inputs()
    a, b = (network(provider=n)(x, stream=7)[0] for n in ("cpu", "reference"))
    assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)
    net = network()
    assert not torch.allclose(net(x, stream=8)[0], a)
    assert not torch.allclose(network(seed=4)(x, stream=7)[0], a)
    first, second, third = (net(x)[0] for _ in range(3))
    assert not torch.allclose(first, second)
    assert not torch.allclose(second, third)


@pytest.mark.parametrize("how", [{"window": 5}, {"checkpoint": 5}])
def test_a_sequence_has_one_mask_wherever_it_is_cut(how: dict[str, int]) -> None:
    net, x = network(), inputs()
    whole, _ = net(x, stream=7)
    cut, _ = net(x, stream=7, **how)
    assert torch.allclose(cut, whole, rtol=1e-10, atol=1e-12)
    first, state = net(x[:10], stream=7)
    rest, state = net(x[10:20], state)
    steps = []
    for now in x[20:]:
        out, state = net.step(now, state)
        steps.append(out)
    assert torch.allclose(torch.cat([first, rest, torch.stack(steps)]), whole, rtol=1e-10, atol=1e-12)


def test_a_shared_one_has_a_mask_for_each_place() -> None:
    out = rv.Dropout(0.5)
    net = rv.Sequential(out, torch.nn.Identity(), out, rv.LeakyReadout(CELLS), dt=1 * ms)
    left = net(torch.ones(2, 400, CELLS), stream=1)[0][-1] != 0
    assert float(left.double().mean()) == pytest.approx(0.25, abs=0.02)  # 16,000 draws: five standard deviations


@pytest.mark.parametrize("how", [{}, {"checkpoint": 7}])
def test_gradients_pass_the_same_mask(how: dict[str, int]) -> None:
    net, x = network(), inputs()
    weight = net.projections["dropout1"].chain[1].weight
    out, _ = net(x, stream=7, **how)
    (found,) = torch.autograd.grad(out.sum(), weight)
    left = (out[-1] > 0).sum(0) > 0
    assert (found.sum(0) > 0).equal(left)
    kept, step = weight.detach().clone(), 1e-6
    direction = torch.randn(CELLS, CELLS, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    values = []
    for side in (1, -1):
        with torch.no_grad():
            weight.copy_(kept + side * step * direction)
            values.append(net(x, stream=7)[0].sum())
    assert float((found * direction).sum()) == pytest.approx(float(values[0] - values[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize(
    "rule", [rv.rules.BPTT(), rv.rules.BPTT(window=5), rv.rules.SLTT()], ids=["whole", "windows", "sltt"]
)
def test_rules_train_through_it(rule: rv.rules.BPTT) -> None:
    net = network()
    rule.gradient(net, inputs(), lambda out: out.pow(2).sum())
    assert all(q.grad is not None and q.grad.isfinite().all() for q in net.parameters())


def test_it_is_nothing_in_evaluation_and_a_file_holds_it(tmp_path: Path) -> None:
    net, x = network(0.25), inputs()
    plain = net.eval()(x)[0]
    rv.save(net, tmp_path / "net")
    again = rv.load(tmp_path / "net")
    assert torch.equal(again(x)[0], plain)
    assert torch.equal(again.train()(x, stream=5)[0], net.train()(x, stream=5)[0])


def test_in_a_recurrence_the_mask_stays() -> None:
    torch.manual_seed(1)
    joined = rv.Linear(CELLS, CELLS, bias=False)
    torch.nn.init.eye_(joined.weight)
    part = rv.Recurrent(rv.LIF(CELLS, tau=1e9 * ms, reset="v = 0"), [rv.Dropout(0.5), joined])
    net = rv.Sequential(part, dt=1 * ms, dtype=torch.float64)
    x = torch.zeros(12, BATCH, CELLS, dtype=torch.float64)
    x[0] = 2.0
    counts = net(x)[0].sum(0)  # a spike that comes back with weight 2 fires its cell again, at every step
    assert set(counts.unique().tolist()) == {1.0, 12.0}


def test_inside_another_module_it_is_refused() -> None:
    inside = torch.nn.Sequential(rv.Dropout(0.5), torch.nn.Linear(5, CELLS))
    with pytest.raises(ShapeError, match=r"Dropout inside Sequential .*rv\.Sequential\(…, rv\.Dropout"):
        rv.Sequential(inside, rv.LIF(CELLS), dt=1 * ms)


def test_by_itself_it_is_a_module_of_torch() -> None:
    out = rv.Dropout(0.5)(torch.ones(7, 3, 50))
    assert torch.equal(out, out[:1].expand_as(out))
    assert set(out.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize(
    "make", [lambda: rv.Dropout(1.0), lambda: rv.Dropout(-0.1), lambda: rv.Dropout(True), lambda: rv.Dropout("0.5")]
)
def test_other_probabilities_are_refused(make: Callable[[], rv.Dropout]) -> None:
    with pytest.raises(ShapeError, match="must be a probability of at least 0 and below 1"):
        make()
