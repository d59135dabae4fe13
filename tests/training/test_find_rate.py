"""A learning rate from a short training whose rate rises."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.training import RateTest, find_rate
from tests.training.conftest import make_net
from tests.training.job import make_task


def test_the_best_is_the_steepest() -> None:
    """The smooth loss falls fastest in the middle of a fall."""
    losses = [1.0] * 20 + [0.2] * 20 + [5.0] * 5
    test = RateTest(tuple(10 ** (-5 + 0.1 * k) for k in range(45)), tuple(losses))
    assert 20 <= test.rates.index(test.best) <= 22


def test_it_trains_a_copy_and_its_rate_is_useful() -> None:
    net, data = make_net(), make_task(200)
    before = [p.detach().clone() for p in net.parameters()]
    generator = torch.get_rng_state()
    test = find_rate(net, data, low=1e-5, high=10.0, batches=40, batch_size=32)
    assert torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert test.rates[0] == 1e-5
    assert test.rates[1] / test.rates[0] == pytest.approx((10 / 1e-5) ** (1 / 39))
    assert 1e-4 < test.best < 1.0
    found = rv.train(net, data, make_task(100, 1), epochs=8, lr=test.best, batch_size=32, progress=False).best_score
    slow = rv.train(make_net(), data, make_task(100, 1), epochs=8, lr=1e-5, batch_size=32, progress=False).best_score
    assert found > slow + 0.2


def test_a_loss_that_explodes_ends_it() -> None:
    def blows_up(out: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return out.square().mean() + out.mean().exp()

    test = find_rate(
        make_net(), make_task(64), low=1e-3, high=1e4, batches=30, batch_size=16, loss=blows_up, optimizer="sgd"
    )
    assert 5 <= len(test.losses) < 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1.0, "high": 0.1}, "must be positive, low below high"),
        ({"batches": 2}, "batches=2 must be a whole number of at least 5"),
        ({"lr": 1e-3}, "find_rate sets lr= itself"),
        ({"loss": "mse"}, "cannot be called"),
    ],
)
def test_wrong_requests_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        find_rate(make_net(), make_task(8), **options)
