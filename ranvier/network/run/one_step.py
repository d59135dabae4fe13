"""Calls of one step without gradient: bound in the first, run by what is bound in those that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ranvier.network.run.bound import Bound, bind
from ranvier.network.run.bound_gradient import step_with_gradient
from ranvier.network.run.kept import place_for
from ranvier.network.run.modes import autocast, function_transform, refuse_modes, saving_hooked
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph, Memo
    from ranvier.network.plan.plan import Plan

__all__ = ["Who", "as_sequence", "as_step", "as_window", "bind_step", "one_step", "own_step"]

Tensor = torch.Tensor
#: the dtype and the provider of a network now
Who = tuple[torch.dtype, str | None]
#: batches whose steps are kept at once
_MOST = 16


def one_step(memo: Memo, who: Who, x: Any, state: State) -> tuple[Any, State] | None:
    """(output, state after) of a step that was bound for the like; None where it must be run the long way."""
    if autocast() or (torch.is_grad_enabled() and saving_hooked()):
        return None
    some = next(iter(x.values()), None) if isinstance(x, Mapping) else x
    if not isinstance(some, Tensor) or not some.ndim:
        return None
    kept = memo.steps.get((len(some), *who))
    bound = None if kept is None else kept.bound
    if (
        function_transform()
        or kept is None
        or bound is None
        or memo.swaps(1, len(some))
        or state.__class__ is not State
    ):
        return None
    if not bound.holds():
        kept.drop()
        return None
    refuse_modes()
    found = step_with_gradient(bound, x, state) if torch.is_grad_enabled() else bound.call(x, state)
    if found is not None:
        kept.served += 1
        memo.shape = 1, len(some)
    elif not bound.holds():
        kept.drop()
    return found


def as_sequence(x: Any) -> Any:
    """The input of a step, or several by name, as a window of one step."""
    if isinstance(x, Mapping):
        return {n: torch.as_tensor(given).unsqueeze(0) for n, given in x.items()}
    return torch.as_tensor(x).unsqueeze(0)


def as_step(out: Any) -> Any:
    """The output of a window of one step as that of a step."""
    return out.squeeze(0) if isinstance(out, Tensor) else {n: o.squeeze(0) for n, o in out.items()}


def as_window(out: Any) -> Any:
    """The output of a step as that of a window of one step."""
    return out.unsqueeze(0) if isinstance(out, Tensor) else {n: o.unsqueeze(0) for n, o in out.items()}


def bind_step(
    graph: Graph, plan_of: Callable[[], Plan], inputs: Mapping[str, Tensor], state: State, batch: int
) -> None:
    """Bind the step of a plan for calls to come, unless that was refused or does not pay yet."""
    kept = place_for(graph.memo.steps, (batch, graph.dtype, graph.provider), _MOST)
    kept.bind(plan_of, lambda plan: bind(graph, plan, inputs, state))


def own_step(memo: Memo, who: Who, x: Any, state: State) -> Bound | None:
    """A step like the one that is bound for calls, which keeps the values of ``state``; None where none is bound."""
    given = x if isinstance(x, Mapping) else {"": x}
    if not all(isinstance(t, Tensor) and t.ndim for t in given.values()):
        return None
    kept = memo.steps.get((len(next(iter(given.values()))), *who))
    bound = None if kept is None else kept.bound
    if bound is None or not bound.holds():
        return None
    names = given if isinstance(x, Mapping) else bound.graph.inputs
    inputs = {n: t.unsqueeze(0).to(bound.dtype) for n, t in zip(names, given.values(), strict=True)}
    own = bind(bound.graph, bound.plan, inputs, state)
    values = None if own is None else own.given(state)
    return own if own is not None and values is not None and not own.steps.begin(values) else None
