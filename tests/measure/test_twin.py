"""A twin is trained or taken, and said not to be one where it is not as accurate."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import ms

Data = tuple[torch.Tensor, torch.Tensor]


@cache
def data(seed: int) -> Data:
    """Two classes by which half of six inputs fires more, [samples, T, 6]."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(100) % 2
    rates = torch.where(labels.bool().unsqueeze(1) == (torch.arange(6) < 3), 0.7, 0.3)
    return (torch.rand(100, 5, 6, generator=g) < rates.unsqueeze(1)).float(), labels


def spiking() -> rv.Sequential:
    """Two cells that count one half each."""
    net = rv.Sequential(
        rv.Linear(6, 2, bias=False), rv.LIF(2), rv.Linear(2, 2, bias=False), rv.LeakyReadout(2), dt=1 * ms
    )
    halves = torch.tensor([[0.0, 0, 0, 3, 3, 3], [3.0, 3, 3, 0, 0, 0]])
    net.projections["linear1"].chain[0].weight.data.copy_(halves)
    net.projections["linear2"].chain[0].weight.data.copy_(torch.eye(2))
    return net


def ordinary() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 2))


def test_a_twin_learns_with_the_bits_of_the_steps() -> None:
    model, net = ordinary(), spiking()
    before = [p.clone() for p in model.parameters()]
    found = rv.measure.twin(net, model, data(1), train=data(0), margin=0.2)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)), "a copy learns"
    assert found.bits == 3
    assert found.net[1].levels == 7
    assert found.accuracy > 0.8
    scores = net(data(1)[0].transpose(0, 1))[0].mean(0).argmax(1)
    assert found.spiking_accuracy == float((scores == data(1)[1]).double().mean())
    assert found.counts.dense >= 2 * 6 + 2 * 2
    energies = found.energy(["fp32", "loihi"])
    assert energies["fp32"].twin is not None
    assert str(found) in str(energies)


def test_a_twin_that_is_not_as_accurate_is_said_so() -> None:
    model = ordinary()
    nn.init.zeros_(model[2].weight)
    model[2].bias.data.copy_(torch.tensor([1.0, 0.0]))
    found = rv.measure.twin(spiking(), model, data(1), decode=lambda out: out.sum(0))
    assert found.net is model
    assert found.accuracy == 0.5
    assert not found.equal
    assert "NOT equally accurate" in str(found.energy())


def test_both_keep_their_modes() -> None:
    net, model = spiking().eval(), ordinary().train()
    rv.measure.twin(net, model, data(1))
    assert (net.training, model.training) == (False, True)


def made(test: object = None, **how: object) -> object:
    return rv.measure.twin(spiking(), ordinary(), data(1) if test is None else test, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: rv.measure.twin(len, ordinary(), data(1)), "net is builtin"),
        (lambda: rv.measure.twin(spiking(), len, data(1)), "model is builtin"),
        (lambda: made(margin=-0.1), "margin=-0.1"),
        (lambda: made(epochs=0), "epochs=0"),
        (lambda: made(lr=0.0), "lr=0.0"),
        (lambda: made(data(1)[0]), "pair of tensors"),
        (lambda: made((data(1)[0], data(1)[1][:3])), r"labels of shape \(3,\)"),
        (lambda: made((data(1)[0].mean(1), data(1)[1])), r"x of shape \(100, 6\)"),
        (lambda: made((data(1)[0], data(1)[1].float())), "torch.float32"),
        (lambda: made((data(1)[0], data(1)[1] + 7)), "labels up to 8"),
        (lambda: made(decode=lambda out: out), r"scores of shape \(5, 100, 2\)"),
        (lambda: made(train=(data(0)[0][:0], data(0)[1][:0])), "train has x of shape"),
    ],
)
def test_mistakes_are_named(wrong, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        wrong()


def test_a_model_without_rectifiers_cannot_learn_as_a_twin() -> None:
    with pytest.raises(RanvierError, match="ReLU"):
        rv.measure.twin(spiking(), nn.Linear(6, 2), data(1), train=data(0))
