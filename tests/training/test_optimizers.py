"""Optimisers by name are torch's, with one kernel for all parameters, whatever lies how in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.units import ms

Make = Callable[..., rv.Sequential]
Task = Callable[..., tuple[torch.Tensor, torch.Tensor]]
quiet = partial(rv.train, progress=False)


def _laid(grad: torch.Tensor, how: str) -> torch.Tensor:
    """The same numbers in another order of memory."""
    if how == "transposed":
        return grad.transpose(0, 1).contiguous().transpose(0, 1)
    return torch.stack([grad, -grad], -1)[..., 0] if how == "strided" else grad


class Laid(rv.rules.BPTT):
    """Hands gradients of matrices over in another order of memory."""

    how = "plain"

    def gradient(self, net: Any, x: Any, criterion: Any) -> Any:
        found = super().gradient(net, x, criterion)
        for q in net.parameters():
            if q.ndim > 1:
                q.grad = _laid(q.grad, self.how)
        return found


@pytest.mark.parametrize("how", ["transposed", "strided"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", partial(torch.optim.Adam, fused=True)])
def test_a_step_reads_a_gradient_in_any_order_of_memory(net: Make, task: Task, optimizer: Any, how: str) -> None:
    """Torch's fused steps take the numbers as they lie, so that each gradient is first laid like its parameter."""
    nets, rule = [net(), net()], Laid()
    object.__setattr__(rule, "how", how)
    for made, own in zip(nets, (rule, rv.rules.BPTT()), strict=True):
        quiet(made, task(24), epochs=2, lr=1e-2, batch_size=8, optimizer=optimizer, rule=own)
    for one, other in zip(*(made.parameters() for made in nets), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def test_a_name_trains_as_the_class_does(net: Make, task: Task) -> None:
    ways = [
        quiet(net(dtype=torch.float64), task(40), epochs=3, lr=1e-2, optimizer=o) for o in ("adam", torch.optim.Adam)
    ]
    assert ways[0].history[-1].train.loss == pytest.approx(ways[1].history[-1].train.loss, rel=1e-9)


@pytest.mark.parametrize("cells", [20, 4000], ids=["gathered", "each by itself"])
def test_the_norm_of_an_epoch_is_that_of_all_gradients(task: Task, cells: int) -> None:
    parts = rv.Linear(12, cells), rv.LIF(cells), rv.Linear(cells, 3), rv.LeakyReadout(3)
    made = rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64)
    fit = quiet(made, task(8), epochs=1, lr=1e-3, clip=None)
    squares = sum(float(q.grad.square().sum()) for q in made.parameters() if q.grad is not None)
    assert fit.history[0].gradient_norm == pytest.approx(squares**0.5, rel=1e-12)
