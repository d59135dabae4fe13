"""EventProp against finite differences of the spike times of the exact continuous solution, found event by event."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.units import ms

TAU_M, TAU_S, V_TH, DURATION = 10.0, 5.0, 0.3, 40.0
ARRIVALS = (2.0, 4.0, 7.0, 9.0, 12.0, 15.0)
WORTH = np.array([1.0, -0.7])
_SHARE = TAU_S / (TAU_S - TAU_M)


def weights(recurrent: bool) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(4)
    out = {"in": draw.uniform(0.2, 0.9, (4, 6)), "out": draw.uniform(0.3, 0.7, (2, 4))}
    return {**out, "rec": draw.uniform(-0.3, 0.3, (4, 4))} if recurrent else out


class _Exact:
    """dv/dt = (I - v)/tau_m, dI/dt = -I/tau_s, a spike where v reaches V_th, reset v = 0 or v -= V_th."""

    def __init__(self, w: dict[str, np.ndarray], soft: bool) -> None:
        self.w, self.soft = w, soft
        self.v, self.i, self.t = np.zeros(6), np.zeros(6), np.zeros(6)
        self.fired: list[list[float]] = [[] for _ in range(6)]
        self.queue: list[tuple[float, int, int, float]] = []
        self.count = 0

    def level(self, k: int, later: float) -> float:
        own = self.v[k] - _SHARE * self.i[k]
        return own * np.exp(-later / TAU_M) + _SHARE * self.i[k] * np.exp(-later / TAU_S)

    def crossing(self, k: int, until: float) -> float | None:
        span = np.linspace(0, until - self.t[k], 4000)
        above = np.flatnonzero(self.level(k, span) > V_TH)  # type: ignore[arg-type]
        if not len(above) or above[0] == 0:
            return None
        first = above[0]
        return self.t[k] + brentq(lambda s: self.level(k, s) - V_TH, span[first - 1], span[first], xtol=1e-13)

    def move(self, k: int, t: float) -> None:
        later = t - self.t[k]
        self.v[k], self.i[k] = self.level(k, later), self.i[k] * np.exp(-later / TAU_S)
        self.t[k] = t

    def send(self, t: float, k: int, w: float) -> None:
        self.count += 1
        heapq.heappush(self.queue, (t, self.count, k, w))

    def run(self) -> list[list[float]]:
        for source, t in enumerate(ARRIVALS):
            for k in range(4):
                self.send(t, k, self.w["in"][k, source])
        while True:
            until = self.queue[0][0] if self.queue else DURATION
            found = [(t, k) for k in range(6) if (t := self.crossing(k, min(until, DURATION))) is not None]
            if found:
                self.spike(*min(found))
            elif self.queue and until < DURATION:
                t, _, k, w = heapq.heappop(self.queue)
                self.move(k, t)
                self.i[k] += w
            else:
                return self.fired

    def spike(self, t: float, k: int) -> None:
        self.move(k, t)
        self.v[k] = self.v[k] - V_TH if self.soft else 0.0
        self.fired[k].append(t)
        if k < 4:
            for post in range(2):
                self.send(t + 3.0, 4 + post, self.w["out"][post, k])
            for post in range(4) if "rec" in self.w else ():
                self.send(t + 2.0, post, self.w["rec"][post, k])


def exact_loss(w: dict[str, np.ndarray], soft: bool) -> float:
    return float(WORTH @ [fired[0] for fired in _Exact(w, soft).run()[4:]])


def exact_gradient(recurrent: bool, soft: bool) -> dict[str, np.ndarray]:
    w, h = weights(recurrent), 1e-6
    out = {n: np.zeros_like(m) for n, m in w.items()}
    for n, m in w.items():
        for index in np.ndindex(m.shape):
            pair = []
            for sign in (1, -1):
                moved = {k: v.copy() for k, v in w.items()}
                moved[n][index] += sign * h
                pair.append(exact_loss(moved, soft))
            out[n][index] = (pair[0] - pair[1]) / (2 * h)
    return out


def on_the_grid(dt: float, recurrent: bool, soft: bool, provider: str = "cpu") -> dict[str, np.ndarray]:
    net = rv.Network(dt=dt * ms, dtype=torch.float64, provider=provider)
    cell = rv.Cell(
        "dv/dt = (I - v)/tau_m : 1\ndI/dt = -I/tau_s : 1", threshold="v > V_th",
        reset="v -= V_th" if soft else "v = 0", tau_m=TAU_M * ms, tau_s=TAU_S * ms, V_th=V_TH,
    )  # fmt: skip
    x, h, o = net.input("x", 6), net.population("h", 4, cell), net.population("o", 2, cell, output=True)
    ends = {"in": (x, h, 0.0), "out": (h, o, 3.0), "rec": (h, h, 2.0)}
    named = {}
    for n, w in weights(recurrent).items():
        pre, post, delay = ends[n]
        module = rv.Linear(w.shape[1], w.shape[0], bias=False)
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(w))
        net.connect(pre, post, module, to="I", delay=(delay - dt / 2 if delay else 0.0) * ms)
        named[n] = module
    spikes = torch.zeros(round(DURATION / dt), 1, 6, dtype=torch.float64)
    for k, t in enumerate(ARRIVALS):
        spikes[round(t / dt) - 1, 0, k] = 1
    loss = rv.losses.TimeToFirstSpike(dt=dt * ms)
    rv.rules.EventProp().gradient(net, spikes, lambda out: loss.times(out)[0] @ torch.from_numpy(WORTH))
    return {n: module.weight.grad.numpy() for n, module in named.items()}


def apart(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """Relative distance of whole gradients."""
    return float(np.sqrt(sum(np.sum((a[n] - b[n]) ** 2) for n in a)) / np.sqrt(sum(np.sum(a[n] ** 2) for n in a)))


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_gradient_of_spike_times_in_the_limit_of_small_steps(recurrent: bool, soft: bool) -> None:
    truth = exact_gradient(recurrent, soft)
    assert all(np.abs(g).max() > 0 for g in truth.values())
    errors = [apart(truth, on_the_grid(dt, recurrent, soft)) for dt in (0.1, 0.05, 0.025, 0.0125)]
    assert errors[-1] < 0.02
    order = np.polyfit(np.log([0.1, 0.05, 0.025, 0.0125]), np.log(errors), 1)[0]
    assert 0.6 < order < 1.8


@pytest.mark.parametrize("recurrent", [False, True])
def test_providers_agree(recurrent: bool) -> None:
    assert apart(on_the_grid(0.1, recurrent, False), on_the_grid(0.1, recurrent, False, "reference")) < 1e-9


def test_spikes_are_where_they_were() -> None:
    torch.manual_seed(0)
    net = _current()
    x = (torch.rand(200, 3, 6) < 0.05).double()
    plain, _ = net(x)
    seen = []
    rv.rules.EventProp().gradient(net, x, lambda out: seen.append(out.detach()) or out.sum())
    assert plain.sum() > 0
    assert torch.equal(seen[0], plain)


def _current(**options: object) -> rv.Network:
    net = rv.Network(dt=0.1 * ms, dtype=torch.float64)
    values = {"E_L": 0, "V_r": 0, "V_th": 0.5, "R": 1, "refractory": None, **options}
    x, h = net.input("x", 6), net.population("h", 3, _cell(**values), output=True)
    net.connect(x, h, rv.Linear(6, 3), to="I")
    with torch.no_grad():
        for q in net.parameters():
            q.abs_().mul_(8)
    return net


def _cell(**values: object) -> rv.Cell:
    text = "dv/dt = (I - v)/tau_m : 1" + (" (unless refractory)" if values["refractory"] else "")
    return rv.Cell(f"{text}\ndI/dt = -I/tau_s : 1", threshold="v > V_th", reset="v = 0", tau_m=10 * ms, tau_s=5 * ms,
                   V_th=values["V_th"], refractory=values["refractory"])  # fmt: skip


def _kicked(cell: rv.Cell, to: str) -> Callable[[], rv.Network]:
    def make() -> rv.Network:
        net = rv.Network(dt=0.1 * ms)
        x, h = net.input("x", 6), net.population("h", 3, cell)
        o = net.population("o", 3, cell, output=True)
        net.connect(x, h, rv.Linear(6, 3), to=to)
        net.connect(h, o, rv.Linear(3, 3), to=to)
        return net

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _current(refractory=2 * ms), "refractory=None"),
        (_kicked(rv.LIF(), "x"), "has a rule for the next value of v"),
        (_kicked(rv.Cell("dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0", tau=5 * ms), "v"), "which the threshold compares"),
        (_kicked(rv.Cell("dv/dt = (x - v)/tau : 1\nx : 1 (input)", threshold="v > 1", tau=5 * ms), "x"), "to the input 'x'"),
        (_kicked(rv.Cell("dv/dt = (I - v)/tau + xi/tau**0.5 : 1\ndI/dt = -I/tau : 1", threshold="v > 1", tau=5 * ms), "I"), "compares v, which diffuses"),
    ],
)  # fmt: skip
def test_cells_without_a_derivative_by_times_are_refused(make: Callable[[], rv.Network], message: str) -> None:
    with pytest.raises((TrainingError, rv.errors.RanvierError), match=message):
        rv.rules.EventProp().gradient(make(), torch.zeros(5, 1, 6), torch.sum)
