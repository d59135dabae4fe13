"""The reference provider: equal to the interpreter, and differentiable once, twice and to its parameters."""

from __future__ import annotations

import math

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from ranvier.dynamics import Cuts, adjoint
from ranvier.kernels.eager import coefficients
from ranvier.kernels.reference import run_scan
from ranvier.kernels.tasks import Scan
from ranvier.neurons import ALIF, LIF, Cell, CurrentLIF, HodgkinHuxley, TraubMiles
from ranvier.surrogates import Gaussian, Sigmoid
from ranvier.synapses import Exponential
from ranvier.units import as_quantity, ms, mV
from tests.dynamics.evaluate import compiled, simulate, step_surrogate

Tensor = torch.Tensor
PENDULUM = "dx/dt = y/ms : 1\ndy/dt = -sin(x)*(1 + u)/tau - 0.3*y*y/ms : 1\nu : 1 (input)"

SYNAPTIC = LIF() + Exponential("x", tau=5 * ms)


def values_of(cell: Cell) -> dict[str, Tensor]:
    numbers = {n: as_quantity(v).value for n, v in {**cell.parameters, **step_surrogate(cell)}.items()}
    return {n: torch.as_tensor(v, dtype=torch.float64) for n, v in numbers.items()}


def run(cell: Cell, values: dict[str, Tensor], streams: dict[str, Tensor], dt: float, wanted, kicks=(), cut=False):
    """Emissions and final states of one lane per column of the streams."""
    step = cell.step(kicks)
    first = next(iter(streams.values()))
    steps, shape = first.shape[0], tuple(first.shape[1:])
    start = {n: torch.full(shape, float(as_quantity(cell.initial.get(n, 0.0)).value), dtype=torch.float64)
             for n in step.states} | {n: torch.zeros(shape, dtype=torch.float64) for n in step.counters}  # fmt: skip
    given = {n: streams.get(n, torch.zeros(steps, *shape, dtype=torch.float64)) for n in step.streams}
    task = Scan(
        step,
        steps,
        shape,
        torch.float64,
        given,
        start,
        coefficients(step, values, dt),
        tuple(wanted),
        Cuts(reset="detached" if cut else "surrogate"),
    )
    result = run_scan(task)
    return {**{f"{n}(T)": v for n, v in result.states.items()}, **result.emitted}


@pytest.mark.parametrize(
    ("cell", "dt", "size"),
    [(LIF(), 1.0, 0.6), (ALIF(), 1.0, 0.6), (HodgkinHuxley(), 0.02, 20.0), (SYNAPTIC, 1.0, 0.3)],
    ids=["LIF", "ALIF", "HodgkinHuxley", "LIF with synapse"],
)  # fmt: skip
def test_equal_to_the_interpreter(cell: Cell, dt: float, size: float):
    port = cell.default_port
    kicked = (port,) if port in cell.system.states else ()
    drive = size * torch.rand(150, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    stream = {f"kick_{port}" if kicked else port: drive[:, None]}
    mine = run(cell, values_of(cell), stream, dt, ("spike", "v:out"), kicked)
    if kicked:
        other = simulate(cell, 150, dt, kicks={port: drive.numpy()})
    else:
        other = simulate(cell, 150, dt, {port: drive.numpy()})
    assert mine["spike"][:, 0].tolist() == other["spike"].tolist()
    assert mine["spike"].sum() > 0
    assert mine["v:out"][:, 0].tolist() == pytest.approx(other["v:out"].tolist(), rel=1e-11)


@pytest.mark.parametrize("method", [None, "rk2", "rk4"])
def test_gradcheck_of_a_smooth_cell_and_its_time_constant(method: str | None):
    cell = Cell(PENDULUM, method=method, tau=2 * ms, x=0.8)
    u = torch.linspace(-0.5, 0.5, 12, dtype=torch.float64).reshape(6, 2).requires_grad_()
    tau = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)

    def f(u: Tensor, tau: Tensor) -> Tensor:
        return run(cell, {**values_of(cell), "tau": tau}, {"u": u}, 0.3, ("x:out",))["x:out"]

    assert gradcheck(f, (u, tau))
    assert gradgradcheck(f, (u, tau), rtol=1e-3)


