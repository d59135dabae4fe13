"""Spiking operators stay within their bounds, whatever arrives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import ConversionError

Tensor = torch.Tensor
DOUBLE = torch.float64
ops = rv.conversion.operators
_LIMIT = 3.0
OPERATORS: dict[str, tuple[rv.conversion.operators.SpikingOperator, list[tuple[int, ...]], Callable[..., Tensor]]] = {
    "matmul": (ops.matmul((3, 5), (5, 2), (2.0, 0.5), DOUBLE), [(3, 5), (5, 2)], torch.matmul),
    "silu": (ops.silu((4, 6), _LIMIT, DOUBLE), [(4, 6)], torch.nn.functional.silu),
    "softmax": (ops.softmax((4, 6), _LIMIT, DOUBLE), [(4, 6)], lambda x: x.softmax(-1)),
}


def drawn(shape: tuple[int, ...], limit: float, seed: int, kind: str) -> Tensor:
    """Values within a limit: even ones, its ends alone, or few large ones."""
    x = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE) * 2 - 1
    return limit * {"even": x, "ends": torch.sign(x), "few": x**9}[kind]


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 40), kind=st.sampled_from(["even", "ends", "few"]))
def test_errors_are_below_the_bound(name: str, seed: int, steps: int, kind: str) -> None:
    operator, shapes, exact = OPERATORS[name]
    values = [
        drawn((3, *shape), limit, seed + k, kind)
        for k, (shape, limit) in enumerate(zip(shapes, operator.limits.values(), strict=True))
    ]
    error = (operator(*values, steps=steps) - exact(*values)).abs().max()
    assert float(error) <= operator.bound(steps) + 1e-9


@pytest.mark.parametrize("name", OPERATORS)
def test_bounds_fall_as_one_over_the_steps(name: str) -> None:
    operator, shapes, exact = OPERATORS[name]
    assert 7 <= operator.bound(8) / operator.bound(64) <= 9
    values = [drawn((7, *s), v, 3, "even") for s, v in zip(shapes, operator.limits.values(), strict=True)]
    few, many = (float((operator(*values, steps=n) - exact(*values)).abs().mean()) for n in (4, 128))
    assert many < few / 10


@pytest.mark.parametrize("name", OPERATORS)
def test_output_is_spikes_or_sums_of_spikes(name: str) -> None:
    operator, shapes, _ = OPERATORS[name]
    values = {n: drawn((20, 2, *s), v, 5, "even") for (n, v), s in zip(operator.limits.items(), shapes, strict=True)}
    out = operator.net(values)[0]
    assert torch.equal(out, out.round())
    assert name == "matmul" or float(out.abs().max()) == 1


def test_a_product_is_that_of_the_counts() -> None:
    operator = OPERATORS["matmul"][0]
    a, b = drawn((2, 3, 5), 2.0, 1, "even"), drawn((2, 5, 2), 0.5, 2, "even")
    x = {"a": a.expand(9, *a.shape), "b": b.expand(9, *b.shape)}
    seen = operator.net.observe(x, record={"code_a": ["sent"], "code_b": ["sent"], "product": ["y"]})
    left, right = (seen[n]["sent"].cumsum(0) for n in ("code_a", "code_b"))
    torch.testing.assert_close(seen["product"]["y"].cumsum(0), left @ right)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("batch", [1, 7])
def test_precisions_and_batches(dtype: torch.dtype, batch: int) -> None:
    x = torch.linspace(-3, 3, 7 * 10, dtype=dtype).reshape(7, 10)[:batch]
    out = ops.silu(10, _LIMIT, dtype)(x, steps=256)
    assert out.shape == x.shape
    assert out.dtype == dtype
    torch.testing.assert_close(out, torch.nn.functional.silu(x), atol=0.02, rtol=0)


def test_a_row_of_the_lowest_values_stays_within_the_bound_at_the_largest_limit() -> None:
    for dtype, limit in ((torch.float32, 43.0), (DOUBLE, 350.0)):
        operator, x = ops.softmax(8, limit, dtype), torch.full((1, 8), -limit, dtype=dtype)
        assert float((operator(x, steps=64) - 1 / 8).abs().max()) <= operator.bound(64)


A, B = torch.ones(1, 3, 5), torch.ones(1, 5, 2)
MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: ops.silu(0), r"size=\(0,\) must hold positive sizes"),
    (lambda: ops.silu("row"), "size='row' must be a list of sizes"),  # type: ignore[arg-type]
    (lambda: ops.silu(3, limit=0.0), r"limit=0.0 must be the largest size"),
    (lambda: ops.softmax((3, -1)), "must hold positive sizes"),
    (lambda: ops.softmax(3, limit=float("inf")), "limit=inf"),
    (lambda: ops.softmax(3, limit=50.0), r"limit=50 is above 44.*torch.float64"),
    (lambda: ops.silu(3)([[1.0, 2.0, 3.0]], steps=4), "x is a list: give a tensor"),  # type: ignore[arg-type]
    (lambda: ops.matmul((3, 5), (4, 2)), "has 5 columns, right=.* has 4 rows"),
    (lambda: ops.matmul((3,), (3, 2)), "must hold 2 positive sizes"),  # type: ignore[arg-type]
    (lambda: ops.matmul((3, 5), (5, 2), limits=1.0), "must be two numbers"),  # type: ignore[arg-type]
    (lambda: ops.matmul((3, 5), (5, 2))(A, steps=4), "takes a, b: 2 tensors, not 1"),
    (lambda: ops.matmul((3, 5), (5, 2))(A, 2 * B, steps=4), "b holds 2 in size, but spikes stand for values up to 1"),
    (lambda: ops.matmul((3, 5), (5, 2))(A, B, steps=0), "steps=0"),
    (lambda: ops.silu(3)(torch.full((1, 3), float("nan")), steps=3), "x holds nan"),
    (lambda: ops.silu(3).bound(1.5), "steps=1.5"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "words"), MISTAKES)
def test_mistakes_are_named(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        make()
