"""Spike times of noisy cells: the pathwise derivative against finite differences under the same noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import DimensionError, EquationError, TrainingError
from ranvier.network import GraphError
from ranvier.units import ms, mV

DOUBLE, DURATION, DROP, DELTA, START, SEED = torch.float64, 14.0, 1.0, 0.2, 0.7, 0.37
#: how much the time of each spike of a cell counts
WORTH = np.cos(np.arange(40))


def cells(sigma: float) -> rv.Cell:
    """Thresholds that look random and follow from the number of the spike, so that both solutions draw the same."""
    cell = rv.StochasticLIF(E=START, sigma=sigma)
    text = cell.equations.split("one'")[0] + "u' = u : 1\nb' = xi_v*sqrt(dt) : 1"
    reset = "v -= drop; h = 0; u = 4*u*(1 - u); E = -log(u)"
    return cell.changed(equations=text, reset=reset, values={**cell.values, "u": SEED})


def network(dt: float, sigma: float, provider: str | None = None) -> rv.Network:
    net = rv.Network(dt=dt * ms, dtype=DOUBLE, seed=3, provider=provider)
    net.input("x", 3)
    net.population("out", 4, cells(sigma), output=True)
    layer = rv.Linear(3, 4, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.random.default_rng(0).uniform(0.3, 1.2, (4, 3))))
    net.connect("x", "out", layer, to="I")
    return net


def signal(dt: float) -> torch.Tensor:
    x = torch.zeros(round(DURATION / dt), 1, 3, dtype=DOUBLE)
    for k in range(3):
        x[[round(t / dt) for t in np.arange(1 + k, DURATION - 1, 3.0)], 0, k] = 1.0
    return x


def slope(net: rv.Network, x: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """The derivative of the weighted sum of spike times by the weights, and the number of spikes of each cell."""
    out, _ = net(x, reset="times", stream=0)
    s = out[:, 0]
    order = (s.detach().cumsum(0) - 1).clamp(min=0).long()
    (found,) = torch.autograd.grad((torch.from_numpy(WORTH)[order] * s).sum(), list(net.parameters()))
    return found, s.detach().sum(0).long().tolist()


def times(weight: np.ndarray, x: np.ndarray, noise: np.ndarray, dt: float, sigma: float) -> list[float]:
    """Spike times of one cell, found between steps; noise is a straight line in each step."""
    tau_m, tau_s, v, i, h, E, u, found = 10.0, 5.0, 0.0, 0.0, 0.0, START, SEED, []

    def ahead(d: float) -> tuple[float, float, float]:
        middle, last = i * np.exp(-d / 2 / tau_s), i * np.exp(-d / tau_s)
        k1 = (i - v) / tau_m + drive
        k2 = (middle - v - d / 2 * k1) / tau_m + drive
        k3 = (middle - v - d / 2 * k2) / tau_m + drive
        k4 = (last - v - d * k3) / tau_m + drive
        later = v + d / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        hazard = [np.exp((w - 1.0) / DELTA) for w in (v, v + d / 2 * k2, later)]
        return later, last, h + d / 6 * (hazard[0] + 4 * hazard[1] + hazard[2])

    for n, arrived in enumerate(x):
        i += float(arrived @ weight)
        drive, t = sigma * np.sqrt(2 / tau_m) * noise[n] / np.sqrt(dt), 0.0
        while t < dt - 1e-14:
            d = min(dt / 5, dt - t)
            if ahead(d)[2] > E:
                low = 0.0
                for _ in range(50):
                    middle = (low + d) / 2
                    low, d = (low, middle) if ahead(middle)[2] > E else (middle, d)
                found.append(n * dt + t + d)
                v, i, h = ahead(d)
                v, h, u, t = v - DROP, 0.0, 4 * u * (1 - u), t + d
                E = -np.log(u)
            else:
                (v, i, h), t = ahead(d), t + d
    return found


def differences(net: rv.Network, x: torch.Tensor, dt: float, sigma: float) -> tuple[np.ndarray, list[int]]:
    weight = net["x_to_out_I"].weight.detach().numpy()
    noise = net.observe(x, record={"out": ["b"]}, stream=0)["out"]["b"][:, 0].detach().numpy()
    out, counts = np.zeros_like(weight), []

    def total(k: int, row: np.ndarray) -> tuple[float, int]:
        found = times(row, x[:, 0].numpy(), noise[:, k], dt, sigma)
        return float(WORTH[: len(found)] @ np.array(found)), len(found)

    for k, row in enumerate(weight):
        counts.append(total(k, row)[1])
        for place in range(len(row)):
            step = 1e-5 * np.eye(len(row))[place]
            (high, a), (low, b) = total(k, row + step), total(k, row - step)
            assert a == b == counts[-1]
            out[k, place] = (high - low) / 2e-5
    return out, counts


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("dt", "sigma", "error"),
    [(0.1, 0.0, 0.05), (0.1, 0.3, 0.08), pytest.param(0.025, 0.0, 0.022, marks=SLOW), pytest.param(0.025, 0.3, 0.056, marks=SLOW)],
)  # fmt: skip
def test_the_derivative_is_that_of_the_path(dt: float, sigma: float, error: float) -> None:
    """On both providers, and near finite differences: spikes lie on the grid, so the distance falls with the step."""
    net, x = network(dt, sigma), signal(dt)
    found, counts = slope(net, x)
    same, _ = slope(network(dt, sigma, "reference"), x)
    torch.testing.assert_close(found, same, rtol=1e-9, atol=1e-10)
    wanted, exact = differences(net, x, dt, sigma)
    assert counts == exact
    assert min(counts) > 1
    distance = np.linalg.norm(found.numpy() - wanted) / np.linalg.norm(wanted)
    assert distance < error


@pytest.mark.parametrize("delta", [0.0, -0.2])
def test_a_hazard_must_rise(delta: float) -> None:
    with pytest.raises(EquationError, match=f"StochasticLIF: delta={delta} must be above 0"):
        rv.StochasticLIF(3, delta=delta)


def test_its_laws() -> None:
    """Without spikes the membrane has the standard deviation sigma; the hazard at rest gives the rate."""
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population("quiet", 4000, rv.StochasticLIF(sigma=0.3, V_th=50.0, tau_m=5 * ms))
    net.population("busy", 4000, rv.StochasticLIF(sigma=0.0, V_th=0.0, delta=0.2, tau_h=20 * ms, drop=0.0))
    run = net.run(60 * ms, stream=0, record={"quiet": ["v", "spikes"], "busy": ["spikes", "E"]})
    assert len(run["quiet"].spikes) == 0
    assert float(np.asarray(run["quiet"].v)[-1].std()) == pytest.approx(0.3, rel=0.05)
    assert len(run["busy"].spikes) / (4000 * 60 / 20) == pytest.approx(1.0, rel=0.03)
    drawn = np.asarray(run["busy"].E)[-1]
    assert float(drawn.mean()) == pytest.approx(2.0, rel=0.08)  # long intervals are met more often


def test_eventprop_trains_it() -> None:
    torch.manual_seed(0)
    net = rv.Network(dt=0.2 * ms, dtype=DOUBLE)
    net.input("x", 6)
    net.population("out", 3, rv.StochasticLIF(sigma=0.1), output=True)
    net.connect("x", "out", rv.Linear(6, 3, bias=False), to="I")
    with torch.no_grad():
        net["x_to_out_I"].weight.copy_(0.4 + 0.2 * torch.rand(3, 6))
    y = torch.arange(48) % 3
    x = torch.zeros(48, 60, 6, dtype=DOUBLE)
    for sample, kind in enumerate(y.tolist()):
        x[sample, 5:40:3, 2 * kind : 2 * kind + 2] = 1.0
    loss = rv.losses.TimeToFirstSpike(dt=0.2 * ms, temperature=2 * ms)
    fit = rv.train(net, (x, y), (x, y), epochs=12, lr=0.03, rule=rv.rules.EventProp(), loss=loss, progress=False)
    assert fit.best_score > 0.75


def roughs() -> Iterator[tuple[rv.Cell, str]]:
    plain = "dv/dt = (I - v)/tau + s*xi : 1\ndI/dt = -I/tau : 1\n"
    yield rv.Cell(plain, threshold="v > 1", reset="v -= 1", tau=5 * ms, s=1 / ms**0.5), "compares v, which diffuses"
    hazard = plain + "dh/dt = exp(v)/tau : 1"
    yield rv.Cell(hazard, threshold="h > 1", reset="v = 0; h = 0", tau=5 * ms, s=1 / ms**0.5), "sets v, which diffuses"
    yield rv.StochasticLIF().changed(reset="v = (v - drop)/2; h = 0"), "subtract a number from it instead"


def test_noise_without_a_derivative_is_refused() -> None:
    for cell, words in roughs():
        net = rv.Network(dt=0.1 * ms)
        net.input("x", 2)
        net.population("out", 3, cell, output=True)
        net.connect("x", "out", rv.Linear(2, 3), to="I")
        with pytest.raises(GraphError, match=words):
            net(torch.ones(3, 1, 2), reset="times")
        with pytest.raises(TrainingError, match=words):
            rv.rules.EventProp().gradient(net, torch.ones(3, 1, 2), lambda out: out.sum())
    with pytest.raises(EquationError, match="tau_m=0 ms: the equations divide by it"):
        rv.StochasticLIF(3, tau_m=0 * ms)
    with pytest.raises(DimensionError, match=r"cannot add .* of dimension mV/ms"):
        rv.StochasticLIF(3, sigma=1 * mV)
