"""A chain of parts becomes a graph whose parts have names of their own."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.network import GraphError
from ranvier.units import ms


def test_names_given_in_order_never_clash() -> None:
    class Readout(torch.nn.Linear):
        pass

    class LIF(torch.nn.Identity):
        pass

    net = rv.Sequential(
        torch.nn.Identity(), Readout(4, 3), rv.LIF(3), LIF(), rv.LIF(3), rv.Linear(3, 2), rv.LeakyReadout(2), dt=1 * ms
    )
    names = [*net.populations, *net.projections]
    assert len(set(names)) == len(names) == 6
    assert [*net.populations] == ["lif1", "lif2", "readout1"]


def test_cells_without_a_size_take_tokens() -> None:
    """Further axes may come before the features; each token is then a sample of its own."""
    net = rv.Sequential(rv.Linear(6, 5), rv.LIF(), rv.Linear(5, 3), rv.LeakyReadout(), dt=1 * ms)
    x = (torch.rand(12, 2, 4, 6) < 0.4).float()
    out, _ = net(x)
    apart, _ = net(x.flatten(1, 2))
    assert out.shape == (12, 2, 4, 3)
    assert torch.allclose(out.flatten(1, 2), apart, atol=1e-6)
    grad, other = torch.autograd.grad(out.sum(), net.projections["linear1"].chain[0].weight), None
    other = torch.autograd.grad(apart.sum(), net.projections["linear1"].chain[0].weight)
    assert torch.allclose(grad[0], other[0], rtol=1e-4, atol=1e-5)


def test_flattening_keeps_spikes_spikes() -> None:
    flat = rv.Sequential(torch.nn.Flatten(), rv.Linear(12, 60), rv.LIF(60), dt=1 * ms)
    assert flat.plan().choice("flatten1").variant == "event"
    assert flat.plan(dense_inputs={"input"}).choice("flatten1").variant == "dense"
    x = (torch.rand(9, 2, 3, 4) < 0.3).float()
    plain = rv.Sequential(rv.Linear(12, 60), rv.LIF(60), dt=1 * ms)
    plain.projections["linear1"].chain[0].load_state_dict(flat.projections["flatten1"].chain[1].state_dict())
    assert torch.equal(flat(x)[0], plain(x.flatten(2))[0])


def test_the_parts_of_another_network_are_explained() -> None:
    net = rv.Sequential(rv.Linear(4, 5), rv.LIF(5), dt=1 * ms)
    with pytest.raises(GraphError, match=r"'lif1' is a population of another network: .* rv\.Sequential\(net, …\)"):
        rv.Sequential(*net, dt=1 * ms)
