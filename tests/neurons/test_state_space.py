"""The diagonal state space: its output is the convolution with its kernel, and its start that of S4D."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError
from ranvier.units import ms
from tests.differences import slope


def kernel(layer: rv.Layer, modes: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Its response to one unit of input [steps, cells] by complex numbers, and D."""
    value = {n: p.detach().numpy() for n, p in layer.named_parameters()}
    A = np.stack([-value[f"p_{n}"] + 1j * value[f"q_{n}"] for n in range(modes)])
    C = np.stack([value[f"C_{n}"] + 1j * value[f"S_{n}"] for n in range(modes)])
    step = A / value["tau"]
    response = [2 * (C * np.exp(k * step) * (np.exp(step) - 1) / A).real.sum(0) for k in range(steps)]
    response[0] = response[0] + value["D"]
    return np.stack(response), value["D"]


@pytest.mark.parametrize("start", ["S4D-Lin", "S4D-Inv"])
@pytest.mark.parametrize("modes", [1, 4])
def test_the_output_is_a_convolution(start: str, modes: int) -> None:
    layer = rv.StateSpace(3, modes=modes, start=start, emit="y").layer(dt=1 * ms, dtype=torch.float64, seed=1)
    x = torch.randn(120, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = layer(x)[0].detach().numpy()
    response, _ = kernel(layer, modes, 120)
    for n in range(120):
        np.testing.assert_allclose(y[n], (response[: n + 1, None] * x[: n + 1].flip(0).numpy()).sum(0), atol=1e-10)


def test_it_starts_as_s4d() -> None:
    for start, expected in (
        ("S4D-Lin", [0, math.pi, 2 * math.pi, 3 * math.pi]),
        ("S4D-Inv", [8 / math.pi * (8 / k - 1) for k in (1, 3, 5, 7)]),
    ):
        layer = rv.StateSpace(5, modes=4, start=start).layer(dt=1 * ms, dtype=torch.float64)
        value = dict(layer.named_parameters())
        for n, q in enumerate(expected):
            assert value[f"q_{n}"].tolist() == pytest.approx([q] * 5)
            assert value[f"p_{n}"].tolist() == [0.5] * 5
        assert value["tau"].std() > 0


def test_spikes_follow_the_output() -> None:
    x = torch.randn(200, 2, 6, generator=torch.Generator().manual_seed(0))
    cell = rv.StateSpace(6, modes=4, V_th=0.3)
    hidden = cell.layer(dt=1 * ms, seed=3).observe(x, record=["y", "spikes"])
    assert torch.equal(hidden["spikes"], (hidden["y"] > 0.3).float())
    assert 0.05 < hidden["spikes"].mean() < 0.6


def test_every_parameter_has_the_gradient_of_finite_differences() -> None:
    layer = rv.StateSpace(2, modes=2, emit="y").layer(dt=1 * ms, dtype=torch.float64, seed=1)
    x = torch.randn(60, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.randn(60, 1, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def loss() -> torch.Tensor:
        return (layer(x)[0] * weight).sum()

    loss().backward()
    for name, parameter in layer.named_parameters():
        expected = slope(loss, parameter, 1, 1e-6 * max(1.0, float(parameter[1].detach().abs())))
        assert float(parameter.grad[1]) == pytest.approx(expected, rel=1e-5, abs=1e-8), name


def test_its_output_drives_other_cells() -> None:
    net = rv.Sequential(rv.Linear(1, 8), rv.StateSpace(8, modes=2, emit="y"), rv.LIF(8), rv.Linear(8, 3), dt=1 * ms)
    out, _ = net(torch.ones(50, 2, 1))
    out.sum().backward()
    assert all(p.grad is not None for p in net["ssm1"].parameters())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"start": "random"}, "'S4D-Lin' or 'S4D-Inv'"),
        ({"modes": 0}, "from 1 to 32"),
        ({"modes": 2.0}, "from 1 to 32"),
        ({"emit": "z"}, "'spike' or 'y'"),
        ({"emit": "y", "V_th": 2.0}, "does not fire; remove V_th"),
        ({"p_9": 1.0}, "used by no equation"),
        ({"tau": math.inf * ms}, "finite tau"),
    ],
)
def test_wrong_words_are_refused(words: dict, text: str) -> None:
    with pytest.raises(EquationError, match=text):
        rv.StateSpace(4, **words)
