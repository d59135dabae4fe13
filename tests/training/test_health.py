"""Warnings about silent, saturated and exploding training: they fire, explain themselves, and keep quiet otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierWarning
from ranvier.training.health import Health
from ranvier.units import ms

Make = Callable[..., rv.Sequential]
Task = Callable[..., tuple[torch.Tensor, torch.Tensor]]
quiet = partial(rv.train, progress=False)


def _scaled(net: rv.Sequential, factor: float) -> rv.Sequential:
    with torch.no_grad():
        net.projections["linear1"].chain[0].weight.abs_().mul_(factor)
        net.projections["linear1"].chain[0].bias.fill_(1.0 if factor > 1 else 0.0)
    return net


def test_a_silent_population_is_named_once(net: Make, task: Task) -> None:
    with pytest.warns(RanvierWarning) as caught:
        fit = quiet(_scaled(net(), 1e-3), task(40), epochs=3, lr=1e-5)
    messages = [str(w.message) for w in caught]
    assert len(messages) == 1
    assert "population 'lif1' is silent: 0 of its 20 cells fired at all in epoch 1" in messages[0]
    assert "Call rv.initialize(net, x) on a batch" in messages[0]
    assert fit.history[0].rates["lif1"] == 0


def test_a_saturated_population_is_named_once(net: Make, task: Task) -> None:
    with pytest.warns(RanvierWarning) as caught:
        fit = quiet(_scaled(net(), 30.0), task(40), epochs=3, lr=1e-5)
    messages = [str(w.message) for w in caught]
    assert len(messages) == 1
    rate = fit.history[0].rates["lif1"]
    assert rate > 0.5
    assert f"'lif1' is saturated: its cells fire in {100 * rate:.0f} % of all steps of epoch 1" in messages[0]
    assert "refractory period" in messages[0]


@pytest.mark.parametrize("factor", [1e-3, 30.0])
def test_a_read_out_that_also_fires_is_not_named(net: Make, task: Task, factor: float) -> None:
    """Its membrane is what it emits, so it may fire never, or in most steps."""
    read_out = rv.compat.snntorch.Leaky(0.9, reset_mechanism="none").changed(emit="v")
    hidden = net()[:2]
    made = rv.Sequential(hidden[0], hidden[1].cell, rv.Linear(20, 3), read_out, dt=1 * ms)
    with torch.no_grad():
        made["linear2"].weight.abs_().mul_(factor)
        made["linear2"].bias.zero_()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RanvierWarning)
        fit = quiet(made, task(40), epochs=1, lr=1e-6)
    rate = fit.history[0].rates["leaky1"]
    assert rate == 0 if factor < 1 else rate > 0.5


def test_an_exploding_gradient_is_named_once(net: Make, task: Task) -> None:
    calls = iter(range(10_000))

    def loss(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        factor = 1e6 if next(calls) >= 40 else 1.0
        return factor * rv.losses.MaxOverTime()(out, y)

    with pytest.warns(RanvierWarning, match=r"the gradient of .* it explodes. Pass clip=1.0"):
        quiet(net(), task(64), epochs=8, batch_size=8, lr=1e-6, loss=loss)


def test_healthy_training_is_quiet(net: Make, task: Task) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RanvierWarning)
        quiet(net(), task(100), task(50, seed=1), epochs=6, lr=1e-2, batch_size=16)


def test_the_limits_are_where_the_words_say(net: Make) -> None:
    health = Health(net())
    spikes = torch.zeros(20)
    spikes[0] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", RanvierWarning)
        health.batch({"lif1": spikes}, 10)
        assert health.end_epoch(1)["lif1"] == pytest.approx(1 / 200)
        health.batch({"lif1": torch.full((20,), 5.0)}, 10)
        assert health.end_epoch(2)["lif1"] == pytest.approx(0.5)


def test_a_gradient_that_comes_late_is_watched_too(net: Make) -> None:
    """One parameter has no gradient at first; the norm of all, far below the limits of the others, does not hide it."""
    health, norms = Health(net()), {"linear1.weight": 1e6}
    for _ in range(40):
        health.gradient(1e6, lambda: norms, "batch 1")
    late = {**norms, "linear1.bias": 1.0}
    for _ in range(64 + 20):
        health.gradient(1e6, lambda: late, "batch 2")
    with pytest.warns(RanvierWarning, match="linear1.bias has the norm 5e[+]07 in batch 3"):
        health.gradient(5e7, lambda: {**norms, "linear1.bias": 5e7}, "batch 3")


def test_norms_of_parameters_are_asked_for_where_one_may_explode(net: Make) -> None:
    health, asked = Health(net()), []

    def norms() -> dict[str, float]:
        asked.append(len(asked))
        return {"linear1.weight": 1.0, "linear1.bias": 0.1}

    for _ in range(60):
        health.gradient(1.0, norms, "batch 1")
    assert len(asked) == 20
    health.gradient(99.0, norms, "batch 2")
    assert len(asked) == 20
    health.gradient(101.0, norms, "batch 2")
    assert len(asked) == 21
