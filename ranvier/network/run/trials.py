"""A batch of trials without external input: as many samples, each with random numbers of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier._warn import warn
from ranvier.network.checks import check_batch
from ranvier.network.order import GraphError
from ranvier.network.shapes import unknown_shape
from ranvier.units.steps import whole_steps

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["trials"]


def trials(graph: Graph, duration: Any, batch: Any) -> tuple[dict[str, torch.Tensor], int, int]:
    """Inputs that are zero, the number of steps, and the batch.

    Raises
    ------
    GraphError
        Where no duration is given.
    """
    if duration is None:
        inputs = ", ".join(graph.inputs)
        what = f"an input [T, B, …] ({inputs}) or " if inputs else ""
        raise GraphError(f"a call needs {what}duration=, as in net.observe(duration=100*ms, batch=32, record=…).")
    steps, samples = whole_steps(duration, graph.dt, "duration", 1), check_batch(batch) or 1
    out = {}
    for name, shape in graph.inputs.items():
        if shape is None:
            raise unknown_shape(name)
        out[name] = torch.zeros(1, 1, *shape, device=graph.device, dtype=graph.dtype).expand(steps, samples, *shape)
    if out:
        warn(f"the input {', '.join(map(repr, out))} is zero in this call: give x, or leave duration= out.")
    return out, steps, samples
