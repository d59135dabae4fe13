"""Plastic synapses inside ``net(x)``: batches are independent, and gradients are those of finite differences."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.units import ms


def build(rule: rv.Plasticity, readout: bool) -> rv.Network:
    net = rv.Network(dt=1 * ms, dtype=torch.float64, seed=5)
    net.input("x", 6)
    cell = rv.LeakyReadout(tau=8 * ms) if readout else rv.LIF(tau=8 * ms, V_th=0.6)
    net.population("cells", 4, cell, output=True)
    late = rv.Uniform(0 * ms, 4 * ms)
    weight = rv.Learn(rv.Uniform(0.2, 0.8))
    net.connect("x", "cells", rv.AllToAll(), weight=weight, delay=late, plasticity=rule, name="synapses")
    return net


def spikes(batch: int) -> torch.Tensor:
    return (torch.rand(30, batch, 6, generator=torch.Generator().manual_seed(2)) < 0.2).double()


DEPRESSING = rv.TsodyksMarkram(tau_rec=20 * ms, tau_facil=30 * ms)


@pytest.mark.parametrize("rule", [rv.plasticity.STDP(A_plus=0.05, A_minus=-0.04), DEPRESSING])
def test_samples_of_a_batch_do_not_meet(rule: rv.Plasticity) -> None:
    net, x = build(rule, False), spikes(3)
    with torch.no_grad():
        out, state = net(x)
        assert out.sum() > 10
        for k in range(3):
            alone, after = net(x[:, k : k + 1])
            torch.testing.assert_close(alone[:, 0], out[:, k])
            for name, value in state.synapses["synapses"].items():
                torch.testing.assert_close(after.synapses["synapses"][name][0], value[k])


def test_gradients_of_weights_and_input_through_tired_synapses() -> None:
    net, x = build(DEPRESSING, True), spikes(2)
    weight = net.projections["synapses"].synapses.weight
    pick = torch.rand(30, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def loss() -> torch.Tensor:
        return ((net(x)[0] - pick) ** 2).sum()

    (gradient,) = torch.autograd.grad(loss(), [weight])
    with torch.no_grad():
        for k in (0, 7, 23):
            weight[k] += 1e-6
            above = loss()
            weight[k] -= 2e-6
            below = loss()
            weight[k] += 1e-6
            torch.testing.assert_close((above - below) / 2e-6, gradient[k], rtol=1e-7, atol=1e-9)


def test_a_spiking_plastic_layer_passes_gradient() -> None:
    net = build(rv.plasticity.STDP(A_plus=0.05, A_minus=-0.04), False)
    x = spikes(2).requires_grad_()
    out, _ = net(x)
    gradient, weight = torch.autograd.grad(out.sum(), [x, net.projections["synapses"].synapses.weight])
    assert torch.isfinite(gradient).all()
    assert (gradient != 0).any()
    assert (weight != 0).all()
