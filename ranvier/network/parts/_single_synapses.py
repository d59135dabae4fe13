"""Single synapses between two parts of a network, from a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ranvier.connectivity import Connectivity, Ends, SynapseRequest
from ranvier.connectivity.transform import Transform
from ranvier.errors import ShapeError
from ranvier.network.processes.share import share_for
from ranvier.units import UNITS, Dimension

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["single_synapses"]

_NONE = UNITS["1"].dimension


def single_synapses(
    graph: Graph, name: str, pre: str, post: str, port: str, rule: Connectivity, lag: int,
    unit: Dimension | None = None, **how: Any,
) -> Transform:  # fmt: skip
    """The synapses of the projection ``name``, with weights in ``unit`` or what the port asks for.

    ``how`` are the further fields of a ``SynapseRequest``.
    """
    sizes, positions = [], []
    for part in (pre, post):
        shape = graph.shape_of(part)
        if shape is None or len(shape) != 1:
            raise ShapeError(
                f"{name}: connectivity rules need populations with one axis of cells, but {part!r} has shape {shape}: give it a number of cells, or "
                f"connect with rv.Linear, rv.Conv2d or another transform."
            )
        sizes.append(shape[0])
        positions.append(graph.populations[part].positions if part in graph.populations else None)
    wanted = graph.populations[post].cell.system.dimensions[port] if post in graph.populations else _NONE
    carried = graph.sources[pre].dimension if pre in graph.sources else _NONE
    dimension = wanted / carried if unit is None else unit
    share = share_for(graph, post, (rule, how)) if rule.divides or how.get("each") else None
    request = SynapseRequest(
        name, graph.seed, dimension=dimension, dt=graph.dt, lag=lag, dtype=graph.dtype, share=share, **how
    )
    ends = Ends((sizes[0], sizes[1]), pre == post, (positions[0], positions[1]))
    return rule.join(ends, request)
