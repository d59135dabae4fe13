"""A recorded or computed signal as a stimulus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.errors import DimensionError, ShapeError
from ranvier.network.stimuli._numbers import NEVER, numbers_in, positive_time
from ranvier.network.stimuli._source import Source
from ranvier.units import as_quantity
from ranvier.units.steps import steps_in

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["TimedArray"]


class TimedArray(Source):
    """A recorded or computed signal: row n of ``values`` acts during step n.

    Parameters
    ----------
    values
        [T, …] numbers or a quantity. The last row goes on for ever. A tensor that asks for a gradient gets one.
    dt
        How long each row lasts, a multiple of the network's dt; one step where None.

    >>> current = net.source("current", rv.TimedArray(np.sin(np.arange(1000)[:, None] / 50) * nA))
    >>> names = net.connect("current", "cells", rv.AllToAll(), to="I")
    """

    lag = 0

    def __init__(self, values: Any, *, dt: Any = None) -> None:
        quantity = as_quantity(values)
        array = numbers_in(quantity.value)
        learnt = isinstance(quantity.value, torch.Tensor) and quantity.value.requires_grad
        if array.ndim < 2 or 0 in array.shape:
            raise ShapeError(
                f"TimedArray: values have shape {array.shape}; expected [T, N], both at least 1 (a single signal is values[:, None])."
            )
        if not np.isfinite(array).all():
            where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
            raise ShapeError(f"TimedArray: values hold {array[where]} at [time, …] = {where}; give finite numbers.")
        self.values = quantity.value if learnt else torch.from_numpy(array)
        self.dimension, self.shape = quantity.dimension, array.shape[1:]
        self.dt = None if dt is None else positive_time(dt, "TimedArray: dt")

    def block(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        return self.values[self._rows(first, count, graph)].unsqueeze(1).to(graph.device, graph.dtype)

    def numbers(self, first: int, count: int, graph: Graph) -> np.ndarray:
        return self.values.detach()[self._rows(first, count, graph)].cpu().double().numpy()

    def _rows(self, first: int, count: int, graph: Graph) -> torch.Tensor:
        """The row of each step."""
        each = 1 if self.dt is None else float(steps_in(self.dt, graph.dt))
        if each < 1 or each != round(each):
            raise DimensionError(
                f"TimedArray: dt={self.dt:g} ms is not a multiple of the network's dt={graph.dt:g} ms; resample the values."
            )
        return (
            torch.arange(first, first + count)
            .div(min(round(each), NEVER), rounding_mode="floor")
            .clamp(max=len(self.values) - 1)
        )

    def __repr__(self) -> str:
        return f"TimedArray({list(self.values.shape)})"
