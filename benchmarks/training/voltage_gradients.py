"""Gradients of voltage losses against differences of the simulation. Run: `python -m benchmarks.training.voltage_gradients`.

Random cells are fitted to the voltage of a perturbed twin, in float64: silent ones, and ones that spike. The table goes
into `docs/gradients.md`, between its marks.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ranvier as rv
from benchmarks._marks import paste
from ranvier.dynamics import Reset
from ranvier.units import Mohm, cm, mS, ms, mV, nA, nS, pA, pF, uF

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gradients.md"
RESETS: tuple[Reset, ...] = ("auto", "surrogate", "detached", "times")
Values = dict[str, float]
Make = Callable[[Mapping[str, Any]], rv.Cell]


def _conductances(values: Mapping[str, Any]) -> rv.Cell:
    return rv.Cell(
        """
        dv/dt = (E_L - v + g_e*(E_e - v) + g_i*(E_i - v))/tau_m : mV
        dg_e/dt = (drive - g_e)/tau_e : 1
        dg_i/dt = (0.4*drive - g_i)/tau_i : 1
        drive : 1 (input)
        """,
        threshold="v > V_th", reset="v = V_r", E_e=0 * mV, E_i=-80 * mV, V_r=-60 * mV, V_th=-50 * mV, v=-60 * mV,
        **values,
    )  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of cell: how it is made, its learnt values, and the drive that leaves it silent or makes it spike."""

    make: Make
    learnt: Mapping[str, Any]
    port: str
    unit: Any
    silent: float
    spiking: float
    dt: float
    duration: float
    timed: bool = True


