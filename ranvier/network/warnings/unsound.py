"""Numbers that no model has, in a state after a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from ranvier._warn import warn
from ranvier.network.checks import describe_non_finite, require_finite

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.state.state import State

__all__ = ["warn_of_unsound"]


def warn_of_unsound(graph: Graph, inputs: Mapping[str, Tensor], state: State) -> None:
    """Warn where a state is NaN, infinite or beyond any model.

    Raises
    ------
    ShapeError
        An input of the call was not finite itself.
    """
    trouble = describe_non_finite(graph, state)
    if trouble:
        for name in graph.inputs:  # a large input is only searched once something went wrong
            require_finite(name, inputs[name])
        warn(trouble)
