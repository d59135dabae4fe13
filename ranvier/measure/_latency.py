"""What this machine takes: time of calls, and the energy that its own counter shows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ranvier.errors import ShapeError
from ranvier.network.evaluating import evaluating
from ranvier.values import is_whole

__all__ = ["Latency", "latency"]

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Latency:
    """Measured times of calls [ms], and energy where the machine shows it; no figure of a model is among them.

    Attributes
    ----------
    times
        Every call [ms].
    joules
        What the processor packages used in a call, everything else that ran included; None where that cannot be read.
    reason
        Why not.
    """

    times: tuple[float, ...]
    joules: float | None
    reason: str

    @property
    def p50(self) -> float:
        """The median [ms]."""
        return _quantile(self.times, 0.5)

    @property
    def p99(self) -> float:
        """The time that 99 of 100 calls do not exceed [ms]; the longest of fewer than 100."""
        return _quantile(self.times, 0.99)

    def __str__(self) -> str:
        used = f"energy not measured: {self.reason}" if self.joules is None else f"{self.joules:.3g} J for a call"
        return f"measured: p50 {self.p50:.3g} ms, p99 {self.p99:.3g} ms over {len(self.times)} calls; {used}"


def latency(
    net: nn.Module, x: Any, *more: Any, calls: int = 100, warm_up: int = 5, powercap: Path = POWERCAP, **how: Any
) -> Latency:
    """Time ``net(x, *more, **how)`` on this machine, without gradient and in evaluation mode, call by call.

    Energy comes from ``/sys/class/powercap`` (counters of the processor packages) and is that of the whole machine.

    Parameters
    ----------
    net, x, more, how
        A module and the arguments of its call. On a GPU each call ends when its work is done.
    calls, warm_up
        How many calls are timed, and how many come before that.
    powercap
        The folder of the counters.

    Raises
    ------
    ShapeError
        Where ``net`` is no module, ``calls`` below 1 or ``warm_up`` below 0.

    >>> net = rv.Sequential(rv.Linear(20, 3), rv.LeakyReadout(3), dt=1*ms)
    >>> found = rv.measure.latency(net, torch.ones(10, 1, 20), calls=3)
    >>> len(found.times), found.p50 <= found.p99
    (3, True)
    """
    if not isinstance(net, nn.Module):
        raise ShapeError(
            f"latency takes a module, got {type(net).__name__}: give rv.Sequential, or any torch.nn.Module."
        )
    for name, value, least in (("calls", calls, 1), ("warm_up", warm_up, 0)):
        if not is_whole(value, least):
            raise ShapeError(f"latency: {name}={value!r} must be a whole number of {least} or more.")
    times = []
    with evaluating(net), torch.no_grad():
        for _ in range(warm_up):
            net(x, *more, **how)
        _finish()
        before = _counters(powercap)
        for _ in range(calls):
            start = time.perf_counter()
            net(x, *more, **how)
            _finish()
            times.append(1000 * (time.perf_counter() - start))
        after = _counters(powercap)
    if isinstance(before, str) or isinstance(after, str):
        return Latency(tuple(times), None, before if isinstance(before, str) else str(after))
    used = sum((after[name][0] - start) % limit for name, (start, limit) in before.items() if name in after)
    return Latency(tuple(times), used / 1e6 / calls, "")


def _finish() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _counters(powercap: Path) -> dict[str, tuple[int, int]] | str:
    """Energy [µJ] of each package and where its counter starts again; or why there is none."""
    zones = sorted(z for z in powercap.glob("*:*") if z.name.count(":") == 1) if powercap.is_dir() else []
    if not zones:
        return f"{powercap} has no counters on this machine"
    try:
        return {z.name: (_read(z / "energy_uj"), _read(z / "max_energy_range_uj") + 1) for z in zones}
    except (OSError, ValueError) as error:
        return f"{zones[0]} cannot be read ({type(error).__name__}): its files are for root alone on most machines"


def _read(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


def _quantile(times: tuple[float, ...], share: float) -> float:
    """The smallest time that a ``share`` of the calls do not exceed."""
    return sorted(times)[max(0, -(-len(times) * round(100 * share) // 100) - 1)]
