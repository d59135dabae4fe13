"""The entropy of emissions is that of their frequencies."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.units import ms


@pytest.mark.parametrize("batch", [1, 7])
def test_it_is_its_definition(batch: int) -> None:
    torch.manual_seed(0)
    net = rv.Sequential(
        rv.Linear(5, 8), rv.IntegerLIF(8, levels=3), rv.Linear(8, 4), rv.LIF(4), rv.LeakyReadout(), dt=1 * ms
    )
    x = 3 * torch.rand(9, batch, 5)
    found = rv.training.emission_entropy(net, x)
    seen = net.observe(x, record={"integer1": ["s"], "lif1": ["spikes"]})
    assert found.keys() == seen.keys()
    for name, label in (("integer1", "s"), ("lif1", "spikes")):
        values = seen[name][label].flatten().tolist()
        parts = [values.count(v) / len(values) for v in set(values)]
        assert found[name] == pytest.approx(-sum(p * math.log2(p) for p in parts), abs=1e-12)
    assert 0.5 < found["integer1"] < 2


def test_silence_saturation_and_chance() -> None:
    net = rv.Sequential(nn.Identity(), rv.IF(400), dt=1 * ms)
    x = torch.zeros(10, 1, 400)
    assert rv.training.emission_entropy(net, x) == {"if1": 0.0}
    assert rv.training.emission_entropy(net, x + 2) == {"if1": 0.0}
    half = 2 * (torch.rand(10, 1, 400) < 0.5).float()
    assert rv.training.emission_entropy(rv.Sequential(rv.IF(400, reset="v = 0"), dt=1 * ms), half)["if1"] > 0.99


def test_norms_keep_their_statistics_and_readouts_are_refused() -> None:
    net = rv.Sequential(rv.Linear(5, 4), rv.ThresholdBatchNorm(4), rv.LIF(4), dt=1 * ms)
    before = {n: t.clone() for n, t in net.state_dict().items()}
    rv.training.emission_entropy(net, torch.rand(6, 3, 5))
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    with pytest.raises(TrainingError, match="no population of the network fires"):
        rv.training.emission_entropy(rv.Sequential(rv.Linear(5, 4), rv.LeakyReadout(4), dt=1 * ms), torch.rand(6, 3, 5))
