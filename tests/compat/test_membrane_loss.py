"""A loss on membranes with a delayed reset, snnTorch's usual one, trains as a loop in plain torch does."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier.units import ms

BETA, STEPS, CLASSES, FEATURES, HIDDEN = 0.95, 15, 10, 64, 32


@pytest.fixture(scope="module")
def images() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images of ten classes: prototypes with a half of their pixels drawn anew; 300 to learn from and 200 to test on."""
    draw = torch.Generator().manual_seed(5)
    prototypes = torch.rand(CLASSES, FEATURES, generator=draw)
    y = torch.arange(500) % CLASSES
    other = torch.rand(500, FEATURES, generator=draw)
    x = torch.where(torch.rand(500, FEATURES, generator=draw) < 0.5, other, prototypes[y])
    return x[:300], y[:300], x[300:], y[300:]


class Loop(nn.Module):
    """snnTorch's tutorial written out: two layers of cells with a delayed reset; returns the membranes of the second."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        v1, v2, out = torch.zeros(x.shape[1], HIDDEN), torch.zeros(x.shape[1], CLASSES), []
        for now in x:
            v1 = BETA * v1 + self.first(now) - (v1 > 1).float()
            smooth = torch.atan(math.pi * (v1 - 1)) / math.pi
            spikes = smooth + ((v1 > 1).float() - smooth).detach()
            v2 = BETA * v2 + self.second(spikes) - (v2 > 1).float()
            out.append(v2)
        return torch.stack(out)


def network(cell: Callable[[int], rv.Cell]) -> rv.Sequential:
    """The same two layers of ``cell``, with the weights of the loop."""
    net = rv.Sequential(rv.Linear(FEATURES, HIDDEN), cell(HIDDEN), rv.Linear(HIDDEN, CLASSES), cell(CLASSES), dt=1 * ms)
    rv.compat.load_state_dict(net, Loop().state_dict(), strict=False)
    return net


def trained(membranes: Callable[[Tensor], Tensor], parameters: list[nn.Parameter], images: tuple[Tensor, ...]) -> float:
    """Test accuracy after three epochs of cross-entropy, summed over steps."""
    x, y, x_test, y_test = images
    optimizer, order = torch.optim.Adam(parameters, lr=5e-3), torch.Generator().manual_seed(1)
    for _ in range(3):
        for batch in torch.randperm(len(y), generator=order).split(50):
            optimizer.zero_grad()
            v = membranes(x[batch].expand(STEPS, -1, -1))
            nn.functional.cross_entropy(v.flatten(0, 1), y[batch].repeat(STEPS), reduction="sum").div(50).backward()
            optimizer.step()
    with torch.no_grad():
        v = membranes(x_test.expand(STEPS, -1, -1))
    return (v.sum(0).argmax(1) == y_test).float().mean().item()


def accuracy(cell: Callable[[int], rv.Cell], record: str, images: tuple[Tensor, ...]) -> float:
    net = network(cell)
    last = list(net.populations)[-1]
    return trained(lambda x: net.observe(x, record={last: [record]})[last][record], list(net.parameters()), images)


def test_the_twin_learns_what_the_loop_learns(images: tuple[Tensor, ...]) -> None:
    loop = Loop()
    expected = trained(loop, list(loop.parameters()), images)
    found = accuracy(lambda n: rv.compat.snntorch.Leaky(BETA, size=n), "v", images)
    assert expected > 0.5
    assert found == pytest.approx(expected, abs=0.02)


def test_v_before_learns_where_v_after_the_reset_does_not(images: tuple[Tensor, ...]) -> None:
    def cell(n: int) -> rv.Cell:
        return rv.LIF(n, tau=-1 / math.log(BETA) * ms, reset=f"v -= V_th/{BETA}")

    before, after = (accuracy(cell, record, images) for record in ("v_before", "v"))
    assert before > after + 0.03
