"""The product of two matrices that spikes represent."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.conversion.operators._operator import SpikingOperator, check_limit, coded_input, new_network, shape_of
from ranvier.errors import ConversionError
from ranvier.neurons import Cell

__all__ = ["matmul"]


class _Rows(nn.Module):
    """[…, I, K] -> […, I, J, K]."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns = columns

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unsqueeze(-2).expand(*x.shape[:-1], self.columns, x.shape[-1])


class _Columns(nn.Module):
    """[…, K, J] -> […, I, J, K]."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        turned = x.transpose(-1, -2).unsqueeze(-3)
        return turned.expand(*x.shape[:-2], self.rows, x.shape[-1], x.shape[-2])


class _Inner(nn.Module):
    """[…, I, J, K] -> […, I, J], the sum."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(-1)


def matmul(
    left: tuple[int, int], right: tuple[int, int], limits: tuple[float, float] = (1.0, 1.0), dtype: torch.dtype = torch.float32
) -> SpikingOperator:  # fmt: skip
    """y = a b of matrices a [B, I, K] and b [B, K, J], with additions only.

    A synapse of a pair (a[i, k], b[k, j]) counts the spikes of both. A spike of a adds the count of b, and a spike of b adds that of a: the sum
    over T steps is the product of both counts, and each product has a factor of -1, 0 or 1. With the limits A and B and e = A/(2*T), f = B/(2*T):
    abs(error) <= K*(A*f + B*e + e*f) after T steps.

    Parameters
    ----------
    left, right
        (I, K) and (K, J).
    limits
        The largest absolute values in a and b.
    dtype
        dtype of the cells. float32 counts exactly while T*T*K is below 16 million.

    Raises
    ------
    ConversionError
        Where the sizes do not fit, or a limit is out of range.

    Source: Tang & Zhu, arXiv:2410.14687 (BrainTransformers), for the operator; the bound is derived here.

    >>> f = rv.conversion.operators.matmul((8, 4), (4, 8), limits=(2.0, 1.0))
    >>> f(torch.rand(1, 8, 4), torch.rand(1, 4, 8), steps=64).shape
    torch.Size([1, 8, 8])
    """
    (rows, inner), (other, columns) = shape_of("left", left, 2), shape_of("right", right, 2)
    if inner != other:
        raise ConversionError(
            f"matmul: left={left!r} has {inner} columns, right={right!r} has {other} rows: both must be equal."
        )
    if not isinstance(limits, list | tuple) or len(limits) != 2:
        raise ConversionError(f"limits={limits!r} must be two numbers, the largest sizes in both matrices.")
    a, b = (check_limit("limits", limit) for limit in limits)
    synapses = Cell(
        "left' = left + a : 1\nright' = right + b : 1\nadded' = a*(right + b) + left*b : 1\na : 1 (input)\nb : 1 (input)",
        emit="added", name="synapses",
    )  # fmt: skip
    net = new_network(dtype)
    code_a = coded_input(net, "a", (rows, inner), a, "code_a")
    code_b = coded_input(net, "b", (inner, columns), b, "code_b")
    net.population("synapses", (rows, columns, inner), synapses)
    net.population("product", (rows, columns), Cell("y = x : 1\nx : 1 (input)", emit="y", name="product"), output=True)
    net.connect(code_a, "synapses", _Rows(columns), to="a", same_step=True)
    net.connect(code_b, "synapses", _Columns(rows), to="b", same_step=True)
    net.connect("synapses", "product", _Inner(), same_step=True)

    def error(steps: int) -> float:
        e, f = a / (2 * steps), b / (2 * steps)
        return inner * (a * f + b * e + e * f)

    return SpikingOperator(net, {"a": a, "b": b}, lambda steps: a * b / steps, error)
