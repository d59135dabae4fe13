"""Sums that all their members receive, and slices of channels: definitions, gradients, files, and mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.kernels.step import NumpyStep
from ranvier.units import ms

Tensor = torch.Tensor
MAPS = [rv.SumOfPlaces(), rv.SumOfChannels(), rv.SumOfChannels(3), rv.Channels(2, 3)]


def defined(layer: Any, x: Tensor) -> Tensor:
    """Element by element, for ``x`` [rows, 6, N]."""
    if isinstance(layer, rv.Channels):
        return torch.stack([x[:, c] for c in range(layer.first, layer.first + layer.count)], 1)
    y = torch.zeros_like(x)
    for c in range(6):
        for n in range(x.shape[2]):
            if isinstance(layer, rv.SumOfPlaces):
                y[:, c, n] = sum(x[:, c, m] for m in range(x.shape[2]))
            else:
                wide = 6 // layer.heads
                y[:, c, n] = sum(x[:, c // wide * wide + b, n] for b in range(wide))
    return y


@pytest.mark.parametrize("layer", MAPS, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 7])
def test_it_is_its_definition(layer: Any, batch: int, dtype: torch.dtype) -> None:
    x = torch.randn(batch, 6, 5, dtype=dtype)
    torch.testing.assert_close(layer(x), defined(layer, x))
    image = torch.randn(batch, 6, 5, 2, dtype=dtype)
    torch.testing.assert_close(layer(image).flatten(2), defined(layer, image.flatten(2)))


@pytest.mark.parametrize("layer", MAPS, ids=repr)
def test_gradient_files_and_step_graph(layer: Any, tmp_path: Path) -> None:
    x = torch.randn(2, 6, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x)
    made = layer(x.detach())
    assert torch.equal(layer.pullback(torch.ones_like(made), x), torch.autograd.grad(layer(x).sum(), x)[0])
    net = rv.Sequential(rv.LIF((6, 4)), layer, rv.LIF(V_th=2.0), dt=1 * ms)
    given = 1.3 * torch.rand(5, 1, 6, 4)
    out = net(given)[0]
    assert 0 < out.mean() < 1
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(given)[0], out)
    graph = rv.step_graph(net, shapes={"input": (6, 4)})
    plain, output = NumpyStep(graph), f"output_{net.outputs[0]}"
    found = np.stack([plain.step({"input_input": row})[output] for row in given[:, 0].numpy()])
    assert np.array_equal(found, out[:, 0].numpy())


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: rv.Channels(-1, 2), "first=-1 must be a whole number of 0 or more"),
        (lambda: rv.Channels(True, 2), "first=True"),
        (lambda: rv.Channels(0, 0), "count=0 must be a positive whole number"),
        (lambda: rv.Channels(0, True), "count=True"),
        (lambda: rv.Channels(4, 4)(torch.rand(2, 6, 3)), "takes channels 4 to 7, but a sample has shape"),
        (lambda: rv.SumOfChannels(0), "heads=0 must be a positive whole number"),
        (lambda: rv.SumOfChannels(4)(torch.rand(2, 6, 3)), "heads=4, which must divide the channels"),
        (lambda: rv.SumOfPlaces()(torch.rand(2, 6)), r"takes samples \[channels, places …\]"),
        (lambda: rv.Sequential(rv.LIF((6, 4)), rv.Channels(5, 3), rv.LIF(), dt=1 * ms)(torch.rand(2, 1, 6, 4)), "Channels"),
        (lambda: rv.Sequential(rv.LIF((6, 4)), rv.SumOfChannels(5), rv.LIF(), dt=1 * ms)(torch.rand(2, 1, 6, 4)), "SumOfChannels"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make: Any, what: str) -> None:
    with pytest.raises(ShapeError, match=what):
        make()
