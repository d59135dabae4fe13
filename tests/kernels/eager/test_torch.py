"""Expressions written for torch."""

from __future__ import annotations

import pytest
import sympy as sp
import torch

from ranvier.kernels.eager._torch import compile_function, source


@pytest.mark.parametrize("n", [3, 2**53 - 1, 2**53, 2**63, -(2**64), 10**30, -(10**300)])
def test_whole_numbers_of_any_size(n: int) -> None:
    """Torch takes no whole number beyond 63 bits."""
    x = sp.Symbol("x")
    e = sp.Add(sp.Mul(sp.Integer(n), x, evaluate=False), sp.Integer(n), evaluate=False)
    function = compile_function("f", ["def f(x, _like):", f"    return {source(e)}"])
    value = torch.tensor([0.5, -2.0], dtype=torch.float64)
    torch.testing.assert_close(function(value, value), float(n) * value + float(n), rtol=1e-15, atol=0)
