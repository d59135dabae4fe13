"""Parts of a chain by place, slices of it, and networks inside it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

Tensor = torch.Tensor


def chain() -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        rv.Linear(5, 8, delay=rv.Uniform(0 * ms, 4 * ms)), rv.LIF(8, tau=rv.Learn(5 * ms), V_th=0.3),
        rv.Recurrent(rv.LIF(8, tau=rv.Learn(rv.Uniform(3 * ms, 9 * ms)), V_th=0.3), rv.Linear(8, 8, delay=rv.Uniform(0 * ms, 4 * ms))),
        rv.Linear(8, 6), nn.BatchNorm1d(6), rv.LIF(6, tau=rv.Uniform(3 * ms, 9 * ms), V_th=0.3),
        rv.Linear(6, 3, delay=rv.Uniform(0 * ms, 4 * ms)), rv.LeakyReadout(3), dt=1 * ms, dtype=torch.float64,
    ).eval()  # fmt: skip


def spikes(cells: int = 5) -> Tensor:
    return (torch.rand(15, 2, cells, generator=torch.Generator().manual_seed(1)) < 0.5).double()


class TestPlaces:
    def test_parts_stand_in_the_order_written(self) -> None:
        net = chain()
        names = ["linear1", "lif1", "lif2", "linear2", "linear2", "lif3", "linear3", "readout1"]
        assert len(net) == len(names) == len(list(net))
        assert [type(part).__name__ for part in net] == [
            "Linear", "Population", "Population", "Linear", "BatchNorm1d", "Population", "Linear", "Population"
        ]  # fmt: skip
        assert net[0] is net.linear1
        assert net[1] is net.lif1
        assert net[4] is net.linear2[1]
        assert net[-1] is net[7] is net.readout1

    def test_places_are_those_of_the_network_as_it_is(self, tmp_path: Path) -> None:
        net = chain()
        assert len(rv.fold_norms(net)) == 7
        assert len(copy.deepcopy(net)) == 8
        rv.save(net, tmp_path / "net")
        assert [type(part).__name__ for part in rv.load(tmp_path / "net")] == [type(part).__name__ for part in net]
        assert len(rv.Sequential(rv.Linear(2, 3), dt=1 * ms)) == 1, "the relay at the end is no part"

    def test_a_transform_is_replaced_by_place(self) -> None:
        net = chain()
        net[3] = nn.Linear(8, 6)
        assert net[3] is net.projections["linear2"].chain[0]
        assert net(spikes())[0].shape == (15, 2, 3)

    @pytest.mark.parametrize(
        ("ask", "words"),
        [
            (lambda net: net[8], "no part number 8: the network has 8 parts"),
            (lambda net: net[-9], "no part number -9"),
            (lambda net: net["lif9"], "no part 'lif9'"),
            (lambda net: net[::2], r"net\[0:8:2\] has a step"),
            (lambda net: net[3:3], "the slice is empty"),
            (lambda net: net.__setitem__(1, nn.Linear(2, 2)), "'lif1' cannot be replaced"),
        ],
    )
    def test_mistakes(self, ask: Callable[[rv.Sequential], object], words: str) -> None:
        with pytest.raises(RanvierError, match=words):
            ask(chain())


class TestSlices:
    @pytest.mark.parametrize("at", range(1, 8))
    def test_two_parts_of_a_chain_equal_the_whole(self, at: int) -> None:
        net, x = chain(), spikes()
        first, second = net[:at], net[at:]
        assert len(first) == at
        assert len(second) == 8 - at
        x.requires_grad_()
        found = []
        for out in (net(x)[0], second(first(x)[0])[0]):
            found.append((out, *torch.autograd.grad(out.square().sum(), [x, *net.parameters()], retain_graph=True)))
        assert found[0][0].any()
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)

    def test_a_slice_has_the_same_tensors_under_the_same_names(self) -> None:
        net = chain()
        part = net[2:6]
        every = dict(net.named_parameters())
        assert [n for n, _ in part.named_parameters()] == [
            "lif2.tau", "recurrent2.weight", "recurrent2.bias", "linear2.0.weight", "linear2.0.bias", "linear2.1.weight", "linear2.1.bias",
        ]  # fmt: skip
        assert all(q is every[n] for n, q in part.named_parameters())
        assert part[:1].lif2.tau is net.lif2.tau

    @pytest.mark.parametrize(
        ("parts", "cut"),
        [
            (lambda: [rv.LIF(6), rv.Residual(rv.Linear(6, 6), rv.LIF(6)), rv.Linear(6, 2), rv.LeakyReadout(2)], {2}),
            (lambda: [rv.Residual(rv.Linear(6, 6), rv.LIF(6)), rv.LIF(6), rv.Linear(6, 2)], {1}),
            (lambda: [rv.Residual(rv.LIF(6), rv.Linear(6, 6)), rv.LIF(6), rv.Linear(6, 2)], {1}),
            (lambda: [rv.LIF(6), rv.Residual(rv.Linear(6, 6), rv.LIF(6), join="iand"), rv.LIF(6)], {2, 3}),
            (lambda: [rv.LIF(6), rv.Residual(rv.Linear(6, 6), shortcut=[nn.Linear(6, 6)]), rv.LIF(6)], {2}),
        ],
        ids=["sum", "at the input", "a sum of currents", "iand", "a shortcut with weights"],
    )
    def test_no_way_past_a_residual_is_lost(self, parts: Callable[[], list[Any]], cut: set[int]) -> None:
        torch.manual_seed(0)
        net, x = rv.Sequential(*parts(), dt=1 * ms, dtype=torch.float64), 2 * spikes(6)
        whole, refused = net(x)[0], set()
        assert whole.any()
        for k in range(1, len(net)):
            try:
                first, second = net[:k], net[k:]
            except RanvierError:
                refused.add(k)
                continue
            torch.testing.assert_close(second(first(x)[0])[0], whole, rtol=1e-9, atol=1e-12)
        assert refused == cut

    def test_residuals_are_kept_whole(self) -> None:
        torch.manual_seed(0)
        net = rv.Sequential(
            rv.Linear(5, 5),
            rv.LIF(5),
            rv.Residual(rv.Linear(5, 5), rv.LIF(5), rv.Linear(5, 5), join="and"),
            rv.LIF(5),
            dt=1 * ms,
        ).double()
        x = spikes()
        whole = net(x)[0]
        torch.testing.assert_close(net[2:](net[:2](x)[0])[0], whole, rtol=0, atol=0)
        with pytest.raises(RanvierError, match="do not cut a Residual"):
            net[:3]


class TestInside:
    """``rv.Sequential`` and layers inside ``rv.Sequential``."""

    def test_a_network_inside_gives_its_parts(self) -> None:
        net, x = chain(), spikes()
        for nested in (
            rv.Sequential(net, dt=1 * ms, dtype=torch.float64), rv.Sequential(net[:3], net[3:], dt=1 * ms, dtype=torch.float64),
            rv.Sequential(net[:4], net[4:].output_only(), dt=1 * ms, dtype=torch.float64),
        ):  # fmt: skip
            assert len(nested) == len(net)
            out = nested.eval()(x)[0]
            torch.testing.assert_close(out, net(x)[0], rtol=1e-12, atol=1e-12)
            assert {id(q) for q in nested.parameters()} == {id(q) for q in net.parameters()}

    def test_names_are_those_of_the_outer_chain(self) -> None:
        inner = rv.Sequential(rv.Linear(4, 4), rv.LIF(4), dt=1 * ms)
        net = rv.Sequential(rv.Linear(5, 4), rv.LIF(4), inner, rv.Linear(4, 2), rv.LeakyReadout(2), dt=1 * ms)
        assert list(net.populations) == ["lif1", "lif2", "readout1"]
        assert list(net.projections) == ["linear1", "linear2", "linear3"]
        assert net.lif2.name == "lif2"
        assert inner.lif1.name == "lif1"
        assert net["linear2"] is inner["linear1"]

    def test_a_network_placed_twice_is_shared(self) -> None:
        torch.manual_seed(0)
        inner = rv.Sequential(
            rv.Linear(5, 5), rv.LIF(5, tau=rv.Learn(5 * ms), V_th=0.2), dt=1 * ms, dtype=torch.float64
        )
        net = rv.Sequential(inner, inner, dt=1 * ms, dtype=torch.float64)
        assert len(list(net.parameters())) == 3
        x = spikes()
        torch.testing.assert_close(net(x)[0], inner(inner(x)[0])[0], rtol=0, atol=0)

    def test_layers_give_their_cells(self) -> None:
        torch.manual_seed(0)
        lif = rv.LIF(4, tau=rv.Learn(5 * ms), V_th=0.2).layer(dt=1 * ms, dtype=torch.float64)
        back = rv.Recurrent(rv.LIF(4, V_th=0.2), rv.Linear(4, 4)).layer(dt=1 * ms, dtype=torch.float64)
        first = rv.Linear(5, 4)
        net, x = rv.Sequential(first, lif, back.output_only(), dt=1 * ms, dtype=torch.float64), spikes()
        torch.testing.assert_close(net(x)[0], back(lif(first(x))[0])[0], rtol=1e-12, atol=1e-12)
        assert net.lif1.tau is lif.tau

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: rv.Sequential(rv.Linear(2, 2), dt=1 * ms), "dt=1 ms cannot be a part of one with dt=0.5 ms"),
            (lambda: _hooked(), "with hooks cannot be a part"),
            (lambda: _Own(rv.Linear(2, 2), dt=0.5 * ms), "with a forward of its own cannot be a part"),
            (lambda: _sourced(), "one input, one output, no sources"),
        ],
    )
    def test_networks_that_cannot_stand_inside(self, make: Callable[[], rv.Network], words: str) -> None:
        with pytest.raises(RanvierError, match=words):
            rv.Sequential(make(), dt=0.5 * ms)


class _Own(rv.Sequential):
    def forward(self, *args, **how):
        return super().forward(*args, **how)


def _hooked() -> rv.Sequential:
    net = rv.Sequential(rv.Linear(2, 2), dt=0.5 * ms)
    net.register_forward_hook(lambda *_: None)
    return net


def _sourced() -> rv.Network:
    net = rv.Network(dt=0.5 * ms)
    net.source("poisson", rv.Poisson(0.1 / ms, 2))
    net.population("cells", 2, rv.LIF(), output=True)
    net.connect("poisson", "cells", rv.OneToOne())
    return net
