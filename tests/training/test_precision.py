"""Mixed precision of a training: names, the scale of the loss, and resumed trainings."""

from __future__ import annotations

import pytest
import torch

import ranvier as rv
from ranvier.errors import TrainingError
from ranvier.training.mixed import Mixed
from ranvier.units import ms

Tensor = torch.Tensor


def net(**how: object) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(rv.Linear(8, 16), rv.LIF(16), rv.Linear(16, 2), rv.LeakyReadout(2), dt=1 * ms, **how)


def data(count: int = 24) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    y = torch.arange(count) % 2
    x = torch.rand(count, 12, 8, generator=draw) < 0.2 + 0.4 * (torch.arange(8) // 4 == y[:, None]).float()[:, None]
    return x.float(), y


def trained(**how: object) -> tuple[rv.Sequential, object]:
    made = net()
    fit = rv.train(made, data(), data(12), **{"epochs": 4, "batch_size": 8, "lr": 1e-2, "progress": False, **how})
    return made, fit


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("rule", [rv.rules.BPTT(), rv.rules.BPTT(checkpoint=5), rv.rules.SLTT(window=4)], ids=str)
def test_training_in_mixed_precision(precision: str, rule: rv.rules.Rule) -> None:
    plain, _ = trained(rule=rule, loss=rv.losses.EveryStep())
    made, fit = trained(rule=rule, loss=rv.losses.EveryStep(), precision=precision)
    assert {q.dtype for q in made.parameters()} == {torch.float32}
    assert fit.history[-1].train.loss < fit.history[0].train.loss
    assert any("in bfloat16" in c["why"] or "in float16" in c["why"] for c in fit.plan["choices"])
    for a, b in zip(made.parameters(), plain.parameters(), strict=True):
        assert not torch.equal(a, b)
        assert torch.allclose(a, b, atol=0.1)


def test_the_same_as_an_ordinary_loop_under_autocast() -> None:
    """One epoch of one batch: what autocast, a loss and Adam make of it."""
    x, y = data(8)
    made = net()
    rv.train(
        made,
        (x, y),
        epochs=1,
        batch_size=8,
        lr=1e-2,
        progress=False,
        precision="bf16-mixed",
        loss=rv.losses.EveryStep(),
    )
    other = net()
    optimiser = torch.optim.Adam(other.parameters(), lr=1e-2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = rv.losses.EveryStep()(other(x.transpose(0, 1))[0], y)
    loss.backward()
    optimiser.step()
    for a, b in zip(made.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_a_resumed_training_has_the_same_bits(precision: str, tmp_path) -> None:
    whole, right = trained(precision=precision, epochs=4, checkpoint=tmp_path / "whole")
    trained(precision=precision, epochs=2, checkpoint=tmp_path / "parts")
    made, fit = trained(precision=precision, epochs=4, checkpoint=tmp_path / "parts")
    assert [e.train.loss for e in fit.history] == [e.train.loss for e in right.history]
    for a, b in zip(made.parameters(), whole.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(TrainingError, match="precision"):
        trained(epochs=5, checkpoint=tmp_path / "parts")


def test_the_scale_of_a_loss_in_float16() -> None:
    mixed = Mixed(torch.float16, 2.0**16)
    assert not mixed.takes(float("inf"))
    assert mixed.scale == 2.0**15
    assert all(mixed.takes(1.0) for _ in range(2000))
    assert (mixed.scale, mixed.clean) == (2.0**16, 0)
    bfloat = Mixed(torch.bfloat16)
    assert bfloat.takes(float("inf"))  # the update says where the gradient is not finite
    assert bfloat.scale == 1.0
    least = Mixed(torch.float16, 2.0**-14)
    assert least.takes(float("nan"))


def test_small_gradients_survive_float16_by_the_scale() -> None:
    """A loss of 1e-6 of the usual one: without a scale its gradients become 0 in float16."""
    small = lambda out, y: rv.losses.EveryStep()(out, y) * 1e-6  # noqa: E731
    x, y = data(8)
    x = x.transpose(0, 1)

    def gradient(half: torch.dtype | None, scale: float) -> list[Tensor]:
        made = net()
        with torch.autocast("cpu", dtype=half or torch.bfloat16, enabled=half is not None):
            loss = small(made(x)[0], y) * scale
        loss.backward()
        return [q.grad / scale for q in made.parameters()]

    right, scaled, bare = gradient(None, 1.0), gradient(torch.float16, 2.0**16), gradient(torch.float16, 1.0)
    size = float(right[0].norm())
    assert float((scaled[0] - right[0]).norm()) < 0.1 * size
    assert float((bare[0] - right[0]).norm()) > 0.5 * size
    made = net()
    rv.train(
        made,
        (data(8)),
        epochs=1,
        batch_size=8,
        progress=False,
        optimizer="sgd",
        lr=1e5,
        loss=small,
        precision="16-mixed",
        scale=None,
    )
    moved = net()["linear1"].weight - made["linear1"].weight
    assert torch.allclose(moved.detach(), 1e5 * right[0], rtol=0.3, atol=0.1 * float((1e5 * right[0]).abs().max()))


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"precision": "bf16"}, "precision='bf16' is unknown: write precision='bf16-mixed'"),
        ({"precision": "fp16"}, "write precision='16-mixed'"),
        ({"precision": 16}, "precision=16 is unknown: write precision='16-mixed'"),
        ({"precision": torch.bfloat16}, "write precision='bf16-mixed'"),
        ({"precision": "bf16-true"}, r"write net\.bfloat16\(\) before training"),
        ({"precision": "16-true"}, "write precision='16-mixed'"),
        ({"precision": "fp32"}, "write precision='32-true'"),
        ({"precision": "mixed"}, "use '32-true', 'bf16-mixed', '16-mixed' or None"),
        ({"precision": ["bf16-mixed"]}, "is unknown"),
        (
            {"precision": "bf16-mixed", "rule": rv.rules.RTRL()},
            r"RTRL computes its gradient from float32.*rv\.rules\.BPTT\(\)",
        ),
    ],
)
def test_what_cannot_be_asked_for(how: dict, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        trained(**how)


def test_a_network_of_another_dtype() -> None:
    with pytest.raises(TrainingError, match=r"call net\.float\(\), or leave precision out"):
        rv.train(net().double(), data(), epochs=1, precision="bf16-mixed", progress=False)
    for how in ({}, {"precision": "16-mixed"}, {"optimizer": "sgd"}):  # Adam's steps were thousands of times too long
        with pytest.raises(TrainingError, match=r"float16 weights.*net\.float\(\) and pass precision='16-mixed'"):
            rv.train(net().half(), data(), epochs=1, progress=False, **how)
    made = net().bfloat16()
    fit = rv.train(made, data(), data(12), epochs=2, progress=False, lr=1e-2)
    assert fit.history[1].train.loss < fit.history[0].train.loss
    assert made["linear1"].weight.dtype == torch.bfloat16


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", [
    rv.losses.SpikeCount(), rv.losses.TimeToFirstSpike(dt=0.1 * ms), rv.losses.VanRossum(5 * ms), rv.losses.EveryStep(),
    rv.losses.Regression(), rv.losses.PopulationVector([0.0, 1.0, 2.0]), rv.losses.OverTime(torch.nn.MSELoss(), at="every"),
], ids=lambda loss: type(loss).__name__)  # fmt: skip
def test_losses_read_outputs_in_half_precision_in_float32(loss: rv.losses.Loss, half: torch.dtype) -> None:
    """Spikes are whole numbers, but 603 steps, a mean over them and a real target are none of 8 or 11 bits."""
    draw = torch.Generator().manual_seed(0)
    out, lengths = torch.zeros(603, 2, 3), torch.tensor([603, 602])
    out[torch.randint(301, 601, (40, 2, 3), generator=draw), torch.arange(2)[:, None], torch.arange(3)] = 1.0
    targets = {
        "classes": torch.tensor([0, 2]),
        "values": torch.rand(2, 3, generator=draw),
        "any": out.transpose(0, 1).roll(5, 1),
    }
    y = torch.rand(2, generator=draw) if isinstance(loss, rv.losses.PopulationVector) else targets[loss.targets]

    def gradient(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        x = out.to(dtype).requires_grad_()
        found = loss(x, y, lengths)
        return found, torch.autograd.grad(found, x)[0]

    (found, slope), (wanted, expected) = gradient(half), gradient(torch.float32)
    assert found.equal(wanted)
    assert slope.equal(expected.to(half))
