"""Hooks that torch users register: each fires in a plain call, or is refused with the place where it would."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

X = (torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(0)) < 0.5).float()
PARTS: dict[str, Callable[[rv.Sequential], nn.Module]] = {
    "network": lambda net: net,
    "first transform": lambda net: net.linear1,
    "norm of a row": lambda net: net["linear2"][1],
    "cells": lambda net: net.lif1,
    "cells with a cycle": lambda net: net.lif2,
    "recurrent transform": lambda net: net["recurrent2"],
    "projection": lambda net: net.projections["linear1"],
    "read-out": lambda net: net[-1],
}


def network() -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        rv.Linear(4, 5), rv.LIF(5, V_th=0.2), rv.Linear(5, 5), nn.BatchNorm1d(5), rv.Recurrent(rv.LIF(5, V_th=0.2), rv.Linear(5, 5)),
        rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms,
    ).eval()  # fmt: skip


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("part", list(PARTS))
def test_hooks_fire_in_plain_calls_and_change_nothing_else(part: str, grad: bool) -> None:
    net, seen = network(), []
    with torch.set_grad_enabled(grad):
        wanted = net(X)[0]
        wanted = net(X)[0]
        hooks = [
            PARTS[part](net).register_forward_pre_hook(lambda m, args: seen.append("before")),
            PARTS[part](net).register_forward_hook(lambda m, args, out: seen.append("after")),
        ]
        out = net(X)[0]
        assert {*seen} == {"before", "after"}
        count = len(seen)
        torch.testing.assert_close(out, wanted, rtol=1e-5, atol=1e-6)
        state = None
        for row in X:
            out, state = net.step(row, state)
        assert len(seen) > count
        for hook in hooks:
            hook.remove()
        count = len(seen)
        assert torch.equal(net(X)[0], wanted)
        assert len(seen) == count


def test_the_plan_says_which_parts_leave_the_fused_path() -> None:
    net = rv.Sequential(rv.Linear(4, 5), rv.LIF(5), rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms)
    assert net.plan(steps=6, batch=3, gradient=True).together == (("lif1", "readout1"),)
    net.lif1.register_forward_hook(lambda *_: None)
    plan = net.plan(steps=6, batch=3, gradient=True)
    assert plan.together == ()
    assert "hook" in str(plan)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (lambda net: net["linear2"], r"the list of transforms .* never called.*net\.projections\['linear2'\]"),
        (lambda net: net.projections, "never called"),
        (lambda net: net.populations, "never called"),
        (lambda net: net.lif1.membrane_norm, r"never called.*net\.lif1"),
    ],
)
def test_hooks_that_could_never_fire_are_refused(place: Callable[[rv.Sequential], nn.Module], words: str) -> None:
    net = rv.Sequential(
        rv.Linear(4, 5), rv.MembraneNorm(rv.LIF(5)), rv.Linear(5, 5), nn.BatchNorm1d(5), rv.LIF(5), dt=1 * ms
    ).eval()  # fmt: skip
    place(net).register_forward_hook(lambda *_: None)
    with pytest.raises(RanvierError, match=words):
        net(X)
