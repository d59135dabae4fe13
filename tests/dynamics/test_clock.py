"""What the time decides becomes streams of its own; everything else stays in the program."""

from __future__ import annotations

import math

import pytest
import torch

import ranvier as rv
from ranvier.dynamics import Step, time_apart
from ranvier.kernels import eager
from ranvier.units import kHz, ms


def split(text: str, **how: object) -> Step:
    return time_apart(rv.Cell(text, **how).step())


def values(step: Step, times: torch.Tensor, **parameters: float) -> dict[str, torch.Tensor]:
    wide = {
        n: torch.tensor(v, dtype=torch.float64)
        for n, v in {"surrogate_alpha": 2.0, "surrogate_width": 1.0, **parameters}.items()
    }
    return eager.clock(step, eager.coefficients(step, wide, 0.1), times, 0)


def test_a_step_without_time_stays_what_it_is() -> None:
    step = rv.LIF().step()
    assert time_apart(step) is step


def test_functions_of_time_and_parameters_leave_the_lanes() -> None:
    step = split("dv/dt = (a*sin(2*pi*f*t) + exp(-t/tau) - v)/tau : 1", a=2.0, f=1 * kHz, tau=10 * ms)
    assert "t" not in step.program.reads
    assert not {"f", "a"} & set(step.coefficients), "what only the time needs does not enter the lanes"
    assert set(step.clock.outputs) <= set(step.streams)


def test_an_angle_beside_a_state_stays_small() -> None:
    step = split("z' = z + sin(2*pi*f*t + z) : 1", f=1 * kHz)
    times = torch.tensor([0.0, 0.1, 3.6e6 + 0.1], dtype=torch.float64)
    (angle,) = values(step, times, f=1.0).values()
    assert angle.abs().max() <= math.pi
    torch.testing.assert_close(
        angle, torch.tensor([0, 0.2 * math.pi, 0.2 * math.pi], dtype=torch.float64), rtol=0, atol=1e-8
    )


@pytest.mark.parametrize(("sign", "first"), [(">=", 3), (">", 4)])
@pytest.mark.parametrize("start", [3 * 0.7, 2.1, 0.7 + 0.7 + 0.7, 1.4 + 0.7])
def test_times_that_rounding_separates_are_equal(sign: str, first: int, start: float) -> None:
    step = split(f"z' = z + int(t {sign} start) : 1", start=start * ms)
    times = torch.arange(6, dtype=torch.float64) * 7 / 10
    for late in (times, torch.arange(6, dtype=torch.float64) * 0.7):
        (on,) = values(step, late, start=start).values()
        assert on.tolist() == [float(n >= first) for n in range(6)]


def test_whole_periods_are_counted_exactly() -> None:
    step = split("z' = z + floor(t/period) : 1", period=0.7 * ms)
    times = torch.arange(1000, dtype=torch.float64) * 7 / 10
    (count,) = values(step, times, period=0.7).values()
    assert count.tolist() == list(range(1000))


def test_an_event_of_the_time_keeps_its_threshold() -> None:
    step = split("z' = z : 1", threshold="t >= at", at=3_600_000.1 * ms)
    (event,) = [s for s in step.program.statements if s.event]
    times = torch.tensor([36_000_000, 36_000_001], dtype=torch.float64) / 10
    level = values(step, times, at=3_600_000.1)[str(event.expression.args[0])]
    assert (level.to(torch.float32) >= 0).tolist() == [False, True]


def test_what_mixes_time_and_state_keeps_both() -> None:
    step = split("z' = z + z*t/ms : 1")
    assert step.clock.reads == ("t",)
    assert set(step.program.reads) == {"z", *step.clock.outputs}
