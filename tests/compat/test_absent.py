"""Names of snnTorch without a twin: the error says what to write, and that gives snnTorch's numbers."""

from __future__ import annotations

import math
import re

import pytest
import torch

import ranvier as rv
from ranvier.compat import snntorch
from ranvier.units import ms


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("SLSTM", r"has no attribute 'SLSTM': a cell with gates has no counterpart: try rv\.Recurrent\(rv\.ALIF\(n\)"),
        ("StateLeaky", r"it is Leaky\(exp\(beta - 1\), reset_mechanism='none'\)"),
        ("LeakyParallel", r"write rv\.Linear\(n, m\) and Leaky"),
        ("BatchNormTT2d", r"rv\.StepBatchNorm"),
        ("Laeky", r"has no attribute 'Laeky'\. Did you mean 'Leaky'"),
    ],
)
def test_the_error_says_what_to_write(name: str, told: str) -> None:
    with pytest.raises(AttributeError, match=told):
        getattr(snntorch, name)
    assert not hasattr(snntorch, name)


def test_a_kernel_in_time_is_a_leaky_cell_without_reset() -> None:
    x, beta = torch.rand(40, 2, 3, dtype=torch.float64), 0.8
    cell = snntorch.Leaky(math.exp(beta - 1), reset_mechanism="none").layer(dt=1 * ms, dtype=torch.float64)
    lag = torch.arange(40).reshape(-1, 1) - torch.arange(40)
    kernel = torch.where(lag >= 0, torch.exp(-(1 - beta) * lag.clamp(min=0).double()), 0.0)
    expected = torch.einsum("ts,sbn->tbn", kernel, x)
    torch.testing.assert_close(cell.observe(x, record=["v"])["v"], expected, rtol=1e-12, atol=0)


def test_the_cell_in_the_error_fires_where_its_membrane_jumps() -> None:
    with pytest.raises(AttributeError) as error:
        _ = snntorch.DeltaLeaky
    (code,) = re.findall(r"rv\.Cell\(.*\)", str(error.value))
    cell = eval(code, {"rv": rv}).with_values(V_th=0.3).layer(dt=1 * ms)
    x, v = torch.rand(60, 2, 4) - 0.5, torch.zeros(2, 4)
    spikes, _ = cell(x)
    for now, fired in zip(x, spikes, strict=True):
        before, v = v, 0.9 * v + now
        assert torch.equal(fired, ((v - before).abs() > 0.3).float())
    assert 0 < spikes.sum() < spikes.numel()
