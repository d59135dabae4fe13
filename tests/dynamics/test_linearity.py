"""Which steps are linear in time: the matrix is that of the program, and every other step says why it is not."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.kernels import eager
from ranvier.units import Hz, ms

LINEAR = {
    "LIF": (rv.LIF(reset=None, tau=7 * ms), 1),
    "LeakyReadout": (rv.LeakyReadout(), 1),
    "resonator": (rv.ResonateAndFire(f=20 * Hz, reset=None), 2),
    "sliding PSN": (rv.SlidingPSN(order=3), 3),
    "Legendre memory": (rv.LegendreMemory(order=5), 5),
    "synapse": (rv.Cell("dv/dt = -v/tau + I : 1\ndI/dt = -I/tau_s : 1/ms", tau=9 * ms, tau_s=3 * ms, emit="v"), 2),
    "two apart": (rv.Cell("v' = 0.9*v + x : 1\nw' = 0.5*w - x : 1\ny = v*w : 1\nx : 1 (input)", emit="y"), 1),
    "driven by a wave": (rv.Cell("v' = 0.9*v + x*sin(f*t) : 1\nx : 1 (input)", f=9 * Hz, emit="v"), 1),
    "noisy": (rv.Cell("dv/dt = -v/tau + 0.3*sqrt(2/tau)*xi : 1", tau=10 * ms, emit="v"), 1),
    "nested": (rv.Cell("v' = a*(b*v + (w + x)*b) + c*x**2 : 1\nw' = c*w : 1\nx : 1 (input)", a=0.5, b=1.5, c=0.25, emit="v"), 2),
}  # fmt: skip

OTHERS = {
    "an event sets v": rv.LIF(),
    "an event sets a": rv.Cell("v' = 0.9*v + x : 1\na' = 0.5*a : 1\nx : 1 (input)", threshold="v > 1", reset="a += 1"),
    "the refractory period follows the spikes": rv.LIF(reset=None, refractory=2 * ms),
    "v is not linear": rv.Cell("v' = x*v : 1\nx : 1 (input)", emit="v"),
    "w is not linear": rv.Cell("v' = 0.5*v : 1\nw' = w + abs(v) : 1", emit="v"),
    "v is not linear in the variables with coefficients that stay the same": rv.Cell(
        "v' = sin(f*t)*v + x : 1\nx : 1 (input)", f=9 * Hz, emit="v"
    ),
    "there is no variable": rv.Cell("y = 2*x : 1\nx : 1 (input)", emit="y"),
    "v is not linear in": rv.Cell("v' = v + x - int(v > 1) : 1\nx : 1 (input)", threshold="v > 1"),
}


@pytest.mark.parametrize("name", LINEAR)
def test_the_matrix_is_the_derivative_of_the_program(name: str) -> None:
    cell, block = LINEAR[name]
    population = rv.network.Population(name, cell, (1,), seed=0)
    step = population.step(tuple(s for s in cell.system.states if s == "I"))
    found = step.linearity
    assert found.refusal is None
    assert max(map(len, found.blocks)) == block
    numbers = {n: v.reshape(()) for n, v in eager.coefficients(step, population.values(), 1.0).items()}
    assert all({str(s) for s in e.free_symbols} <= numbers.keys() for e in found.matrix.values())
    function = eager.step_function(step.program.only(step.states), step.surrogate)
    torch.manual_seed(0)
    streams = {n: torch.randn((), dtype=torch.float64) for n in step.streams}

    def after(state: torch.Tensor) -> torch.Tensor:
        now = {**numbers, **streams, **dict(zip(step.states, state, strict=True))}
        return torch.stack([torch.as_tensor(v) for v in function(now, state[0]).values()])

    for _ in range(2):  # the same matrix for any state
        state = torch.randn(len(step.states), dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(after, state)
        for i, row in enumerate(step.states):
            for j, column in enumerate(step.states):
                entry = found.matrix.get((row, column), 0)
                own = float(entry.subs({n: float(v.detach()) for n, v in numbers.items()})) if entry != 0 else 0.0
                assert own == pytest.approx(float(jacobian[i, j]), abs=1e-12)


@pytest.mark.parametrize("why", OTHERS)
def test_other_steps_say_why(why: str) -> None:
    found = OTHERS[why].step().linearity
    assert found.refusal is not None
    assert found.refusal.startswith(why)
    assert not found.matrix
    assert not found.blocks


def test_cells_and_plans_tell() -> None:
    cell = rv.LIF(4, reset=None)
    assert "v: linear with constant coefficients (a number each), and no event sets them" in cell.explain()
    assert "u, v: step by step, as an event sets u" in rv.ResonateAndFire().explain()
    assert "over time" not in rv.Cell("y = x : 1\nx : 1 (input)", emit="y").explain()
    assert "linear in time" in str(cell.layer(dt=1 * ms).plan())
    assert "linear in time" not in str(rv.LIF(4).layer(dt=1 * ms).plan())
