"""The Legendre memory: the system of its source, a delay of rational transfer function, with learnt windows and times."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete
from scipy.special import eval_legendre

import ranvier as rv
from ranvier.errors import DimensionError, EquationError, RanvierError
from ranvier.units import ms, mV
from tests.differences import slope


def matrices(order: int) -> tuple[np.ndarray, np.ndarray]:
    """A [order, order] and B [order, 1] of a window of one, as the source writes them."""
    A = np.empty((order, order))
    for i in range(order):
        for j in range(order):
            A[i, j] = (2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1))
    return A, np.array([[(2 * i + 1) * (-1.0) ** i] for i in range(order)])


def held(order: int, steps: float) -> tuple[np.ndarray, np.ndarray]:
    """The same after a step, for a window of so many steps."""
    A, B = matrices(order)
    ahead, entry, *_ = cont2discrete((A / steps, B / steps, np.eye(order), np.zeros((order, 1))), 1.0, "zoh")
    return ahead, entry


def noise(steps: int, batch: int = 2, cells: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(steps, batch, cells, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("order", [1, 2, 7])
def test_the_output_is_the_convolution_with_the_responses_of_the_system(order: int) -> None:
    layer = rv.LegendreMemory(3, order=order, window=40 * ms).layer(dt=1 * ms, dtype=torch.float64, seed=1)
    weights = np.stack([layer.get_parameter(f"C_{i}").detach().numpy() for i in range(order)])
    ahead, entry = held(order, 40)
    response, state = [], entry[:, 0]
    for _ in range(90):
        response.append(weights.T @ state)
        state = ahead @ state
    x, y = noise(90), layer(noise(90))[0].detach().numpy()
    for n in (0, 1, 50, 89):
        expected = (np.stack(response[: n + 1])[:, None] * x[: n + 1].flip(0).numpy()).sum(0)
        np.testing.assert_allclose(y[n], expected, atol=1e-11)


@pytest.mark.parametrize("order", [2, 5, 8])
def test_reading_the_whole_window_is_the_pade_approximation_of_a_delay(order: int) -> None:
    A, B = matrices(order)
    for frequency in (0.5, 2.0, 6.0):
        s = 1j * frequency
        found = complex((np.ones(order) @ np.linalg.solve(s * np.eye(order) - A, B))[0])
        p, q = order - 1, order
        top = sum(math.comb(p, k) * math.factorial(p + q - k) / math.factorial(p + q) * (-s) ** k for k in range(p + 1))
        below = sum(math.comb(q, k) * math.factorial(p + q - k) / math.factorial(p + q) * s**k for k in range(q + 1))
        assert found == pytest.approx(top / below, abs=1e-9)


def test_what_it_reads_is_the_sum_of_legendre_polynomials() -> None:
    times = np.array([0.0, 7.0, 20.0, 30.0])
    layer = rv.LegendreMemory(4, order=6, window=30 * ms, read=times * ms).layer(dt=1 * ms, dtype=torch.float64)
    seen = layer.observe(noise(60, cells=4), record=["y", *(f"m_{i}" for i in range(6))])
    expected = sum(torch.from_numpy(eval_legendre(i, 2 * times / 30 - 1)) * seen[f"m_{i}"] for i in range(6))
    torch.testing.assert_close(seen["y"], expected)


def test_a_slow_signal_comes_back_late_and_better_with_a_higher_order() -> None:
    signal = torch.sin(torch.arange(1_200, dtype=torch.float64) / 40).reshape(-1, 1, 1)
    earlier = (signal[150:-150] + signal[151:-149]) / 2  # held inputs change at the ends of steps
    worst = []
    for order in (2, 4, 8):
        layer = rv.LegendreMemory(1, order=order, window=200 * ms, read=150 * ms).layer(dt=1 * ms, dtype=torch.float64)
        worst.append(float((layer(signal)[0][300:] - earlier).abs().max()))
    assert worst[0] > 5 * worst[1] > 500 * worst[2]
    assert worst[2] < 2e-3


@pytest.mark.parametrize("read", [None, rv.Learn(np.array([4.0, 9.0]) * ms)])
def test_every_parameter_has_the_gradient_of_finite_differences(read: rv.Learn | None) -> None:
    cell = rv.LegendreMemory(2, order=4, window=rv.Learn(12 * ms), read=read)
    layer, x, weight = cell.layer(dt=1 * ms, dtype=torch.float64, seed=1), noise(40, 1, 2), noise(40, 1, 2, seed=1)

    def loss() -> torch.Tensor:
        return (layer(x)[0] * weight).sum()

    loss().backward()
    assert {"window", "C_0" if read is None else "read"} <= {n for n, _ in layer.named_parameters()}
    for name, parameter in layer.named_parameters():
        place = () if parameter.ndim == 0 else 1
        assert float(parameter.grad[place]) == pytest.approx(slope(loss, parameter, place), rel=1e-5, abs=1e-8), name


def test_a_delay_is_learnt() -> None:
    x = torch.sin(torch.arange(160) / 15).reshape(-1, 1, 1)
    layer = rv.LegendreMemory(1, order=4, window=40 * ms, read=rv.Learn(10 * ms)).layer(dt=1 * ms)
    optimizer = torch.optim.Adam(layer.parameters(), lr=2.0)
    for _ in range(40):
        optimizer.zero_grad()
        (layer(x)[0][60:] - x[35:-25]).square().mean().backward()
        optimizer.step()
    assert float(layer.get_parameter("read").detach()) == pytest.approx(25.5, abs=0.5)  # half a step of the held input


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_calls_blocks_and_single_steps_agree_on_every_provider(batch: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    parts = rv.Linear(2, 3), rv.LegendreMemory(3, order=5, window=20 * ms)
    x = noise(40, batch, 2).to(dtype)
    close = {"atol": 1e-12 if dtype == torch.float64 else 1e-5, "rtol": 1e-5}
    nets = [rv.Sequential(*parts, dt=1 * ms, dtype=dtype, seed=2, provider=p) for p in ("cpu", "reference")]
    with torch.no_grad():
        whole, other = (net(x)[0] for net in nets)
        first, state = nets[0](x[:13])
        cut = torch.cat([first, nets[0](x[13:], state)[0]])
        stepper = nets[0].stepper(batch=batch)
        single = torch.stack([stepper(one).clone() for one in x])
    for found in (other, cut, single):
        torch.testing.assert_close(found, whole, **close)


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    cell = rv.LegendreMemory(
        3, order=3, window=rv.Learn(20 * ms), read=rv.Uniform(0 * ms, 20 * ms), emit="spike", V_th=0.1
    )
    net = rv.Sequential(rv.Linear(2, 3), cell, dt=1 * ms, seed=4)
    rv.save(net, tmp_path / "net")
    x = noise(50, 2, 2).float()
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], net(x)[0])
    assert 0 < net(x)[0].mean() < 1


def test_the_plan_says_that_it_is_linear_in_time() -> None:
    assert "linear with constant coefficients" in str(rv.LegendreMemory(order=3).explain())


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        ({"order": 0}, EquationError, "from 1 to 12"),
        ({"order": 13}, EquationError, "from 1 to 12"),
        ({"order": 2.0}, EquationError, "from 1 to 12"),
        ({"emit": "m"}, EquationError, "'y' or 'spike'"),
        ({"V_th": 2.0}, EquationError, "remove V_th, or add emit='spike'"),
        ({"read": 101 * ms}, EquationError, "from 0 to the window"),
        ({"read": -1 * ms}, EquationError, "from 0 to the window"),
        ({"window": 30 * ms, "read": rv.Learn(40 * ms)}, EquationError, "from 0 to the window"),
        ({"window": 0 * ms}, RanvierError, "window"),
        ({"window": math.inf * ms}, EquationError, "finite window"),
        ({"window": 100}, DimensionError, "write window=100"),
        ({"read": 5}, DimensionError, "write read=5"),
        ({"window": 10 * mV}, DimensionError, "window"),
        ({"C_8": 1.0}, EquationError, "used by no equation"),
        ({"read": 5 * ms, "C_0": 1.0}, EquationError, "used by no equation"),
        ({"emit": "spike", "V_th": 1 * mV}, DimensionError, "plain number"),
        ({"threshold": "y > 1"}, EquationError, "write V_th"),
        ({"name": "m"}, EquationError, "sets its own name"),
    ],
)
def test_wrong_words_are_refused(words: dict, error: type[RanvierError], text: str) -> None:
    with pytest.raises(error, match=text):
        rv.LegendreMemory(4, **words)
