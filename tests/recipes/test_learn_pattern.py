"""A circuit learns a pattern: the distance is van Rossum's, and learning lowers it, by weights and by delays."""

from __future__ import annotations

import pytest
import torch

from ranvier.connectivity import delay_parameters
from ranvier.recipes.learn_pattern import circuit, distance, learn, target_pattern


def test_one_spike_more_counts_a_half() -> None:
    one = torch.zeros(400, 1)
    one[20] = 1
    assert float(distance(one, torch.zeros_like(one))) == pytest.approx(0.5, rel=0.06)
    assert float(distance(one, one)) == 0
    near, far = one.roll(3, 0), one.roll(150, 0)
    assert 0 < float(distance(near, one)) < float(distance(far, one)) == pytest.approx(1.0, rel=0.06)


def test_the_target_is_a_wave() -> None:
    wanted = target_pattern(500, 400, 1)
    assert set(wanted.unique().tolist()) == {0.0, 1.0}
    when = (wanted * torch.arange(400)[:, None]).sum(0) / wanted.sum(0)
    assert wanted[:100, 400:].sum() < 5 < wanted[:100, :200].sum()
    assert float(when[wanted.sum(0) > 0].mean()) == pytest.approx(200, abs=15)


@pytest.mark.parametrize("delays", [True, False])
def test_learning_lowers_the_distance(delays: bool) -> None:
    net = circuit(300, delays=delays, seed=3)
    wanted = target_pattern(240, 150, 3)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    found = learn(net, wanted, 60)
    assert found.after < 0.85 * found.curve[0]  # six seeds without delays: 0.66 to 0.80
    assert all(not torch.equal(before[n], p) for n, p in net.named_parameters())
    assert len(delay_parameters(net)) == (4 if delays else 0)
    signs = [p.synapses for p in net.projections.values() if p.pre == "inh"]
    assert all(bool((s.effective_weight() <= 0).all()) for s in signs)
