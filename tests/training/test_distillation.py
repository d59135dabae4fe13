"""The loss is its formula, trains towards the teacher, and scores as the loss inside."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms

DOUBLE = torch.float64
X = torch.rand(12, 24, 6, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
Y = torch.arange(24) % 3


def network(provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(0)
    parts = (rv.Linear(6, 16), rv.LIF(16, V_th=0.5), rv.Linear(16, 3), rv.LeakyReadout(3))
    return rv.Sequential(*parts, dt=1 * ms, dtype=DOUBLE, provider=provider)


def teacher(x: torch.Tensor) -> torch.Tensor:
    """Logits that no label says: of the inputs in pairs."""
    return 8 * x.mean(0).reshape(-1, 3, 2).sum(2)


@pytest.mark.parametrize("lengths", [None, torch.tensor([12, 5, 9] * 8)], ids=["whole", "padded"])
def test_it_is_the_formula(lengths: torch.Tensor | None) -> None:
    out = torch.randn(12, 24, 3, generator=torch.Generator().manual_seed(1), dtype=DOUBLE, requires_grad=True)
    inner = rv.losses.MeanMembrane()
    loss = rv.losses.Distillation(inner, teacher, temperature=3.0, share=0.25)
    target = loss.target_of(X, Y)
    more = () if lengths is None else (lengths,)
    ends = [12] * 24 if lengths is None else lengths.tolist()
    o = torch.stack([out[:n, b].mean(0) for b, n in enumerate(ends)])
    p, q = torch.softmax(o / 3, 1), torch.softmax(teacher(X) / 3, 1)
    wanted = 0.75 * inner(out, Y, *more) + 0.25 * 9 * (q * (q / p).log()).sum(1).mean()
    torch.testing.assert_close(loss(out, target, *more), wanted)
    assert torch.autograd.gradcheck(lambda o: loss(o, target, *more), (out,))
    assert torch.equal(loss.predict(out, *more), inner.predict(out, *more))


def test_a_teacher_of_each_step_is_averaged_over_the_steps_of_a_sample() -> None:
    """What it says after the end of a sample does not count."""
    out, lengths = torch.randn(12, 24, 3, dtype=DOUBLE), torch.tensor([12, 5, 9] * 8)
    taught = torch.randn(12, 24, 3, dtype=DOUBLE)
    own = torch.stack([taught[:n, b].mean(0) for b, n in enumerate(lengths.tolist())])
    for more, wanted in (((lengths,), own), ((), taught.mean(0))):
        each, whole = (rv.losses.Distillation(rv.losses.MeanMembrane(), lambda _, q=q: q) for q in (taught, wanted))
        found = each(out, each.target_of(X, Y), *more)
        torch.testing.assert_close(found, whole(out, whole.target_of(X, Y), *more))


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_it_trains_towards_the_teacher(provider: str) -> None:
    """The labels say nothing; the student comes to agree with the teacher, and accuracy is that of labels."""
    net = network(provider)
    data = X.transpose(0, 1), torch.zeros(24).long()
    loss = rv.losses.Distillation(rv.losses.MeanMembrane(), teacher, temperature=1.0, share=1.0)

    def agreement() -> float:
        return float((net(X)[0].mean(0).argmax(1) == teacher(X).argmax(1)).double().mean())

    fit = rv.train(net, data, data, epochs=30, lr=3e-2, loss=loss, restore_best=False, progress=False)
    assert agreement() > 0.6  # chance is a third
    assert fit.history[-1].valid.metrics["accuracy"] == pytest.approx(
        float((net(X)[0].mean(0).argmax(1) == 0).double().mean())
    )
    student, master = network(provider), net.eval().output_only()
    again = rv.losses.Distillation(rv.losses.MeanMembrane(), master, share=1.0)
    first = float(again(student(X)[0].detach(), again.target_of(X, Y)))
    rv.train(student, data, epochs=3, lr=1e-2, loss=again, rule=rv.rules.BPTT(window=6), progress=False)
    assert float(again(student(X)[0].detach(), again.target_of(X, Y))) < first


def test_mistakes() -> None:
    inner = rv.losses.MeanMembrane()
    for how, words in (
        ({"teacher": 3}, "teacher=3 is not a function"), ({"teacher": teacher, "temperature": 0}, "temperature=0"),
        ({"teacher": teacher, "share": 2}, "share=2"),
    ):  # fmt: skip
        with pytest.raises(TrainingError, match=words):
            rv.losses.Distillation(inner, **how)
    with pytest.raises(TrainingError, match=r"is not one of rv\.losses"):
        rv.losses.Distillation(3, teacher)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match=r"gives a tuple.*output_only\(\)"):
        rv.losses.Distillation(inner, network()).target_of(X, Y)
    loss = rv.losses.Distillation(inner, lambda x: x.mean(0))
    with pytest.raises(ShapeError, match=r"logits \(24, 6\) for an output \(24, 3\)"):
        loss(network()(X)[0], loss.target_of(X, Y))
