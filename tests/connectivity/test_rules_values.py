"""Weights and delays of single synapses: forms, storage, signs, bounds, correlation, memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.connectivity import Connectivity, ConnectivityError, Sparse
from ranvier.errors import DimensionError, ShapeError
from ranvier.limits import within_memory
from ranvier.network import GraphError
from ranvier.units import mm, ms, mV, nA
from ranvier.values import key_of, uniforms


def connected(rule: Connectivity | None = None, cells: int = 50, **how: Any) -> Sparse:
    net = rv.Network(dt=0.1 * ms, seed=7)
    net.population("cells", cells, rv.CurrentLIF())
    how.setdefault("weight", 1 * nA)
    net.connect("cells", "cells", rule or rv.FixedProbability(0.5), to="I", name="link", **how)
    return net.projections["link"].chain[0]


class TestStorage:
    def test_one_number_is_kept_as_one(self) -> None:
        part = connected(weight=0.3 * nA, delay=2 * ms)
        assert part.weight.shape == (1,)
        assert part.latency == 20
        assert part.effective_weight().shape == (len(part),)
        assert part.target.dtype == torch.int32

    @pytest.mark.parametrize(("longest", "kind"), [(20, torch.uint8), (30, torch.int16), (5000, torch.int32)])
    def test_latencies_take_the_narrowest_type(self, longest: float, kind: torch.dtype) -> None:
        part = connected(delay=rv.Uniform(0 * ms, longest * ms))
        assert part.latency_table.dtype == kind
        drawn = rv.Uniform(0.0, longest).draw(len(part), 7, "link.delay")
        np.testing.assert_array_equal(part.latency_table, np.rint(drawn / 0.1) + 1)

    def test_equal_latencies_become_one(self) -> None:
        assert connected(delay=rv.Uniform(2 * ms, 2.01 * ms)).latency == 20

    def test_weights_are_the_distributions_own_draws(self) -> None:
        part = connected(weight=rv.Normal(1 * nA, 0.1 * nA))
        np.testing.assert_array_equal(
            part.weight, rv.Normal(1.0, 0.1).draw(len(part), 7, "link.weight").astype(np.float32)
        )

    def test_values_are_the_same_for_any_number_of_threads(self) -> None:
        how = {"weight": rv.LogNormal(1 * nA, 0.5), "delay": rv.Normal(5 * ms, 1 * ms, low=0.1 * ms)}
        alone = connected(cells=800, **how)
        try:
            torch.set_num_threads(3)
            together = connected(cells=800, **how)
        finally:
            torch.set_num_threads(1)
        assert all(
            torch.equal(a, b) for a, b in zip(alone.state_dict().values(), together.state_dict().values(), strict=True)
        )

    @pytest.mark.parametrize("provider", ["cpu", "reference"])
    @pytest.mark.parametrize("longest", [20, 30])
    def test_narrow_and_shared_values_simulate_alike(self, provider: str, longest: int) -> None:
        """Stored narrow or wide, shared or each: the same spikes."""
        runs = []
        for wide in (False, True):
            net = rv.Network(dt=0.1 * ms, seed=7, provider=provider, dtype=torch.float64)
            net.population("cells", 20, rv.CurrentLIF(), v=rv.Uniform(-70 * mV, -50.5 * mV), I_e=0.6 * nA)
            net.connect(
                "cells",
                "cells",
                rv.FixedProbability(0.5),
                to="I",
                weight=0.3 * nA,
                delay=rv.Uniform(1 * ms, longest * ms),
                name="link",
            )
            part = net.projections["link"].chain[0]
            if wide:
                part.fix(part.latency_table.to(torch.int32))
                part.weight = part.effective_weight().clone()
            runs.append(net.run(60 * ms, stream=0, record={"cells": ["spikes"]})["cells"].spikes)
        assert len(runs[0]) > 20
        np.testing.assert_array_equal(runs[0].step, runs[1].step)
        np.testing.assert_array_equal(runs[0].cell, runs[1].cell)


class TestForms:
    def test_a_table_is_looked_up(self) -> None:
        table = np.arange(2500.0).reshape(50, 50)
        part = connected(weight=table * nA)
        np.testing.assert_array_equal(part.weight, table[part.pre, part.post])

    def test_a_wrong_shape(self) -> None:
        with pytest.raises(ShapeError, match=r"weight has the shape \(3,\) for .* synapses"):
            connected(weight=np.ones(3) * nA)

    def test_clipped_values_pile_up_at_the_bound(self) -> None:
        delay = rv.Clipped(rv.Normal(1 * ms, 1 * ms), low=0.5 * ms)
        part = connected(delay=delay)
        share = float((part.latency_table == 6).double().mean())
        assert 0.3 < share < 0.37
        assert int(part.latency_table.min()) == 6
        redrawn = connected(delay=rv.Normal(1 * ms, 1 * ms, low=0.5 * ms))
        assert float((redrawn.latency_table == 6).double().mean()) < 0.05

    @pytest.mark.parametrize("rho", [-0.8, 0.0, 0.6, 1.0])
    def test_delays_go_with_weights(self, rho: float) -> None:
        weight, delay = rv.Normal(10 * nA, 1 * nA), rv.Normal(100 * ms, 10 * ms)
        part = connected(cells=150, weight=weight, delay=rv.Correlated(delay, rho))
        found = np.corrcoef(part.weight, part.latency_table)[0, 1]
        assert abs(found - rho) < 0.02
        late = (part.latency_table.double() - 1) / 10
        assert abs(float(late.mean()) - 100) < 0.5
        assert abs(float(late.std()) - 10) < 0.3

    def test_correlated_needs_a_drawn_weight(self) -> None:
        with pytest.raises(ConnectivityError, match="needs a weight that is drawn"):
            connected(weight=1 * nA, delay=rv.Correlated(rv.Uniform(1 * ms, 2 * ms), 0.5))
        with pytest.raises(ConnectivityError, match=r"and rv\.Correlated"):
            connected(weight=rv.Correlated(rv.Uniform(1 * nA, 2 * nA), 0.5))
        with pytest.raises(ConnectivityError, match="rho=2"):
            rv.Correlated(rv.Uniform(1 * ms, 2 * ms), 2)

    def test_wrong_units(self) -> None:
        with pytest.raises(DimensionError, match="link: weight"):
            connected(weight=1 * mV)
        with pytest.raises(DimensionError, match=r"link: delay.*give a time"):
            connected(delay=1 * mm)

    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ({"weight": float("nan") * nA}, "weight of synapse 0 is nan"),
            ({"weight": np.r_[np.ones(2499), np.inf].reshape(50, 50) * nA}, "is inf; give finite weights"),
            ({"delay": -1 * ms}, "delay of synapse 0 is -1 ms"),
            ({"delay": rv.Normal(0.1 * ms, 1 * ms)}, r"delay of synapse \d+ is -.*low=0\.1\*ms"),
            ({"delay": 1e9 * ms}, "delays run from 0 to"),
        ],
    )
    def test_impossible_values(self, how: dict[str, Any], message: str) -> None:
        with pytest.raises(ConnectivityError, match=message):
            connected(rv.AllToAll(), **how)


class TestDale:
    def test_the_sign_is_checked(self) -> None:
        with pytest.raises(
            ConnectivityError, match=r"sign=\+1 makes it excitatory, but the weight of synapse \d+ is -"
        ):
            connected(weight=rv.Normal(0 * nA, 1 * nA), sign=1)
        with pytest.raises(ConnectivityError, match=r"sign=-1 makes it inhibitory, but the weight of synapse 0 is 2"):
            connected(weight=2 * nA, sign=-1)
        with pytest.raises(ConnectivityError, match="sign=2"):
            connected(sign=2)
        assert len(connected(weight=rv.Normal(0 * nA, 1 * nA, high=0 * nA), sign=-1))

    def test_transforms_have_no_sign(self) -> None:
        net = rv.Network(dt=1 * ms)
        net.population("cells", 3, rv.CurrentLIF())
        with pytest.raises(GraphError, match="sign belongs to single synapses"):
            net.connect("cells", "cells", rv.Linear(3, 3), to="I", sign=1)

    @pytest.mark.parametrize("sign", [1, -1])
    @pytest.mark.parametrize("delay", [None, rv.Uniform(0 * ms, 1 * ms)])
    def test_learnt_weights_keep_it_and_can_come_back(self, sign: int, delay: Any) -> None:
        net = rv.Network(dt=0.1 * ms, dtype=torch.float64)
        net.input("x", 6)
        net.population("cells", 4, rv.LeakyReadout(4, tau=1 * ms), output=True)
        net.connect("x", "cells", rv.AllToAll(), weight=rv.Learn(sign * 0.5), delay=delay, sign=sign)
        part = next(iter(net.projections.values())).chain[0]
        with torch.no_grad():
            part.weight[:12] *= -1
        out, _ = net(torch.ones(20, 1, 6, dtype=torch.float64))
        assert (sign * part.effective_weight() >= 0).all()
        out.sum().backward()
        assert (part.weight.grad != 0).all()

    def test_bounds_of_learn_hold_too(self) -> None:
        part = connected(weight=rv.Learn(rv.Uniform(0 * nA, 1 * nA), min=-2 * nA, max=3 * nA), sign=1)
        assert part.bounds == (0.0, 3.0)


class TestMemory:
    def test_too_much_is_refused_before_anything_is_drawn(self) -> None:
        message = r"link: FixedTotal.* about 5,000 synapses of 9 bytes; building them needs 45\.4 KB .* but 10 KB is free: use fewer"

        class Unbuilt(rv.FixedTotal):
            build = None  # pyright: ignore[reportAssignmentType]

        with within_memory(10_000), pytest.raises(ConnectivityError, match=message):
            connected(Unbuilt(5000), weight=rv.Normal(1 * nA, 0.1 * nA), delay=rv.Uniform(0 * ms, 1 * ms))

    def test_free_memory_is_known_or_unknown(self) -> None:
        from ranvier.limits import free_bytes

        assert (free_bytes() or 1) > 0

    def test_progress_is_shown_on_the_error_stream(self, capsys: pytest.CaptureFixture[str]) -> None:
        connected(rv.FixedTotal(5000), progress=True)
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "5,000 synapses" in " ".join(shown.err.split())


def test_uniforms_of_the_weight_are_those_the_correlation_uses() -> None:
    part = connected(weight=rv.Uniform(0 * nA, 1 * nA), delay=rv.Correlated(rv.Uniform(0 * ms, 20 * ms), 1.0))
    drawn = uniforms(key_of(7, "link.weight"), len(part))
    np.testing.assert_allclose(part.weight, drawn, rtol=1e-6)
    np.testing.assert_array_equal(part.latency_table, np.rint(20 * drawn / 0.1) + 1)


def test_everything_is_saved(tmp_path: Path) -> None:
    net = rv.Network(dt=0.1 * ms, seed=7)
    net.population("cells", 16, rv.CurrentLIF(), positions=rv.Grid((4, 4), 0.1 * mm, periodic=True))
    net.connect("cells", "cells", rv.FixedProbability(0.5), to="I", weight=0.2 * nA, delay=rv.Uniform(0 * ms, 30 * ms))
    net.connect(
        "cells", "cells", rv.AllToAll(), to="I", weight=rv.Learn(0.2 * nA), sign=1, delay=rv.Uniform(0 * ms, 5 * ms)
    )
    rv.save(net, tmp_path / "net")
    again = rv.load(tmp_path / "net")
    assert net.state_dict().keys() == again.state_dict().keys()
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
        assert tensor.dtype == again.state_dict()[name].dtype
    assert [p.chain[0].bounds for p in again.projections.values()] == [(None, None), (0.0, None)]
    before, after = (n.populations["cells"].positions for n in (net, again))
    np.testing.assert_array_equal(before.coordinates, after.coordinates)
    np.testing.assert_array_equal(before.period, after.period)
    assert before.dimension == after.dimension