_HH = dict(C_m=1 * uF / cm**2, g_Na=120 * mS / cm**2, g_K=36 * mS / cm**2, g_L=0.3 * mS / cm**2)
_ADEX = dict(C_m=281 * pF, g_L=30 * nS, E_L=-70.6 * mV, tau_w=144 * ms, a=4 * nS, b=80.5 * pA)
_CURRENT = dict(tau_m=10 * ms, R=40 * Mohm, E_L=-65 * mV)
_COBA = dict(E_L=-60 * mV, tau_m=20 * ms, tau_e=5 * ms, tau_i=10 * ms)
KINDS: dict[str, Kind] = {
    "LIF": Kind(lambda v: rv.LIF(**v), dict(tau=20 * ms), "x", 1, 0.04, 0.12, 1.0, 200.0, False),
    "ALIF": Kind(
        lambda v: rv.ALIF(**v), dict(tau=20 * ms, tau_a=100 * ms, beta_a=0.5), "x", 1, 0.04, 0.12, 1.0, 200.0, False
    ),
    "current LIF": Kind(
        lambda v: rv.Cell(
            "dv/dt = (E_L - v + R*I)/tau_m : mV\nI : nA (input)", threshold="v > V_th", reset="v = V_r",
            V_th=-50 * mV, V_r=-65 * mV, v=-65 * mV, **v,
        ),
        _CURRENT, "I", nA, 0.3, 0.6, 0.1, 60.0,
    ),
    "AdEx": Kind(lambda v: rv.AdEx(v=-70.6 * mV, **v), _ADEX, "I", nA, 0.4, 1.0, 0.1, 80.0),
    "Hodgkin-Huxley": Kind(lambda v: rv.HodgkinHuxley(**v), _HH, "I", nA, 1.0, 12.0, 0.05, 40.0, False),
    "conductances": Kind(_conductances, _COBA, "drive", 1, 0.15, 0.5, 0.1, 80.0),
}  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """One random fit: the values of a cell, those of the twin whose voltage is aimed at, and a drive that wanders.

    ``finer`` divides the step of the cell; drive and target stay on the kind's own grid. The loss is the mean squared
    distance in voltage over all steps of that grid, or at this many random ``moments``.
    """

    kind: str
    seed: int
    spiking: bool
    provider: str | None = None
    finer: int = 1
    moments: int = 0

    @property
    def how(self) -> Kind:
        return KINDS[self.kind]

    @cached_property
    def values(self) -> Values:
        """The learnt values, each up to a tenth off the usual ones."""
        draw = np.random.default_rng(self.seed)
        usual = {n: float(rv.units.as_quantity(q).value) for n, q in self.how.learnt.items()}
        return {n: x * (1 + 0.1 * draw.uniform(-1, 1) * (0.2 if n.startswith("E_") else 1)) for n, x in usual.items()}

    @cached_property
    def drive(self) -> np.ndarray:
        """[T, 1]: held for 5 ms at a time, from half to one and a half times the kind's."""
        draw = np.random.default_rng(self.seed + 1000)
        steps, hold = round(self.how.duration / self.how.dt), round(5 / self.how.dt)
        size = self.how.spiking if self.spiking else self.how.silent
        return np.repeat(size * draw.uniform(0.5, 1.5, -(-steps // hold)), hold)[:steps, None]

    @cached_property
    def target(self) -> torch.Tensor:
        """The voltage of a twin whose values are a few per cent off."""
        draw = np.random.default_rng(self.seed + 2000)
        off = {
            n: x * (1 + 0.05 * draw.uniform(-1, 1) * (0.2 if n.startswith("E_") else 1)) for n, x in self.values.items()
        }
        return replace(self, finer=1).voltage(off)[0]

    @cached_property
    def seen(self) -> np.ndarray:
        """The steps of the kind's grid that the loss looks at."""
        every = np.arange(round(self.how.duration / self.how.dt))
        draw = np.random.default_rng(self.seed + 3000)
        return np.sort(draw.choice(every, self.moments, replace=False)) if self.moments else every

    def network(self, values: Values) -> rv.Network:
        """The cell, driven."""
        how = self.how
        net = rv.Network(dt=how.dt / self.finer * ms, dtype=torch.float64, provider=self.provider)
        units = {n: x / float(x.value) if isinstance(x, rv.units.Quantity) else 1.0 for n, x in how.learnt.items()}
        net.population("cell", 1, how.make({n: rv.Learn(x * units[n]) for n, x in values.items()}))
        net.source("drive", rv.TimedArray(self.drive, dt=how.dt * ms))
        net.connect("drive", "cell", rv.OneToOne(), to=how.port, weight=1 * how.unit)
        return net

    def voltage(self, values: Values) -> tuple[torch.Tensor, tuple[int, ...]]:
        """Voltage [T] on the kind's own grid, and how many spikes came before each moment (or at all); without gradient."""
        run = self.network(values).run(self.how.duration * ms, record={"cell": ["v", "spikes"]})
        v, spikes = torch.as_tensor(np.asarray(run["cell"].v)), np.sort(run["cell"].spikes.step)
        before = np.searchsorted(spikes, (self.seen + 1) * self.finer) if self.moments else [len(spikes)]
        return v[self.finer - 1 :: self.finer, 0], tuple(map(int, before))

    def loss(self, values: Values) -> tuple[float, tuple[int, ...]]:
        """The loss, and how many spikes came before each moment (or at all)."""
        v, spikes = self.voltage(values)
        return float((v - self.target)[self.seen].square().mean()), spikes

    @property
    def fires(self) -> bool:
        """Whether it does."""
        return replace(self, moments=0).loss(self.values)[1] != (0,)

    def gradient(self, reset: Reset) -> Values:
        """By autograd."""
        net = self.network(self.values)
        run = net.run(self.how.duration * ms, grad=True, record={"cell": ["v"]}, reset=reset)
        (run["cell"].v[self.finer - 1 :: self.finer, 0, 0] - self.target)[self.seen].square().mean().backward()
        found = {n.split(".")[-1]: q.grad for n, q in net.named_parameters() if q.grad is not None}
        return {n: float(found[n]) for n in self.values}

    def differences(self, share: float) -> Values | None:
        """By central differences over ``share`` of each value; None where a spike comes, goes or passes a moment."""
        out, usual = {}, self.loss(self.values)[1]
        for n, x in self.values.items():
            (high, more), (low, fewer) = (self.loss({**self.values, n: x * (1 + s * share)}) for s in (1, -1))
            if (more, fewer) != (usual, usual):
                return None
            out[n] = (high - low) / (2 * share * x)
        return out


def errors(found: Values, wanted: Values) -> list[float]:
    """Relative errors of all components; one that is nothing beside the others (in per cent of its value) is left out."""
    return [abs(found[n] / wanted[n] - 1) for n in wanted if wanted[n] != 0]


@dataclass
class Tally:
    """Relative errors and signs of the fits of one row."""

    errors: list[float]
    right: list[bool]

    def add(self, found: Values, wanted: Values) -> None:
        """One fit."""
        self.errors += errors(found, wanted)
        self.right += [found[n] * wanted[n] > 0 for n in wanted if wanted[n] != 0]

    def __str__(self) -> str:
        if not self.errors:
            return "–"
        return f"{_short(float(np.median(self.errors)))} ({100 * np.mean(self.right):.0f} %)"


def _short(x: float) -> str:
    return f"{x:.0e}" if x < 1e-3 or x >= 100 else f"{x:.2g}"


def table(seeds: int, finer: int) -> str:
    """Rows by kind: silent and spiking cells beside differences of the program, then beside those of a fine step."""
    head = ["cell", "fires", "beside", *(f"`{r}`" for r in RESETS)]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for kind, how in KINDS.items():
        for spiking in (False, True):
            fits = [f for s in range(seeds) if (f := Fit(kind, s, spiking)).fires == spiking]
            rows.append(_row(fits, "the program", lambda f: f.differences(1e-5)))
            if spiking and how.timed:
                some = [replace(f, moments=4) for f in fits]
                for share, what in ((1, "continuous time"), (8, "continuous time, dt/8")):
                    fine = [replace(f, finer=share) for f in some]
                    rows.append(_row(fine, what, lambda f: replace(f, finer=finer).differences(1e-3)))
    return "\n".join(rows)


def _row(fits: list[Fit], beside: str, truth: Callable[[Fit], Values | None]) -> str:
    tallies = {r: Tally([], []) for r in RESETS}
    for fit in fits:
        wanted = truth(fit)
        if wanted is None or not all(math.isfinite(x) for x in wanted.values()):
            continue
        for reset in RESETS if fit.how.timed else RESETS[:-1]:
            tallies[reset].add(fit.gradient(reset), wanted)
    cells = [fits[0].kind, "yes" if fits[0].spiking else "no", beside, *map(str, tallies.values())]
    sys.stderr.write(" ".join(cells) + "\n")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--finer", type=int, default=64)
    given = parser.parse_args()
    torch.set_num_threads(1)
    paste(PAGE, "table", table(given.seeds, given.finer))


if __name__ == "__main__":
    main()