@pytest.mark.parametrize("second", [4.0, 5.0])
def test_gradcheck_through_the_matrix_exponential_also_at_equal_time_constants(second: float):
    cell = CurrentLIF(V_th=1000 * mV)
    kick = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None].requires_grad_()
    tau_m = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    tau_s = torch.tensor(second, dtype=torch.float64, requires_grad=True)

    def f(kick: Tensor, tau_m: Tensor, tau_s: Tensor) -> Tensor:
        values = {**values_of(cell), "tau_m": tau_m, "tau_s": tau_s}
        return run(cell, values, {"kick_I": kick}, 0.5, ("v:out",), ("I",))["v:out"]

    assert gradcheck(f, (kick, tau_m, tau_s))


def test_gradcheck_of_channels():
    cell = TraubMiles(V_th=1000 * mV)
    current = torch.full((5, 1), 0.3, dtype=torch.float64, requires_grad=True)
    names = ("g_Na", "g_K", "V_T", "area")
    values = [values_of(cell)[n].clone().requires_grad_() for n in names]

    def f(current: Tensor, *free: Tensor) -> Tensor:
        given = {**values_of(cell), **dict(zip(names, free, strict=True))}
        return run(cell, given, {"I": current}, 0.05, ("v:out",))["v:out"]

    assert gradcheck(f, (current, *values))


def test_learnable_time_constant_has_the_derivative_of_its_closed_form():
    tau = torch.tensor(10.0, dtype=torch.float64, requires_grad=True)
    x = torch.zeros(5, 1, dtype=torch.float64)
    x[0] = 1.0
    cell = LIF(V_th=100.0, reset="")
    out = run(cell, {**values_of(cell), "tau": tau}, {"x": x}, 2.0, ("v:out",))["v:out"][-1, 0]
    (gradient,) = torch.autograd.grad(out, tau)
    assert out.item() == pytest.approx(math.exp(-8 / 10))
    assert gradient.item() == pytest.approx(math.exp(-8 / 10) * 8 / 100)


def test_a_time_constant_per_cell_has_a_gradient_per_cell():
    tau = torch.tensor([5.0, 10.0, 20.0], dtype=torch.float64, requires_grad=True)
    cell = LIF(3, V_th=100.0, reset="")
    out = run(cell, {**values_of(cell), "tau": tau}, {"x": torch.ones(4, 3, dtype=torch.float64)}, 1.0, ("v:out",))
    (gradient,) = torch.autograd.grad(out["v:out"][-1, 1], tau)
    assert gradient[0] == gradient[2] == 0
    assert gradient[1] > 0


@pytest.mark.parametrize("cut", [False, True])
def test_spiking_gradient_equals_the_adjoint_run_backwards(cut: bool):
    cell = ALIF(surrogate=Sigmoid(alpha=3.0))
    drive = 0.7 * torch.rand(25, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    drive.requires_grad_()
    values = values_of(cell)
    out = run(cell, values, {"x": drive}, 1.0, ("spike", "v:out"), cut=cut)
    assert 0 < out["spike"].sum() < 25
    weight = torch.linspace(1, 2, 25, dtype=torch.float64)[:, None]
    (expected,) = torch.autograd.grad((weight * out["spike"]).sum() + out["v:out"][-1].sum(), drive)

    step = cell.step()
    program = step.program.cut_resets() if cut else step.program
    seeds = {"v": "l_v", "a": "l_a", "spike": "g_spike"}
    reverse = adjoint(program.only(tuple(seeds)), seeds, ("v", "a", "x"), step.surrogate)
    forward, backward = compiled(program), compiled(reverse.program)
    fixed = {n: float(v) for n, v in coefficients(step, values, 1.0).items()}
    tape, state = [], {"v": 0.0, "a": 0.0}
    for x in drive.detach()[:, 0].tolist():
        given = {**fixed, **state, "x": x}
        result = forward(given)
        tape.append({**result, **given})
        state = {n: float(result[n]) for n in state}
    costate, found = {"l_v": 1.0, "l_a": 0.0}, []
    for known, g in zip(reversed(tape), reversed(weight[:, 0].tolist()), strict=True):
        back = backward({**known, **costate, "g_spike": g})
        costate = {"l_v": float(back["grad:v"]), "l_a": float(back["grad:a"])}
        found.append(float(back["grad:x"]))
    assert found[::-1] == pytest.approx(expected[:, 0].tolist(), rel=1e-9)


def test_spikes_are_differentiable_twice():
    cell = LIF(surrogate=Gaussian(), V_th=1.0, reset="")
    x = torch.full((3, 1), 0.45, dtype=torch.float64, requires_grad=True)
    out = run(cell, values_of(cell), {"x": x}, 1.0, ("spike",))["spike"]
    (first,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.isfinite(second).all()
    assert second.abs().sum() > 0
