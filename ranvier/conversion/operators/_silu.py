"""SiLU of values that spikes represent."""

from __future__ import annotations

import torch

from ranvier.conversion.operators._operator import (
    SpikingOperator,
    check_limit,
    coded,
    coded_input,
    new_network,
    shape_of,
)

__all__ = ["silu"]

#: above the largest slope of SiLU, 1.0999
_SLOPE = 1.1
#: above the largest size of f - x*f' = -x**2*s*(1 - s), 0.4392
_REST = 0.44


def silu(size: int | tuple[int, ...], limit: float = 4.0, dtype: torch.dtype = torch.float32) -> SpikingOperator:
    """y = x*sigmoid(x) by cells that evaluate it at the mean of the spikes so far and send the result as spikes.

    abs(error) <= 1.1*limit/(2*T) + (1.1*limit + 0.44)/(2*T) after T steps: the rounding of the input, times the slope of SiLU (below 1.1),
    and the rounding of the output. n*f(s/n) changes by at most 1.1*limit + 0.44 from step to step, so one spike a step is enough.

    Parameters
    ----------
    size
        Shape of one sample.
    limit
        The largest absolute value of x.
    dtype
        dtype of the cells.

    Raises
    ------
    ConversionError
        For a size or limit out of range.

    Source: Tang & Zhu, arXiv:2410.14687 (BrainTransformers), for the operator; the bound is derived here.

    >>> f = rv.conversion.operators.silu(10)
    >>> f(torch.linspace(-4, 4, 10).unsqueeze(0), steps=64).shape
    torch.Size([1, 10])
    """
    shape, limit = shape_of("size", size), check_limit("limit", limit)
    unit = _SLOPE * limit + _REST
    mean = "(limit*total/steps)"
    cell = coded(f"{mean}*sigmoid({mean})", "total' = total + x : 1\nx : 1 (input)", unit, limit=limit)
    net = new_network(dtype)
    code = coded_input(net, "x", shape, limit)
    net.population("silu", shape, cell, output=True)
    net.connect(code, "silu", [], same_step=True)
    return SpikingOperator(net, {"x": limit}, lambda steps: unit, lambda steps: (_SLOPE * limit + unit) / (2 * steps))
