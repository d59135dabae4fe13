"""What a network must be before its step becomes a graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ProviderError, StateError
from ranvier.kernels.step import NumpyStep
from ranvier.units import ms


def network(dt: float = 1) -> rv.Network:
    return rv.Sequential(
        rv.Linear(6, 5), rv.LIF(5, tau=10 * ms, refractory=2 * ms), rv.Linear(5, 3), rv.LeakyReadout(3, tau=20 * ms), dt=dt * ms
    ).double()  # fmt: skip


def inputs(steps: int = 20, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 3.0 * (torch.rand(steps, batch, 6, generator=generator) < 0.5).double()


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (lambda net: net.populations["lif1"], "'lif1'"),
        (lambda net: next(iter(net.projections.values())).chain[0], "'linear1'"),
        (lambda net: net, "the network"),
    ],
)
def test_hooks_are_refused_by_name(part: Callable[[rv.Network], nn.Module], named: str) -> None:
    net = network()
    handle = part(net).register_forward_hook(lambda module, arguments, out: None)
    with pytest.raises(ProviderError, match=f"calls no hooks, but {named} has one"):
        rv.step_graph(net)
    handle.remove()
    rv.step_graph(net)


def test_a_state_of_several_samples_or_of_another_step_is_refused() -> None:
    net = network()
    with pytest.raises(StateError, match="batch of 2"):
        rv.step_graph(net, net(inputs(batch=2))[1])
    with pytest.raises(StateError, match=r"dt=0.5 ms"):
        rv.step_graph(net, network(0.5)(inputs())[1])


def test_a_state_with_a_gradient_goes_on_as_the_network_does() -> None:
    net = network()
    _, state = net(inputs())
    assert any(x.requires_grad for x in state.tensors().values())
    with torch.no_grad():
        out, _ = net(inputs(7), state)
    graph = rv.step_graph(net, state)
    plain, source, output = NumpyStep(graph), f"input_{next(iter(net.inputs))}", f"output_{net.outputs[0]}"
    found = [plain.step({source: row})[output] for row in inputs(7)[:, 0].numpy()]
    np.testing.assert_allclose(np.stack(found), out[:, 0].numpy(), rtol=1e-12, atol=1e-14)
