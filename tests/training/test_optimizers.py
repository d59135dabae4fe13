"""Optimisers by name are torch's, with one kernel for all parameters, whatever lies how in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.training._gradients import check_finite, clip_gradient, gradient_norms, total_norm
from ranvier.training._optimizers import Optimizers, make_optimizers

Make = Callable[..., rv.Sequential]
Task = Callable[..., tuple[torch.Tensor, torch.Tensor]]
quiet = partial(rv.train, progress=False)


def _laid(grad: torch.Tensor, how: str) -> torch.Tensor:
    """The same numbers in another order of memory."""
    if how == "transposed":
        return grad.transpose(0, 1).contiguous().transpose(0, 1)
    if how == "strided":
        return torch.stack([grad, -grad], -1)[..., 0]
    return grad.contiguous(memory_format=torch.channels_last) if how == "channels last" else grad.clone()


@pytest.mark.parametrize("how", ["plain", "transposed", "strided", "channels last"])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_step_reads_a_gradient_in_any_order_of_memory(net: Make, name: str, how: str) -> None:
    """Torch's fused steps take the numbers as they lie, so that each gradient is first laid like its parameter."""
    usual = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[name]
    made = net()
    made.extra = nn.Parameter(torch.randn(4, 3, 2, 5))
    optimizers, expected = make_optimizers(name, made, 0.1), [q.detach().clone() for q in made.parameters()]
    other = usual([nn.Parameter(q) for q in expected], lr=0.1)
    for _ in range(3):
        for q, own in zip(made.parameters(), other.param_groups[0]["params"], strict=True):
            own.grad = torch.randn_like(own)
            q.grad = (
                _laid(own.grad, how) if q.ndim == 4 or (q.ndim == 2 and how != "channels last") else own.grad.clone()
            )
        optimizers.step()
        other.step()
    for q, own in zip(made.parameters(), other.param_groups[0]["params"], strict=True):
        torch.testing.assert_close(q, own, rtol=1e-5, atol=1e-6)


def test_a_fused_optimiser_of_the_user_is_given_such_gradients_too() -> None:
    weight = nn.Parameter(torch.randn(5, 7))
    own = nn.Parameter(weight.detach().clone())
    optimizers = Optimizers((torch.optim.SGD([weight], lr=1.0, fused=True),), ready=True)
    own.grad = torch.randn(5, 7)
    weight.grad = _laid(own.grad, "transposed")
    optimizers.step()
    torch.testing.assert_close(weight.detach(), own.detach() - own.grad)


def test_a_name_trains_as_the_class_does(net: Make, task: Task) -> None:
    ways = [
        quiet(net(dtype=torch.float64), task(40), epochs=3, lr=1e-2, optimizer=o) for o in ("adam", torch.optim.Adam)
    ]
    assert ways[0].history[-1].train.loss == pytest.approx(ways[1].history[-1].train.loss, rel=1e-9)


@pytest.mark.parametrize("shape", [(3, 4), (1 << 8, 1 << 8)], ids=["gathered", "each by itself"])
def test_the_norm_of_all_is_that_of_its_parts(shape: tuple[int, int]) -> None:
    parameters = {"a": nn.Parameter(torch.zeros(shape)), "b": nn.Parameter(torch.zeros(7, dtype=torch.float64))}
    parameters["none"] = nn.Parameter(torch.zeros(2))
    parameters["a"].grad, parameters["b"].grad = torch.randn(shape), torch.randn(7, dtype=torch.float64)
    norms, norm = gradient_norms(parameters), total_norm(parameters.values())
    assert norms == pytest.approx(
        {n: float(q.grad.double().norm()) for n, q in parameters.items() if q.grad is not None}
    )
    assert norm == pytest.approx(sum(own**2 for own in norms.values()) ** 0.5, rel=1e-12)
    assert total_norm([parameters["none"]]) == 0
    clip_gradient(parameters, norm, 0.5)
    assert total_norm(parameters.values()) == pytest.approx(0.5, rel=1e-6)
    check_finite(norm, parameters, "batch 1", str)
    parameters["b"].grad[3] = torch.inf
    with pytest.raises(TrainingError, match="the gradient of b is not finite in batch 1"):
        check_finite(total_norm(parameters.values()), parameters, "batch 1", str)
