"""Distillation of features: its formula and gradient, training towards a teacher, and mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

Tensor = torch.Tensor


def student() -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        rv.Linear(5, 8), rv.LIF(8), rv.Linear(8, 3), rv.LeakyReadout(3), dt=1 * ms, dtype=torch.float64
    )


def by_hand(spikes: Tensor, taught: Tensor, lengths: list[int]) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for b, own in enumerate(lengths):
        one, other = spikes[:own, b].mean(0), taught[b]
        far = one / (one.square().mean() + 1e-6).sqrt() - other / (other.square().mean() + 1e-6).sqrt()
        total = total + far.square().sum()
    return total / (len(lengths) * 8)


@pytest.mark.parametrize("lengths", [None, [3, 6, 1, 5]])
@pytest.mark.parametrize("batch", [1, 4])
def test_it_is_its_formula(batch: int, lengths: list[int] | None) -> None:
    net, x = student(), 4 * torch.rand(6, batch, 5, dtype=torch.float64)
    own = None if lengths is None else lengths[:batch]
    taught = torch.rand(batch, 8, dtype=torch.float64)
    plug = rv.regularizers.Features(0.3, ["lif1"], lambda x: {"lif1": taught})
    spikes = net.observe(x, record={"lif1": ["spikes"]})["lif1"]["spikes"]
    if own is not None:
        spikes = torch.stack(
            [s * (torch.arange(6)[:, None] < n) for s, n in zip(spikes.unbind(1), own, strict=True)], 1
        )
    spikes = spikes.detach().requires_grad_()
    found = plug(net, {"lif1": {"spikes": spikes}}, None if own is None else torch.tensor(own), x)
    wanted = 0.3 * by_hand(spikes, taught, own or [6] * batch)
    torch.testing.assert_close(found, wanted)
    ours, theirs = (torch.autograd.grad(value, spikes, retain_graph=True)[0] for value in (found, wanted))
    inside = torch.arange(6)[:, None] < torch.tensor(own or [6] * batch)  # a rule passes no gradient to padded steps
    torch.testing.assert_close(ours[inside], theirs[inside])


def test_features_of_single_steps_count_by_their_mean() -> None:
    net, taught = student(), torch.rand(6, 4, 8, dtype=torch.float64)
    seen = {"lif1": {"spikes": (torch.rand(6, 4, 8) < 0.5).double()}}
    one = rv.regularizers.Features(1.0, ["lif1"], lambda x: {"lif1": taught})
    two = rv.regularizers.Features(1.0, ["lif1"], lambda x: {"lif1": taught.mean(0)})
    torch.testing.assert_close(one(net, seen), two(net, seen))


def test_a_student_comes_closer_to_its_teacher() -> None:
    net, asked = student().float(), []
    torch.manual_seed(5)
    teacher = torch.nn.Linear(5, 8)

    def features(x: Tensor) -> dict[str, Tensor]:
        asked.append(x.shape)
        return {"lif1": teacher(x.mean(0)).relu()}

    x, y = 2 * torch.rand(32, 6, 5), torch.arange(32) % 3
    plug = rv.regularizers.Features(5.0, ["lif1"], features)

    def distance() -> float:
        hidden = net.observe(x.transpose(0, 1), record={"lif1": ["spikes"]})
        return float(plug(net, hidden, None, x.transpose(0, 1)).detach())

    before = distance()
    rv.train(net, (x, y), epochs=15, lr=1e-2, regularizers=[plug], progress=False)
    assert distance() < 0.8 * before
    assert asked[1][0] == 6
    assert all(q.grad is None for q in teacher.parameters())


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: rv.regularizers.Features(0.1, ["lif1"]), "teacher=None is not a function"),
        (lambda: rv.regularizers.Features(0.1, ["lif1"], "mine"), "teacher='mine' is not a function"),
        (lambda: rv.regularizers.Features(0.1, None, dict), "name the populations"),
        (lambda: rv.regularizers.Features(0.1, [], dict), "name the populations"),
        (lambda: rv.regularizers.Features(-1, ["lif1"], dict), "weight=-1"),
        (lambda: rv.regularizers.Features(0.1, "lif1", dict), "must be a list"),
        (lambda: learnt(["lif9"], lambda x: {}), "nothing to read of 'lif9'"),
        (lambda: learnt(["lif1"], lambda x: {}), "no features for 'lif1'"),
        (lambda: learnt(["lif1"], lambda x: x), "no features for 'lif1'"),
        (lambda: learnt(["lif1"], lambda x: {"lif1": torch.rand(x.shape[1], 9)}), "gives .4, 9. for 'lif1'"),
        (lambda: learnt(["lif1"], lambda x: {"lif1": torch.rand(8)}), "gives .8,. for 'lif1'"),
    ],
)
def test_mistakes_are_named(make: Any, what: str) -> None:
    with pytest.raises(RanvierError, match=what):
        make()


def learnt(names: list[str], teacher: Any) -> None:
    data = torch.rand(4, 6, 5), torch.arange(4) % 3
    rv.train(
        student().float(), data, epochs=1, regularizers=[rv.regularizers.Features(0.1, names, teacher)], progress=False
    )
