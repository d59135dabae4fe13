"""InfoNCE is its formula, learns to tell the own future from others, and says what is wrong."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms

DOUBLE = torch.float64


def outputs(steps: int = 6, batch: int = 4, size: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        n: torch.randn(steps, batch, size, generator=generator, dtype=DOUBLE, requires_grad=True)
        for n in ("prediction", "encoding")
    }


@pytest.mark.parametrize(("ahead", "every"), [(1, 1), (2, 1), (1, 3)])
def test_it_is_the_formula(ahead: int, every: int) -> None:
    out, loss = outputs(), rv.losses.Contrastive(ahead=ahead, every=every, temperature=0.7)
    p, z = (out[n].reshape(6 // every, every, 4, 3).mean(1) for n in ("prediction", "encoding"))
    total = []
    for t in range(len(p) - ahead):
        for b in range(4):
            scores = torch.stack([(p[t, b] * z[t + ahead, c]).sum() / 0.7 for c in range(4)])
            total.append(-torch.log_softmax(scores, 0)[b])
    torch.testing.assert_close(loss(out, None), torch.stack(total).mean())
    assert torch.autograd.gradcheck(
        lambda p, z: loss({"prediction": p, "encoding": z}, None), (out["prediction"], out["encoding"])
    )
    right = [bool(s.argmax() == b) for pair in loss.predict(out) for b, s in enumerate(pair)]
    tally = loss.metric("own").tally()
    tally.add(out, None, None, 4)
    assert tally.value() == pytest.approx(sum(right) / len(right))


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_it_learns_to_tell_its_own_future(provider: str) -> None:
    """Each sample repeats a pattern of its own; a spiking encoder learns codes that say which."""
    torch.manual_seed(0)
    net = rv.Network(dt=1 * ms, seed=0, provider=provider)
    net.input("x", 8)
    net.population("cells", 24, rv.LIF(tau=4 * ms, V_th=0.5))
    for name in ("prediction", "encoding"):
        net.population(name, 6, rv.LeakyReadout(tau=2 * ms), output=True)
    net.connect("x", "cells", rv.Linear(8, 24), same_step=True)
    for name in ("prediction", "encoding"):
        net.connect("cells", name, rv.Linear(24, 6), same_step=True)
    x = (torch.rand(32, 1, 8) < 0.5).float().expand(-1, 12, -1) * (torch.rand(32, 12, 8) < 0.8)
    loss = rv.losses.Contrastive(every=4, temperature=0.3)
    fit = rv.train(net, (x, None), (x, None), epochs=25, lr=1e-2, batch_size=16, loss=loss, progress=False)
    first, last = fit.history[0].valid, fit.history[-1].valid
    assert last.loss < first.loss
    assert last.metrics["own"] > max(0.4, first.metrics["own"])


def test_mistakes() -> None:
    loss = rv.losses.Contrastive()
    for how, words in (({"ahead": 0}, "ahead=0"), ({"every": 1.5}, "every=1.5"), ({"temperature": 0}, "temperature=0")):
        with pytest.raises(TrainingError, match=words):
            rv.losses.Contrastive(**how)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="'prediction' is missing"):
        loss(torch.zeros(3, 2, 4), None)
    with pytest.raises(ShapeError, match="more than 1 items, and at least two samples"):
        loss(outputs(steps=1), None)
    with pytest.raises(ShapeError, match="at least two samples"):
        loss(outputs(batch=1), None)
    with pytest.raises(ShapeError, match="6 steps are not a multiple of every=4"):
        rv.losses.Contrastive(every=4)(outputs(), None)
    with pytest.raises(TrainingError, match="all must have one length"):
        loss(outputs(), None, torch.tensor([6, 5, 4, 3]))
    with pytest.raises(TrainingError, match="scores 'own'"):
        loss.metric("accuracy")
