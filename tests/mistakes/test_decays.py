"""``beta`` for ``tau`` and the other way round: each says how to get the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.compat import snntorch, spikingjelly
from ranvier.errors import RanvierError
from ranvier.units import ms


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rv.LIF(3, beta=0.9), r"tau=-dt/ln\(beta\), such as tau=9\.491\*ms for 0\.9 at dt=1\*ms"),
        (lambda: rv.LIF(3, beta=0.9, tau=10 * ms), r"tau=-dt/ln\(beta\)"),
        (lambda: rv.LIF(3, alpha=0.8), r"tau=-dt/ln\(alpha\), such as tau=4\.481\*ms"),
        (lambda: rv.LeakyReadout(3, decay=0.8), r"tau=-dt/ln\(decay\)"),
        (
            lambda: rv.LIF(3, tau=0.9),
            r"If it is the decay of a step, beta, .*tau=-dt/ln\(beta\), such as tau=9\.491\*ms",
        ),
        (lambda: spikingjelly.LIFNode(tau=1.0), r"tau=1\.0 must be a number of steps above 1"),
        (lambda: spikingjelly.ParametricLIFNode(init_tau=0.5), r"init_tau=0\.5 must be a number of steps above 1"),
        (lambda: snntorch.Alpha(alpha=0.8, beta=0.9), r"alpha=0\.8 must be above beta=0\.9"),
        (lambda: snntorch.Lapicque(beta=0.9, R=1.0, C=2.0), "R and C already determine beta: leave beta out"),
        (lambda: snntorch.Lapicque(R=1.0), "give R and C, or beta"),
    ],
)
def test_the_error_says_what_to_write(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RanvierError, match=message):
        make()


def test_what_the_error_says_is_the_same_cell() -> None:
    x = torch.rand(30, 2, 3, dtype=torch.float64)
    ours = rv.Sequential(rv.LIF(3, tau=-1 / math.log(0.9) * ms, reset=""), dt=1 * ms, dtype=torch.float64)
    theirs = rv.Sequential(snntorch.Leaky(0.9, reset_mechanism="none", size=3), dt=1 * ms, dtype=torch.float64)
    a, b = (n.observe(x, record={name: ["v"]})[name]["v"] for n, name in ((ours, "lif1"), (theirs, "leaky1")))
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
