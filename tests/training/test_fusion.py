"""Inverse effectiveness: the gradient of fusing parts alone is scaled, by the stated factor."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.training import InverseEffectiveness
from ranvier.units import ms

OUT = {"both": torch.zeros(2, 1, 2), "a": torch.zeros(2, 1, 2), "b": torch.zeros(2, 1, 2)}


def rule(**how: Any) -> InverseEffectiveness:
    return InverseEffectiveness(**{"fused": "both", "single": ("a", "b"), "parts": ("fusion",), **how})


def network() -> rv.Network:
    torch.manual_seed(0)
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.input("x", 4)
    for name in ("both", "a", "b"):
        net.population(name, 2, rv.Relay())
    net.population("cells", 8, rv.LIF())
    net.connect("x", "cells", rv.Linear(4, 8), same_step=True)
    for name, part in (("both", "fusion"), ("a", "of_a"), ("b", "of_b")):
        net.connect("cells", name, rv.Linear(8, 2), same_step=True, name=part)
    net.outputs.extend(["both", "a", "b"])
    return net


def gradients(made: Any, times: int = 1) -> tuple[dict[str, torch.Tensor], Any]:
    net, x = network(), 3 * torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for _ in range(times):
        outcome = made.gradient(net, {"x": x}, lambda out: sum(o.square().sum() for o in out.values()))
    return {n: q.grad for n, q in net.named_parameters()}, outcome


def test_only_the_fusion_learns_otherwise() -> None:
    plain, outcome = gradients(rv.rules.BPTT())
    scaled, _ = gradients(rule(gamma=2.0))
    s = [float(outcome.out[n].mean(0).softmax(-1).amax(-1).mean()) for n in ("both", "a", "b")]
    k = 1 + math.tanh(2 * (1 - (s[1] + s[2]) / 2 / s[0]))
    assert abs(k - 1) > 1e-3
    for name, g in plain.items():
        torch.testing.assert_close(scaled[name], g * (k if name.startswith("fusion") else 1), rtol=1e-12, atol=0)


def test_a_part_that_is_named_twice_is_scaled_once() -> None:
    one, two = gradients(rule())[0], gradients(rule(parts=("fusion", "fusion")))[0]
    for name, g in one.items():
        assert torch.equal(two[name], g)


def test_without_gamma_it_is_the_rule_and_gradients_add_up() -> None:
    for one, two in ((rv.rules.BPTT(), rule(gamma=0)), (rule(), rule())):
        a, b = gradients(one)[0], gradients(two, times=2)[0]
        for name, g in a.items():
            torch.testing.assert_close(b[name], 2 * g)


def test_weak_senses_learn_fast() -> None:
    sure = torch.tensor([5.0, 0.0]).expand(2, 1, 2)
    assert rule().factor({**OUT, "both": sure}) > 1.3
    assert rule().factor({**OUT, "a": sure, "b": sure}) < 0.7
    assert rule().factor(OUT) == 1


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"single": "a"}, "tuple of names"), ({"single": ()}, "tuple of names"), ({"parts": "fusion"}, "tuple of names"), ({"parts": ()}, "tuple"),
        ({"gamma": -1}, "gamma=-1"), ({"gamma": "1"}, "gamma='1'"), ({"gamma": math.inf}, "gamma=inf"), ({"rule": "bptt"}, r"rv\.rules"),
    ],
)  # fmt: skip
def test_wrong_settings(how: dict[str, Any], says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        rule(**how)


def test_wrong_names() -> None:
    with pytest.raises(TrainingError, match="Did you mean 'both'"):
        rule(fused="both_").factor(OUT)
    with pytest.raises(TrainingError, match="the network has one"):
        rule().factor(OUT["a"])
    with pytest.raises(TrainingError, match="Did you mean 'fusion'"):
        gradients(rule(parts=("fusions",)))
    with pytest.raises(TrainingError, match="learn nothing"):
        gradients(rule(parts=("cells",)))
