"""Parallel spiking neurons have the spikes and gradients of SpikingJelly, from its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.units import ms


def given(witness: Callable[[str], Mapping[str, np.ndarray]], name: str) -> dict[str, torch.Tensor]:
    found = witness("psn_spikingjelly")
    own = {n.removeprefix(f"{name}/"): found[n] for n in found if n.startswith(f"{name}/")}
    return {
        n: torch.from_numpy(np.ascontiguousarray(v))
        for n, v in {**own, "input": found["x"], "upstream": found["upstream"]}.items()
    }


@pytest.mark.parametrize(("name", "order"), [("psn", None), ("masked", 4)])
def test_a_matrix_over_time(witness: Callable, name: str, order: int | None) -> None:
    peer = given(witness, name)
    matrix, cells = rv.PSN(5, steps=16, order=order)
    with torch.no_grad():
        matrix.weight.copy_(peer["weight"])
        matrix.bias.copy_(peer["bias"].flatten())
    x = peer["input"].clone().requires_grad_()
    spikes, _ = rv.Sequential(matrix, cells, dt=1 * ms)(x)
    (spikes * peer["upstream"]).sum().backward()
    assert torch.equal(spikes, peer["spikes"].float())
    assert peer["spikes"].any()
    torch.testing.assert_close(x.grad, peer["x"], atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(matrix.weight.grad, peer["weight_gradient"], atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(matrix.bias.grad, peer["bias_gradient"].flatten(), atol=2e-6, rtol=1e-5)


def test_a_sliding_sum(witness: Callable) -> None:
    peer = given(witness, "sliding")
    layer = rv.SlidingPSN(5, order=4).layer(dt=1 * ms)
    weight = peer["weight"].flatten().flip(0)  # theirs begins with the oldest input
    assert [float(getattr(layer, f"w_{i}").detach()) for i in range(4)] == weight.tolist()
    assert float(layer.V_th.detach()) == -float(peer["bias"])
    x = peer["input"].clone().requires_grad_()
    spikes, _ = layer(x)
    (spikes * peer["upstream"]).sum().backward()
    assert torch.equal(spikes, peer["spikes"].float())
    assert peer["spikes"].any()
    torch.testing.assert_close(x.grad, peer["x"], atol=2e-6, rtol=1e-5)
    slopes = torch.stack([getattr(layer, f"w_{i}").grad for i in range(4)])
    torch.testing.assert_close(slopes, peer["weight_gradient"].flatten().flip(0), atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(layer.V_th.grad, -peer["bias_gradient"].reshape(()), atol=2e-6, rtol=1e-5)
