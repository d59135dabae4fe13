"""Times without units, with units where a library has none, in seconds instead of ms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.compat import norse, sinabs, snntorch, spikingjelly
from ranvier.errors import RanvierError, RanvierWarning
from ranvier.units import ms, mV


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rv.Sequential(rv.LIF(3), dt=1), r"dt=1 is not a time: give one with its unit"),
        (lambda: rv.Sequential(rv.LIF(3), dt=1e-3), r"dt=0\.001 is not a time"),
        (lambda: rv.LIF(3, tau=10), r"tau=10 has no unit: write tau=10\*ms"),
        (lambda: rv.LIF(3, V_th=-50 * mV), r"v of LIF is a plain number: write V_th=1\.0, or take rv\.CurrentLIF"),
        (lambda: snntorch.Leaky(beta=10 * ms), r"10 ms has a unit.*exp\(-dt/tau\).*tau/dt"),
        (lambda: spikingjelly.LIFNode(tau=2 * ms), r"2 ms has a unit"),
        (lambda: sinabs.LIF(tau_mem=10 * ms), r"10 ms has a unit"),
        (lambda: sinabs.ALIF(10.0, rv.Learn(100 * ms)), r"100 ms has a unit"),
        (lambda: norse.LIF(dt=1 * ms), r"dt=1 ms must be a number of seconds above 0, without a unit"),
        (lambda: norse.LIF(dt=1.0), r"dt\*tau_mem_inv = 100 makes Euler's rule diverge: rates are in 1/s, dt in s"),
    ],
)
def test_the_error_says_which_unit(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RanvierError, match=message):
        make()


def test_seconds_for_milliseconds_are_warned_of() -> None:
    net = rv.Sequential(rv.LIF(3, tau=0.02 * ms), dt=1 * ms)
    with pytest.warns(RanvierWarning, match=r"time constant of 0\.02 ms, but a step takes 1 ms"):
        net(torch.rand(5, 2, 3))
