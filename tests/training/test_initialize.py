"""Every layer fires after rv.initialize, whatever the weights were."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierWarning, TrainingError
from ranvier.units import ms

X = (torch.rand(20, 8, 12, generator=torch.Generator().manual_seed(0)) < 0.1).float()


def deep(gain: float) -> rv.Sequential:
    torch.manual_seed(0)
    net = rv.Sequential(
        rv.Linear(12, 30), rv.LIF(30, tau=5 * ms), rv.Linear(30, 30), rv.Recurrent(rv.ALIF(30), rv.Linear(30, 30)),
        rv.Linear(30, 25, delay=rv.Uniform(0 * ms, 3 * ms)), rv.LIF(25),
        rv.Linear(25, 3), rv.LeakyReadout(3), dt=1 * ms,
    )  # fmt: skip
    with torch.no_grad():
        for name, q in net.named_parameters():
            if "weight" in name and "recurrent" not in name:
                q.mul_(gain)
    return net


@pytest.mark.parametrize("gain", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_every_layer_reaches_the_rate(gain: float, rate: float) -> None:
    net = deep(gain)
    before = {n: q.detach().clone() for n, q in net.named_parameters()}
    found = rv.initialize(net, X, rate=rate, tolerance=0.15)
    assert list(found) == ["lif1", "alif1", "lif2"]
    seen = net.observe(X, record={n: ["spikes"] for n in found})
    for name, reached in found.items():
        assert reached == pytest.approx(rate, rel=0.15)
        assert float(seen[name]["spikes"].detach().mean()) == pytest.approx(reached, rel=1e-6)
    for name, q in net.named_parameters():
        ratio = q.detach() / before[name]
        assert torch.allclose(ratio, ratio.flatten()[0].expand_as(ratio), rtol=1e-4)
        if "bias" in name or "recurrent" in name or "linear4" in name:
            assert torch.equal(q, before[name])


def test_norms_are_scaled_and_their_statistics_stay() -> None:
    torch.manual_seed(0)
    norm = rv.ThresholdBatchNorm(6)
    net = rv.Sequential(
        rv.Conv2d(1, 6, 3, bias=False), norm, rv.LIF(tau=3 * ms), nn.Flatten(), nn.BatchNorm1d(96), rv.Linear(96, 9), rv.LIF(9),
        dt=1 * ms,
    ).eval()  # fmt: skip
    x, weight = torch.rand(5, 8, 1, 6, 6), net.projections["conv2d1"].chain[0].weight.detach().clone()
    state = torch.get_rng_state()
    found = rv.initialize(net, x, rate=0.3)
    assert all(r == pytest.approx(0.3, rel=0.1) for r in found.values())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(weight, net.projections["conv2d1"].chain[0].weight)
    assert not torch.equal(norm.weight, torch.ones(6))
    assert not norm.running_mean.any()
    assert int(norm.num_batches_tracked) == 0
    assert not net.training


def test_what_cannot_fire_is_named_with_the_remedy() -> None:
    net = rv.Sequential(rv.Linear(3, 5, bias=False), rv.LIF(5), dt=1 * ms)
    with pytest.warns(RanvierWarning, match="'lif1' cannot be brought to 0.1.*Check that its input is not silent"):
        assert rv.initialize(net, torch.zeros(4, 2, 3)) == {"lif1": 0.0}
    with pytest.warns(RanvierWarning, match="not learnt"):
        rv.initialize(rv.Sequential(rv.LIF(3), dt=1 * ms), torch.zeros(4, 2, 3))


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": 1.5}, {"rate": "0.1"}, {"tolerance": 0.0}])
def test_wrong_numbers_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match=next(iter(wrong))):
        rv.initialize(deep(1.0), X, **wrong)  # type: ignore[arg-type]
