"""Norms with parameters for each step are those of SpikingJelly and snnTorch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.units import ms

STEPS, CHANNELS = 6, 3


def _equal(norm: nn.Module, theirs: nn.Module) -> None:
    """The same numbers in training, and then in evaluation."""
    net, x = rv.Sequential(norm, rv.Relay(CHANNELS), dt=1 * ms), torch.randn(STEPS, 5, CHANNELS)
    for training in (True, False):
        net.train(training)
        theirs.train(training)
        torch.testing.assert_close(net(x)[0], theirs(x), rtol=1e-5, atol=1e-6)
        if hasattr(theirs, "reset"):
            theirs.reset()


class _InTurn(nn.Module):
    """One norm for each step."""

    def __init__(self, norms: nn.ModuleList) -> None:
        super().__init__()
        self.norms = norms

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([norm(now) for norm, now in zip(self.norms, x, strict=True)])


@pytest.mark.peers("spikingjelly")
def test_a_learnt_factor_of_each_step() -> None:
    from spikingjelly.activation_based import layer

    theirs, ours = layer.TemporalEffectiveBatchNorm1d(STEPS, CHANNELS), rv.TemporalBatchNorm(CHANNELS, steps=STEPS)
    with torch.no_grad():
        for name in ("weight", "bias", "scale"):
            getattr(theirs, name).uniform_(0.5, 1.5)
            getattr(ours, name).copy_(getattr(theirs, name))
    _equal(ours, theirs)


@pytest.mark.parametrize("library", [pytest.param(n, marks=pytest.mark.peers(n)) for n in ("spikingjelly", "snntorch")])
def test_a_norm_for_each_step(library: str) -> None:
    if library == "spikingjelly":
        from spikingjelly.activation_based import layer

        theirs = layer.BatchNormThroughTime1d(STEPS, CHANNELS, step_mode="m")
        norms = theirs.bn_list
    else:
        import snntorch

        norms = snntorch.BatchNormTT1d(CHANNELS, STEPS)
        theirs = _InTurn(norms)
    ours = rv.BatchNormThroughTime(CHANNELS, steps=STEPS)
    with torch.no_grad():
        for weight, norm in zip(ours.weight.uniform_(0.5, 1.5), norms, strict=True):
            norm.weight.copy_(weight)
    _equal(ours, theirs)
