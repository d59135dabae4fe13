"""What docs/training.md claims of a regression, a forecast and a population code, each beside a plain baseline."""

from __future__ import annotations

from functools import partial

import pytest
import torch

import ranvier as rv
from ranvier.units import ms

pytestmark = pytest.mark.slow
Tensor = torch.Tensor
quiet = partial(rv.train, progress=False)


def least_squares(x: Tensor, y: Tensor, x_test: Tensor) -> Tensor:
    """The estimate of a linear model with a constant and a small ridge, for inputs [S, N]."""
    a, b = (torch.cat([part, torch.ones(len(part), 1)], 1) for part in (x, x_test))
    return b @ torch.linalg.solve(a.t() @ a + 1e-2 * torch.eye(a.shape[1]), a.t() @ y)


def share(found: Tensor, truth: Tensor) -> float:
    return float((1 - (found - truth).square().sum(0) / (truth - truth.mean(0)).square().sum(0)).mean())


def intervals(samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """One spike in each of two channels; y is the time between them, whichever is first."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(0, 15, (samples, 2), generator=generator)
    x = torch.zeros(samples, 20, 2)
    x[torch.arange(samples).unsqueeze(1), first, torch.arange(2)] = 1
    return x, (first[:, 0] - first[:, 1]).abs() / 15


def series(samples: int, seed: int) -> Tensor:
    """The Mackey-Glass equation from random starts, every second step, [S, T, 1]."""
    x = torch.zeros(samples, 418)
    x[:, :18] = 0.5 + torch.rand(samples, 1, generator=torch.Generator().manual_seed(seed))
    for t in range(17, 417):
        late = x[:, t - 17]
        x[:, t + 1] = 0.9 * x[:, t] + 0.2 * late / (1 + late**10)
    return (x[:, 200::2].unsqueeze(2) - 0.9) / 0.25


def directions(samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Spikes of 24 cells tuned to directions, and the direction as a unit vector."""
    generator = torch.Generator().manual_seed(seed)
    angle = 2 * torch.pi * torch.rand(samples, generator=generator)
    preferred = 2 * torch.pi * torch.arange(24) / 24
    rate = 0.3 * torch.exp(3 * (torch.cos(angle.unsqueeze(1) - preferred) - 1))
    x = (torch.rand(samples, 20, 24, generator=generator) < rate.unsqueeze(1)).float()
    return x, torch.stack([angle.cos(), angle.sin()], 1)


def layers(inputs: int, outputs: rv.Cell, size: int, data: Tensor) -> rv.Sequential:
    torch.manual_seed(0)
    tau = rv.Learn(rv.Uniform(2 * ms, 20 * ms), min=1 * ms)
    hidden = (rv.Linear(inputs, 64), rv.LIF(64, tau=tau), rv.Linear(64, 64), rv.LIF(64, tau=5 * ms))
    net = rv.Sequential(*hidden, rv.Linear(64, size), outputs, dt=1 * ms)
    rv.initialize(net, data.transpose(0, 1)[:, :256])
    return net


@pytest.mark.filterwarnings("ignore")
def test_a_regression() -> None:
    (x, y), valid, test = intervals(1000, 0), intervals(500, 1), intervals(500, 2)
    net = layers(2, rv.LeakyReadout(1, tau=20 * ms), 1, x)
    quiet(net, (x, y), valid, epochs=15, lr=2e-2, batch_size=32, loss=rv.losses.Regression("mean"), schedule="cosine")
    found = rv.losses.Regression("mean").predict(net(test[0].transpose(0, 1))[0]).detach()
    linear = least_squares(x.flatten(1), y.unsqueeze(1), test[0].flatten(1))
    scores = share(found, test[1].unsqueeze(1)), share(linear, test[1].unsqueeze(1))
    assert scores[0] > 0.85, scores
    assert scores[1] < 0.25, scores


@pytest.mark.filterwarnings("ignore")
def test_a_forecast() -> None:
    x, valid, test = series(300, 0), series(100, 1), series(100, 2)
    loss = rv.losses.FromInput(rv.losses.Regression("every"), ahead=6)
    net = layers(1, rv.LeakyReadout(1, tau=rv.Learn(3 * ms, min=0.5 * ms)), 1, x)
    quiet(net, (x,), (valid,), epochs=15, lr=2e-2, batch_size=20, loss=loss, schedule="cosine")
    out = net(test.transpose(0, 1))[0].detach()
    found = float((out[8:-6] - test.transpose(0, 1)[14:]).square().mean().sqrt())

    def lags(s: Tensor) -> tuple[Tensor, Tensor]:
        steps = s.shape[1] - 14
        return torch.cat([s[:, 8 - k : 8 - k + steps] for k in range(8)], 2).flatten(0, 1), s[:, 14:].flatten(0, 1)

    linear = float((least_squares(*lags(x), lags(test)[0]) - lags(test)[1]).square().mean().sqrt())
    same = float((test[:, 8:-6] - test[:, 14:]).square().mean().sqrt())
    assert found < 0.7 * linear < same, (found, linear, same)


@pytest.mark.filterwarnings("ignore")
def test_a_population_code() -> None:
    (x, y), valid, test = directions(1000, 0), directions(500, 1), directions(500, 2)
    angle = 2 * torch.pi * torch.arange(16) / 16
    loss = rv.losses.PopulationVector(torch.stack([angle.cos(), angle.sin()], 1))
    net = layers(24, rv.LIF(16, tau=5 * ms), 16, x)
    quiet(net, (x, y), valid, epochs=10, lr=5e-3, batch_size=32, loss=loss, metric="r2", schedule="cosine")
    found = loss.predict(net(test[0].transpose(0, 1))[0]).detach()
    linear = least_squares(x.sum(1), y, test[0].sum(1))
    scores = share(found, test[1]), share(linear, test[1])
    assert scores[0] > 0.95, scores
