"""SteadyFeatures: its value written out, its gradient, and what it refuses."""

import pytest
import torch

import ranvier as rv
from ranvier.units import ms


def net():
    torch.manual_seed(1)
    return rv.Sequential(
        rv.Linear(5, 6), rv.LIF(6), rv.Linear(6, 2), rv.LeakyReadout(2), dt=1 * ms, dtype=torch.float64
    )


@pytest.mark.parametrize("lengths", [None, [7, 3, 10]])
def test_its_value(lengths):
    draw = torch.Generator().manual_seed(2)
    u = torch.randn(10, 3, 6, generator=draw, dtype=torch.float64)
    own = lengths or [10, 10, 10]
    worst = 0.0
    for b, steps in enumerate(own):
        r = u[:steps, b].clamp(min=0)
        late = r[steps - max(1, int(0.3 * steps)) :].mean(0)
        cosines = [float(r[t] @ late / ((r[t] @ r[t] + 1e-5) * (late @ late + 1e-5)).sqrt()) for t in range(steps)]
        worst = max(worst, 1 / (sum(cosines) / steps + 1e-5))
    u = u * (torch.arange(10)[:, None, None] < torch.tensor(own)[:, None])
    rule = rv.regularizers.SteadyFeatures(0.5)
    found = rule(net(), {"lif1": {"v_before": u}}, None if lengths is None else torch.tensor(lengths))
    assert float(found) == pytest.approx(0.5 * worst, rel=1e-9)


def test_its_gradient():
    u = torch.rand(6, 2, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.1
    u[-1] = 1.0
    rule, one = rv.regularizers.SteadyFeatures(1.0, share=0.2), net()
    early = u[:-1].clone().requires_grad_()  # the late steps are without gradient of their own

    def value(x):
        return rule.penalty(one, "lif1", torch.cat([x, u[-1:]]), None)

    assert torch.autograd.gradcheck(value, (early,))


def test_it_watches_cells_that_fire():
    assert rv.regularizers.SteadyFeatures(1.0).watched(net()) == {"lif1": "v_before"}


@pytest.mark.parametrize("share", [0, -0.1, 1.1, True, "late"])
def test_other_shares_are_refused(share):
    with pytest.raises(rv.errors.TrainingError, match=r"share=.* must lie in \(0, 1\]"):
        rv.regularizers.SteadyFeatures(1.0, share=share)


def test_a_population_that_cannot_fire_is_refused():
    with pytest.raises(rv.errors.TrainingError, match="nothing to read of"):
        rv.regularizers.SteadyFeatures(1.0, [list(net().populations)[-1]]).watched(net())
