"""The specification: the reference provider against numbers written by hand, finite differences and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.dynamics import Cuts
from ranvier.kernels import eager, reference
from ranvier.kernels.tasks import Scan
from ranvier.network import Population
from ranvier.units import ms

Tensor = torch.Tensor
WIDE = torch.float64


def run(cell: rv.Cell, streams: dict[str, Tensor], wanted: tuple[str, ...], *, values: dict | None = None, states: dict | None = None,
        kicks: tuple[str, ...] = (), reset: str = "surrogate", surrogate: rv.surrogates.Surrogate | None = None) -> tuple:  # fmt: skip
    """(emitted, states after) over [T, B, N] streams with dt = 1 ms."""
    steps, *shape = next(iter(streams.values())).shape
    population = Population("p", cell, tuple(shape[1:]), surrogate=surrogate)
    step = population.step(kicks)
    states = {**population.initial(shape[0], tuple(shape[1:]), WIDE, torch.device("cpu"), 0), **(states or {})}
    coefficients = eager.coefficients(step, {**population.values(), **(values or {})}, 1.0)
    result = reference.run_scan(
        Scan(step, steps, tuple(shape), WIDE, streams, states, coefficients, wanted, Cuts(reset=reset))
    )
    return result.emitted, result.states


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=WIDE)


class TestValues:
    def test_a_lif_written_out(self) -> None:
        x = 2 * rand(30, 1, 3)
        emitted, states = run(rv.LIF(tau=5 * ms), {"x": x}, ("spike", "v:out"))
        v, beta = np.zeros((1, 3)), math.exp(-1 / 5)
        for n in range(30):
            v = beta * v + x[n].numpy()
            spike = (v > 1).astype(float)
            v = v - spike
            np.testing.assert_array_equal(emitted["spike"][n], spike)
            np.testing.assert_allclose(emitted["v:out"][n], v, rtol=1e-14)
        np.testing.assert_allclose(states["v"], v, rtol=1e-14)

    @pytest.mark.parametrize(("comparison", "fires"), [("v > 1", False), ("v >= 1", True)])
    def test_the_comparison_is_the_one_written(self, comparison: str, fires: bool) -> None:
        cell = rv.Cell("v' = x : 1\nx : 1 (input)", threshold=comparison, reset="v = 0")
        emitted, _ = run(cell, {"x": torch.ones(1, 1, 1, dtype=WIDE)}, ("spike",))
        assert bool(emitted["spike"]) is fires

    def test_refractoriness_lasts_exactly_its_steps(self) -> None:
        """Frozen for round(t_ref/dt) further steps: neither advanced nor kicked; arrivals meanwhile are lost."""
        cell = rv.Cell(
            "dv/dt = 0*mV/ms : mV (unless refractory)", threshold="v > 1*mV", reset="v = 0*mV", refractory=3 * ms
        )
        kicks = torch.full((12, 1, 1), 2.0, dtype=WIDE)
        emitted, _ = run(cell, {"kick_v": kicks}, ("spike", "v:out"), kicks=("v",))
        assert emitted["spike"].flatten().tolist() == [1, 0, 0, 0] * 3
        assert not emitted["v:out"].any()

    def test_arrivals_on_a_state_come_before_the_advance(self) -> None:
        cell = rv.Cell("dg/dt = -g/tau : 1", tau=2 * ms, emit="g")
        kicks = torch.zeros(2, 1, 1, dtype=WIDE)
        kicks[0] = 1
        emitted, _ = run(cell, {"kick_g": kicks}, ("g:out",), kicks=("g",))
        assert emitted["g:out"].flatten().tolist() == pytest.approx([math.exp(-0.5), math.exp(-1)], rel=1e-14)

    def test_equal_time_constants_are_no_singularity(self) -> None:
        cell = rv.Cell("dv/dt = (g - v)/a : 1\ndg/dt = -g/b : 1", method="exact", a=5 * ms, b=5 * ms, g=1.0, emit="v")
        emitted, _ = run(cell, {"t": torch.zeros(7, 1, 1, dtype=WIDE)}, ("v:out",))
        t = np.arange(1, 8)
        np.testing.assert_allclose(emitted["v:out"].flatten(), t / 5 * np.exp(-t / 5), rtol=1e-12)

    def test_no_steps_change_nothing(self) -> None:
        emitted, states = run(rv.LIF(), {"x": torch.zeros(0, 2, 3, dtype=WIDE)}, ("spike",), states={"v": rand(2, 3)})
        assert emitted["spike"].shape == (0, 2, 3)
        assert torch.equal(states["v"], rand(2, 3))


class TestGradients:
    """Cells without events against finite differences, for every integrator; twice."""

    SMOOTH = (
        ("dv/dt = (x - v)/tau : 1\nx : 1 (input)", ("exact", "exponential_euler", "euler", "rk2", "rk4")),
        ("dv/dt = (w - v + x)/tau : 1\ndw/dt = -k*w/tau : 1\nx : 1 (input)", ("exact", "rk4")),
        ("dv/dt = (k*v*(1 - v**2) + tanh(x))/tau : 1\nx : 1 (input)", ("euler", "rk2", "rk4")),
        ("dv/dt = (exprel(v) - v*exp(sin(v)) + log(2 + cos(x)))/tau : 1\nx : 1 (input)", ("euler",)),
        ("dv/dt = (k*sigmoid(4*x) - v*sqrt(1 + x**2))/tau : 1\nx : 1 (input)", ("exponential_euler",)),
    )

    @pytest.mark.parametrize(("text", "method"), [(text, m) for text, methods in SMOOTH for m in methods])
    def test_finite_differences(self, text: str, method: str) -> None:
        given = {"tau": 3 * ms} | ({"k": 1.3} if "k*" in text else {})
        cell = rv.Cell(text, method=method, emit="v", **given)

        def outcome(x: Tensor, v: Tensor, *values: Tensor) -> Tensor:
            emitted, states = run(
                cell, {"x": x}, ("v:out",), values=dict(zip(given, values, strict=True)), states={"v": v}
            )
            return torch.cat([emitted["v:out"].flatten(), states["v"].flatten()])

        leaves = [
            rand(4, 1, 2, seed=1) - 0.5,
            rand(1, 2, seed=2),
            *(torch.tensor(3.0 if n == "tau" else 1.3, dtype=WIDE) for n in given),
        ]
        leaves = [x.requires_grad_() for x in leaves]
        assert torch.autograd.gradcheck(outcome, leaves, atol=1e-7)
        assert torch.autograd.gradgradcheck(outcome, leaves, atol=1e-6)

    @pytest.mark.parametrize("shape", ["ArcTan", "FastSigmoid", "Sigmoid", "Gaussian", "Triangle", "StraightThrough"])
    def test_one_spike_has_the_surrogates_slope(self, shape: str) -> None:
        surrogate = getattr(rv.surrogates, shape)()
        cell = rv.Cell("v' = x : 1\nx : 1 (input)", threshold="v > 1", reset="")
        x = (1 + (rand(1, 1, 9) - 0.5)).requires_grad_()
        (grad,) = torch.autograd.grad(run(cell, {"x": x}, ("spike",), surrogate=surrogate)[0]["spike"].sum(), x)
        u = (x - 1).detach().numpy()
        expected = {
            "ArcTan": 1 / (1 + (np.pi * u) ** 2), "FastSigmoid": 1 / (1 + 10 * abs(u)) ** 2,
            "Sigmoid": 4 / (2 + 2 * np.cosh(4 * u)), "Gaussian": np.exp(-2 * u**2) * 2 / np.sqrt(2 * np.pi),
            "Triangle": np.maximum(0, 1 - abs(u)), "StraightThrough": np.ones_like(u),
        }[shape]  # fmt: skip
        np.testing.assert_allclose(grad, expected, rtol=1e-12)

    @pytest.mark.parametrize("reset", ["surrogate", "detached"])
    def test_the_reset_passes_the_gradient_that_is_asked_for(self, reset: str) -> None:
        """v1 = x - s: dv1/dx = 1 - slope, or 1 where the reset is detached; a kept membrane carries it on."""
        x = torch.tensor([[[1.25]], [[0.0]]], dtype=WIDE, requires_grad=True)
        cell = rv.Cell("v' = 0.5*v + x : 1\nx : 1 (input)", threshold="v > 1", reset="v -= 1")
        emitted, _ = run(cell, {"x": x}, ("v:out",), surrogate=rv.surrogates.ArcTan(), reset=reset)
        (grad,) = torch.autograd.grad(emitted["v:out"][1].sum(), x)
        slope = [1 / (1 + (np.pi * u) ** 2) for u in (0.25, 0.125 - 1)]
        passed = [1 - u if reset == "surrogate" else 1 for u in slope]
        carried = [0.5 * passed[0] * passed[1], passed[1]]
        np.testing.assert_allclose(grad.flatten(), carried, rtol=1e-12)

    def test_spiking_cells_can_be_differentiated_twice(self) -> None:
        x = (2 * rand(6, 1, 3)).requires_grad_()
        (grad,) = torch.autograd.grad(run(rv.ALIF(), {"x": x}, ("spike",))[0]["spike"].sum(), x, create_graph=True)
        (twice,) = torch.autograd.grad(grad.square().sum(), x)
        assert torch.isfinite(twice).all()
        assert twice.any()

    def test_time_constants_learn_through_the_matrix_exponential(self) -> None:
        """Closed form: after t, v = t/tau exp(-t/tau) for equal time constants."""
        tau = torch.tensor(5.0, dtype=WIDE, requires_grad=True)
        cell = rv.Cell("dv/dt = (g - v)/a : 1\ndg/dt = -g/a : 1", method="exact", a=5 * ms, g=1.0, emit="v")
        emitted, _ = run(cell, {"t": torch.zeros(4, 1, 1, dtype=WIDE)}, ("v:out",), values={"a": tau})
        (grad,) = torch.autograd.grad(emitted["v:out"][-1].sum(), tau)
        assert float(grad) == pytest.approx(4 / 25 * math.exp(-4 / 5) * (4 / 5 - 1), rel=1e-10)


def test_the_shape_of_a_population_may_have_many_axes(make_case: Callable) -> None:
    values, _ = make_case("LIF", 5, (2, 3, 4, 5)).run(reference.run_scan, WIDE)
    assert values["emitted:spike"].shape == (5, 2, 3, 4, 5)
