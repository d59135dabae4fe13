"""Names of snnTorch without a twin: what the error says to write gives snnTorch's numbers."""

from __future__ import annotations

import math
import re

import pytest
import torch

import ranvier as rv
from ranvier.compat import snntorch
from ranvier.units import ms


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
