"""Each loss is its formula, has a right gradient, and reads out the class it should."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms, mV, second

SPIKES = torch.tensor([[0, 0, 1], [1, 0, 0], [1, 0, 1], [0, 0, 1]]).double().unsqueeze(1)  # [T 4, B 1, C 3]
Y = torch.tensor([2])
ALL = [
    rv.losses.SpikeCount(),
    rv.losses.SpikeRate(),
    rv.losses.FirstSpike(),
    rv.losses.MaxOverTime(),
    rv.losses.MeanMembrane(),
    rv.losses.LastMembrane(),
    rv.losses.TET(lam=0.3, level=0.4),
]


def _cross_entropy(logits: list[float], target: int) -> float:
    return float(-torch.log_softmax(torch.tensor(logits, dtype=torch.float64), 0)[target])


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        (rv.losses.SpikeCount(scale=0.5), _cross_entropy([1, 0, 1.5], 2)),
        (rv.losses.SpikeRate(correct=0.75, incorrect=0.25), (0.25**2 + 0.25**2 + 0) / 3),
        (rv.losses.FirstSpike(temperature=2.0), _cross_entropy([-0.5, -2, 0], 2)),
        (rv.losses.MaxOverTime(scale=3.0), _cross_entropy([3, 0, 3], 2)),
        (rv.losses.MeanMembrane(), _cross_entropy([0.5, 0, 0.75], 2)),
        (rv.losses.LastMembrane(), _cross_entropy([0, 0, 1], 2)),
        (
            rv.losses.TET(lam=0.1, level=0.5),
            0.9 * (2 * _cross_entropy([0, 0, 1], 2) + _cross_entropy([1, 0, 0], 2) + _cross_entropy([1, 0, 1], 2)) / 4
            + 0.1 * 0.25,
        ),
        (rv.losses.OverTime(nn.CrossEntropyLoss()), _cross_entropy([0.5, 0, 0.75], 2)),
    ],
)
def test_values(loss: rv.losses.Loss, value: float) -> None:
    assert float(loss(SPIKES, Y)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("loss", ALL)
def test_gradients(loss: rv.losses.Loss) -> None:
    torch.manual_seed(0)
    out = (torch.rand(5, 3, 4, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda o: loss(o, torch.tensor([0, 3, 1])), (out,))


@pytest.mark.parametrize("loss", ALL)
def test_read_out(loss: rv.losses.Loss) -> None:
    assert loss.predict(SPIKES).tolist() in ([2], [0] if isinstance(loss, rv.losses.MaxOverTime) else [2])


@given(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=8))
def test_the_latency_is_the_first_spike(rows: list[list[int]]) -> None:
    spikes = torch.tensor(rows, dtype=torch.float32).unsqueeze(1)
    latency = rv.losses.FirstSpike().latency(spikes)[0].tolist()
    expected = [next((t for t, row in enumerate(rows) if row[c]), len(rows)) for c in range(3)]
    assert latency == expected


def test_a_silent_cell_learns_when_to_fire() -> None:
    out = torch.zeros(6, 1, 2, requires_grad=True)
    rv.losses.FirstSpike()(out, torch.tensor([1])).backward()
    assert (out.grad[:, 0, 1] < 0).all()
    assert (out.grad[:, 0, 0] > 0).all()
    assert out.grad[0, 0, 1] < out.grad[5, 0, 1]


@pytest.mark.parametrize("loss", ALL)
def test_outputs_of_another_shape_are_named(loss: rv.losses.Loss) -> None:
    with pytest.raises(ShapeError, match=r"\[T, B, C\].*\(4, 3\)"):
        loss(torch.zeros(4, 3), Y)
    with pytest.raises(ShapeError, match="has several"):
        loss({"a": SPIKES}, Y)


def test_parameters_are_checked() -> None:
    with pytest.raises(TrainingError, match=r"correct=0\.1 and incorrect=0\.5"):
        rv.losses.SpikeRate(correct=0.1, incorrect=0.5)
    with pytest.raises(TrainingError, match="temperature=0"):
        rv.losses.FirstSpike(temperature=0)


@pytest.mark.parametrize("time", [5 * mV, 0 * ms, -1.0, float("nan"), float("inf"), [1, 2] * ms])
@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (rv.losses.VanRossum, "tau"),
        (rv.losses.TimeToFirstSpike, "temperature"),
        (rv.losses.TimeToFirstSpike, "dt"),
        (rv.losses.SignatureMMD, "dt"),
    ],
)
def test_times_are_positive_and_have_a_unit_of_time(loss: type[rv.losses.Loss], name: str, time: Any) -> None:
    with pytest.raises(TrainingError, match=f"{loss.__name__}: {name}=.* must be a positive time"):
        loss(**{name: time})
    assert getattr(loss(**{name: 0.005 * second}), name) == getattr(loss(**{name: 5}), name) == 5
