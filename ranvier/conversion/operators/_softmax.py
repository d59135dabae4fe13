"""Softmax of values that spikes represent."""

from __future__ import annotations

import math

import torch
from torch import nn

from ranvier.conversion.operators._operator import (
    SpikingOperator,
    check_limit,
    coded,
    coded_input,
    new_network,
    shape_of,
)
from ranvier.errors import ConversionError
from ranvier.neurons import Cell

__all__ = ["softmax"]


class _Total(nn.Module):
    """The sum over the last axis, at each of its places."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(-1, keepdim=True).expand_as(x)


def softmax(size: int | tuple[int, ...], limit: float = 4.0, dtype: torch.dtype = torch.float32) -> SpikingOperator:
    """p = exp(x)/sum of exp(x) over the last axis, by cells that follow the mean of the spikes so far and send p as spikes.

    One population holds exp(mean - limit), a second one divides by the sum of its row. abs(error) <= limit/(4*T) + (1 + limit)/(2*T)
    after T steps: the sizes in a row of the derivative of softmax add up to at most 1/2, and n*p changes by at most 1 + limit from step to step.

    Parameters
    ----------
    size
        Shape of one sample; p sums to 1 over the last axis.
    limit
        The largest absolute value of x: up to 43 in float32, where exp(-2*limit) is still above 0.
    dtype
        dtype of the cells.

    Raises
    ------
    ConversionError
        For a size or limit out of range.

    Source: Tang & Zhu, arXiv:2410.14687 (BrainTransformers), for the operator; the bound is derived here.

    >>> f = rv.conversion.operators.softmax((8, 8))
    >>> f(torch.rand(1, 8, 8), steps=64).shape
    torch.Size([1, 8, 8])
    """
    shape, limit = shape_of("size", size), check_limit("limit", limit)
    most = -math.log(torch.finfo(dtype).tiny) / 2
    if limit > most:
        raise ConversionError(
            f"softmax: limit={limit:g} is above {most:.0f}, and exp(-2*limit) rounds to 0 in {dtype}: give a smaller limit, or dtype=torch.float64."
        )
    unit = 1 + limit
    exponential = Cell(
        "steps' = steps + 1 : 1\ntotal' = total + x : 1\nsize = exp(limit*(total/steps - 1)) : 1\nx : 1 (input)",
        emit="size", name="exponential", limit=limit,
    )  # fmt: skip
    net = new_network(dtype)
    code = coded_input(net, "x", shape, limit)
    net.population("exponential", shape, exponential)
    net.population("softmax", shape, coded("own/all", "own : 1 (input)\nall : 1 (input)", unit), output=True)
    net.connect(code, "exponential", [], same_step=True)
    net.connect("exponential", "softmax", [], to="own", same_step=True)
    net.connect("exponential", "softmax", _Total(), to="all", same_step=True)
    return SpikingOperator(
        net, {"x": limit}, lambda steps: unit, lambda steps: limit / (4 * steps) + unit / (2 * steps)
    )
