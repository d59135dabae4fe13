"""Alignment of two domains by its formula, and samples that change over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError

_RANDOM = torch.Generator().manual_seed(0)
A = torch.rand(4, 6, 3, 2, generator=_RANDOM, dtype=torch.float64)
B = torch.rand(4, 6, 5, generator=_RANDOM, dtype=torch.float64)


def hsic(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The trace of K H L H, where H takes away the mean over samples."""
    h = torch.eye(6, dtype=torch.float64) - 1 / 6
    return torch.trace(a @ a.T @ h @ b @ b.T @ h)


def test_alignment_of_kernels_is_its_definition() -> None:
    found = rv.training.linear_cka(A, B)
    for t in range(4):
        a, b = A[t].flatten(1), B[t]
        torch.testing.assert_close(found[t], hsic(a, b) / (hsic(a, a) * hsic(b, b)).sqrt())
    turn = torch.linalg.qr(torch.rand(5, 5, generator=_RANDOM, dtype=torch.float64))[0]
    torch.testing.assert_close(rv.training.linear_cka(B, 3 * B @ turn + 1), torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize("size", [1e-30, 1e-6, 1e5, 1e30])
def test_alignment_does_not_depend_on_the_size_of_features(size: float) -> None:
    """Fourth powers of small or large features leave the range of float32."""
    found = rv.training.linear_cka((size * A).float(), (size * B).float())
    torch.testing.assert_close(found, rv.training.linear_cka(A, B).float())


def test_silent_features_agree_with_nothing_and_have_no_gradient() -> None:
    silent = torch.zeros(4, 6, 5, requires_grad=True)
    found = rv.training.linear_cka(silent, B.float())
    found.sum().backward()
    assert found.tolist() == [0.0] * 4
    assert torch.equal(silent.grad, torch.zeros_like(silent))


def test_the_balance_of_each_step_and_its_gradient() -> None:
    align, loss = rv.training.Alignment(4).double(), torch.rand(4, generator=_RANDOM, dtype=torch.float64)
    with torch.no_grad():
        align.coefficient.copy_(torch.tensor([-2.0, 0.0, 1.0, 9.0]))
    c = align.coefficient.sigmoid()
    expected = ((1 - c) * loss + c * (1 - rv.training.linear_cka(A, B))).mean()
    torch.testing.assert_close(align(A, B, loss), expected)
    torch.testing.assert_close(rv.training.Alignment(4)(A, A, loss), 0.5 * loss.mean())
    inputs = tuple(t.clone().requires_grad_() for t in (A, B, loss))
    assert torch.autograd.gradcheck(align, inputs)
    assert [n for n, _ in align.named_parameters()] == ["coefficient"]


def test_samples_change_over_with_a_probability() -> None:
    x, by = torch.zeros(3, 1000, 2), torch.ones(3, 1000, 2)
    torch.manual_seed(0)
    made = rv.training.replaced(x, by, 0.3)
    assert torch.equal(made, made[:1, :, :1].expand_as(made))  # whole samples
    assert made[0, :, 0].mean().item() == pytest.approx(0.3, abs=0.05)
    assert torch.equal(rv.training.replaced(x, by, 0.0), x)
    assert torch.equal(rv.training.replaced(x, by, 1.0), by)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: rv.training.linear_cka(A[0, 0], B[0, 0]), r"give both as \[T, B, …\]"),
        (lambda: rv.training.linear_cka(A[:, :1], B[:, :1]), "at least two pairs"),
        (lambda: rv.training.linear_cka(A[:2], B), "of as many steps"),
        (lambda: rv.training.Alignment(0), "steps=0 must be a positive whole number"),
        (lambda: rv.training.Alignment(3)(A, B, torch.rand(4)), r"Alignment\(steps=3\) got 4 steps"),
        (lambda: rv.training.replaced(A, B, 0.5), "two batches .* of one shape"),
        (lambda: rv.training.replaced(A, A, 1.5), "share=1.5 is a probability"),
    ],
)
def test_mistakes(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        ask()
