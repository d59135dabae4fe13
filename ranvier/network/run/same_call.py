"""Calls of one shape after each other: the second is set up once, those that follow are served by what it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ranvier.network.plan.density import dense_among
from ranvier.network.run.bound_calls import BoundCalls, bind_calls
from ranvier.network.run.bound_chain import BoundChain, bind_chain
from ranvier.network.run.bound_run import BoundRun, bind_run
from ranvier.network.run.kept import Kept, place_for
from ranvier.network.run.modes import refuse_modes
from ranvier.network.run.starts import Starts
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.network.plan.plan import Plan
    from ranvier.network.run.execute import Execution

__all__ = ["bind_same", "same_call"]

Tensor = torch.Tensor
#: kinds of calls that are kept set up
_MOST = 8


def same_call(
    graph: Graph, x: Any, state: State | None, record: Mapping[str, Sequence[str]], reset: Any, stream: int | None
) -> Execution | None:
    """A call like an earlier one, by what was set up for it; None where it must be run the long way."""
    known: dict[Any, Kept[BoundCalls | BoundChain | BoundRun]] = graph.memo.calls
    if (
        not known
        or graph.precision is not None
        or not isinstance(x, Tensor)
        or not (state is None or state.__class__ is State)
    ):
        return None
    kept = known.get(_key(graph, x, record, reset))
    bound = None if kept is None else kept.bound
    if kept is None or bound is None or graph.memo.swaps(*x.shape[:2]):
        return None
    if not bound.holds():
        kept.drop()
        return None
    refuse_modes()
    found = bound.run(x, state, stream)
    if found is not None:
        kept.served += 1
        graph.memo.shape = tuple(x.shape[:2])  # pyright: ignore[reportAttributeAccessIssue]  (two numbers)
    elif not bound.holds():
        kept.drop()
    return found


def bind_same(
    graph: Graph, plan: Plan, inputs: Mapping[str, Tensor], record: Mapping[str, tuple[str, ...]], reset: Any
) -> None:  # fmt: skip
    """Set up for calls like this one, from the second one on."""
    if len(graph.inputs) != 1 or graph.sources:
        return
    (x,) = inputs.values()

    def make(plan: Plan) -> BoundCalls | BoundChain | BoundRun | None:
        starts = Starts(graph, x.shape[1], inputs)
        calls = bind_calls(graph, plan, inputs, starts, record)
        return calls or bind_chain(graph, plan, starts, record, len(x)) or bind_run(graph, plan, starts, record)

    place_for(graph.memo.calls, _key(graph, x, record, reset), _MOST, wait=1).bind(lambda: plan, make)


def _key(graph: Graph, x: Tensor, record: Mapping[str, Sequence[str]], reset: Any) -> tuple[Any, ...]:
    wanted = tuple((n, tuple(v)) for n, v in record.items())
    grad, dense = torch.is_grad_enabled(), bool(dense_among({"": x}))
    where = graph.dtype, graph.provider, graph.bounds, graph.seed
    return x.shape, dense, grad and x.requires_grad, wanted, str(reset), grad, *where
