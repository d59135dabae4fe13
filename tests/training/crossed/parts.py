"""What several networks of the crossed tests are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ranvier as rv
from ranvier.units import ms

Make = Callable[..., rv.Network]
#: samples of five cells in a row
ROW = (5,)


def readout() -> rv.Cell:
    return rv.LeakyReadout(3, tau=9 * ms)


def current(size: int = 6, tau_m: Any = 8 * ms) -> rv.Cell:
    return rv.Cell(
        "dv/dt = (I - v)/tau_m : 1\ndI/dt = -I/tau_s : 1", threshold="v > V_th", reset="v = 0", tau_m=tau_m, tau_s=4 * ms,
        V_th=0.25, name="current", size=size,
    )  # fmt: skip


def level() -> rv.Cell:
    return rv.Cell(
        "dv/dt = (I - v)/tau_m : 1\ndI/dt = -I/tau_s : 1", tau_m=9 * ms, tau_s=5 * ms, emit="v", name="level", size=3
    )
