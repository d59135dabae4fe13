"""The price of synaptic operations is what is counted, and its gradient is the number of targets."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.units import ms

SynOps = rv.regularizers.SynOps
CASES = {
    "dense": (lambda: (rv.Linear(6, 8), rv.LIF(8), rv.Linear(8, 3), rv.LeakyReadout(3)), (6,)),
    "late": (
        lambda: (rv.Linear(6, 8), rv.LIF(8), rv.Linear(8, 3, delay=rv.Uniform(0 * ms, 4 * ms)), rv.LeakyReadout(3)),
        (6,),
    ),
    "recurrent": (lambda: (rv.Linear(6, 8), rv.Recurrent(rv.LIF(8), rv.Linear(8, 8))), (6,)),
    "convolution": (
        lambda: (
            rv.Conv2d(1, 2, 3), rv.LIF((2, 4, 4)), rv.Conv2d(2, 3, 3, padding=1, stride=2), rv.LIF((3, 2, 2)),
            nn.Flatten(), rv.Linear(12, 2), rv.LeakyReadout(2),
        ),
        (1, 6, 6),
    ),
}  # fmt: skip


def made(name: str) -> tuple[rv.Sequential, torch.Tensor]:
    torch.manual_seed(0)
    parts, shape = CASES[name]
    net = rv.Sequential(*parts(), dt=1 * ms, dtype=torch.float64)
    with torch.no_grad():
        for p in net.projections.values():
            p.chain[-1].weight.mul_(4)
            p.chain[-1].weight.view(-1)[::5] = 0
    return net, (torch.rand(12, 3, *shape) < 0.5).double()


def value(net: rv.Sequential, x: torch.Tensor, of: rv.regularizers.Regularizer) -> torch.Tensor:
    watched = {n: [v] for n, v in of.watched(net).items()}
    return of(net, net.observe(x, record=watched))


@pytest.mark.parametrize("name", CASES)
def test_the_value_is_what_is_counted(name: str) -> None:
    net, x = made(name)
    counts, price = rv.measure.operations(net, x), SynOps(1.0)
    behind = [p.name for p in net.projections.values() if p.pre in price.watched(net)]
    rows = [r for r in counts.rows if any(r.place in (n, f"{n}.1") for n in behind)]
    expected = sum(r.acs for r in rows) / x.shape[1]
    assert expected > 0, "silence proves nothing"
    assert float(value(net, x, price)) == expected


def test_the_gradient_of_a_spike_is_its_number_of_targets() -> None:
    net, _ = made("dense")
    spikes = torch.rand(12, 3, 8, dtype=torch.float64, requires_grad=True)
    SynOps(2.0)(net, {"lif1": {"spikes": spikes}}).backward()
    targets = (net.projections["linear2"].chain[0].weight != 0).sum(0)
    assert torch.allclose(spikes.grad, (2 * targets.double() / 3).expand(12, 3, 8))


def test_training_with_it_saves_operations() -> None:
    net, x = made("dense")
    data = (x.transpose(0, 1), torch.tensor([0, 1, 2]))
    before = rv.measure.operations(net, x)["linear2"].acs
    rv.train(net, data, epochs=5, progress=False, regularizers=[SynOps(0.1)])
    assert rv.measure.operations(net, x)["linear2"].acs < before


def test_free_operations_cost_nothing() -> None:
    net, x = made("dense")
    whole = float(value(net, x, SynOps(1.0)))
    assert float(value(net, x, SynOps(1.0, free=whole - 1))) == 1
    assert float(value(net, x, SynOps(1.0, free=whole + 1))) == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: SynOps(-1.0), "weight=-1.0"),
        (lambda: SynOps(1.0, free=-2), "free=-2"),
        (lambda: SynOps(1.0, free=float("inf")), "free=inf"),
        (lambda: SynOps(1.0, free=True), "free=True"),
        (lambda: SynOps(1.0, "lif1"), "must be a list"),
        (lambda: SynOps(1.0, ["leakyreadout1"]).watched(made("dense")[0]), "nothing to read of 'leakyreadout1'"),
        (lambda: SynOps(1.0).watched(rv.Sequential(rv.Linear(2, 2), rv.LIF(2), dt=1 * ms)), "finds no population"),
        (lambda: replace(SynOps(1.0), free="many"), "free='many'"),
    ],
)
def test_mistakes_are_named(wrong, says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        wrong()
