"""Activations as whole numbers of spikes, as trains, and in front of a matrix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import ms

X = torch.randn(40, 3, 16, generator=torch.Generator().manual_seed(0))
CODES: Any = ("binary", "ternary", "bitwise")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [0.5, 1.0, 4.0, 50.0])
def test_the_error_is_at_most_half_a_threshold(k: float, dtype: torch.dtype) -> None:
    x = X.to(dtype)
    counts, threshold = rv.encoding.adaptive_counts(x, k)
    assert torch.equal(counts, counts.round())
    torch.testing.assert_close(threshold[..., 0], x.abs().mean(-1) / k)
    assert bool(((x - counts * threshold).abs() <= threshold * (0.5 + 1e-5)).all())
    scaled, _ = rv.encoding.adaptive_counts(8 * x, k)  # the threshold follows
    assert torch.equal(scaled, counts)
    assert not rv.encoding.adaptive_counts(torch.zeros(3))[0].any()


@pytest.mark.parametrize("code", CODES)
def test_trains_hold_the_numbers(code: Any) -> None:
    counts, _ = rv.encoding.adaptive_counts(X, 3.0)
    trains = rv.encoding.trains_of_counts(counts, code)
    assert set(trains.unique().tolist()) <= ({0.0, 1.0} if code == "binary" else {-1.0, 0.0, 1.0})
    assert torch.equal(rv.encoding.counts_of_trains(trains, code), counts)
    longer = rv.encoding.trains_of_counts(counts, code, steps=len(trains) + 2)
    assert torch.equal(rv.encoding.counts_of_trains(longer, code), counts)
    most = int(counts.abs().max())
    assert len(trains) == (most.bit_length() if code == "bitwise" else most)
    assert rv.encoding.trains_of_counts(torch.zeros(4), code).shape[0] == 1


def test_a_matrix_adds_weights_for_spikes(tmp_path: Path) -> None:
    """What the network computes is the sum of weights over all trains, times the threshold."""
    matrix = rv.Linear(16, 5, bias=False)
    net = rv.Sequential(rv.SpikeCoding(2.0), matrix, rv.Relay(), dt=1 * ms)
    counts, threshold = rv.encoding.adaptive_counts(X, 2.0)
    trains = rv.encoding.trains_of_counts(counts, "ternary")
    torch.testing.assert_close(net(X)[0], (trains @ matrix.weight.T).sum(0) * threshold, rtol=1e-4, atol=1e-5)
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(X)[0], net(X)[0])
    step, _ = net.step(X[0])
    torch.testing.assert_close(step, net(X)[0][0])


def test_without_k_all_passes_and_the_gradient_always_does() -> None:
    module = rv.SpikeCoding()
    assert module(X) is X
    module.k = 1.0
    x = X.clone().requires_grad_()
    (module(x) * 3).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.full_like(x, 3.0))
    assert torch.equal(module(torch.zeros(2, 4)), torch.zeros(2, 4))


@pytest.mark.parametrize("code", ["binary", "ternary", "bitwise"])
def test_integers_are_counted_as_well(code: Any) -> None:
    counts = torch.tensor([5, -3, 0])
    assert torch.equal(rv.encoding.counts_of_trains(rv.encoding.trains_of_counts(counts, code), code), counts)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: rv.encoding.adaptive_counts(X, 0), RanvierError, "k=0"),
        (lambda: rv.encoding.adaptive_counts(X, -1.0), RanvierError, "k=-1.0"),
        (lambda: rv.encoding.adaptive_counts(X, True), RanvierError, "k=True"),
        (lambda: rv.encoding.adaptive_counts(torch.tensor(1.0)), ShapeError, "single number"),
        (lambda: rv.encoding.adaptive_counts(torch.tensor([float("nan")])), RanvierError, "NaN"),
        (lambda: rv.encoding.trains_of_counts(torch.ones(2), "unary"), RanvierError, "'unary' is unknown"),
        (lambda: rv.encoding.trains_of_counts(torch.full((2,), 0.5)), RanvierError, "not whole"),
        (lambda: rv.encoding.trains_of_counts(torch.tensor([float("inf")])), RanvierError, "not whole"),
        (lambda: rv.encoding.trains_of_counts([3, -1]), RanvierError, "are a list: give a tensor"),  # type: ignore[arg-type]
        (lambda: rv.encoding.trains_of_counts(torch.full((2,), 5.0), steps=4), RanvierError, "at least 5"),
        (lambda: rv.encoding.trains_of_counts(torch.full((2,), 5.0), "bitwise", steps=2), RanvierError, "at least 3"),
        (lambda: rv.encoding.trains_of_counts(torch.ones(2), steps=0), RanvierError, "steps=0"),
        (lambda: rv.encoding.counts_of_trains(torch.ones(3, 5), "binary"), ShapeError, "two channels"),
        (lambda: rv.encoding.counts_of_trains(torch.ones(3, 5), "unary"), RanvierError, "'unary' is unknown"),
        (lambda: rv.SpikeCoding(0), RanvierError, "k=0"),
        (lambda: rv.SpikeCoding("2"), RanvierError, "k='2'"),
    ],
)
def test_mistakes_are_named(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
