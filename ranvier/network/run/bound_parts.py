"""What was set up for calls of a graph: whether it still holds, and its values as a state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import is_
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier._warn import warn
from ranvier.connectivity.hooks import any_global_hook
from ranvier.kernels import registry
from ranvier.kernels.provider import Kept
from ranvier.network.checks import describe_non_finite, surely_finite
from ranvier.network.state.state import STREAMS, State
from ranvier.noting import CHANGES, Noting

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["BoundParts", "modules_of"]

Tensor = torch.Tensor
_LAST = 1 << 62


class BoundParts:
    """The parts, tensors and hooks of a graph as they are, as long as :meth:`holds`, and the values that its calls keep.

    ``inputs`` name who feeds the operation, in order.
    """

    def __init__(self, graph: Graph, kept: Sequence[Kept], inputs: Sequence[str]) -> None:
        self.graph, self.inputs = graph, tuple(inputs)
        self.single = len({*inputs}) == 1 and len(graph.inputs) == 1
        self.dt, self.times, self.dtype, self.outputs = graph.dt, graph.times, graph.dtype, list(graph.outputs)
        self._kept = [(k.owner, k.variable) for k in kept]
        self._variables = sum(v is not None for _, v in self._kept)
        self._histories = len(self._kept) - self._variables
        every, self._seen = modules_of(graph), CHANGES.last
        self._generation = registry.generation()
        self._whole, self._cells = _Tables(every), [(p, p.cell) for p in graph.populations.values()]
        self._silent = _Tables([m for m in every if not isinstance(m, Noting)])
        held = [table for m in every for table in (m._parameters, m._buffers)]
        self.tensors = [(table, n, t, 0 if t is None else t.data_ptr()) for table in held for n, t in table.items()]
        self._data = [t for _, _, t, _ in self.tensors if t is not None]
        self._addresses = [*map(Tensor.data_ptr, self._data)]
        settled = [p for p in graph.projections.values() if any(t.settles for t in p.chain.transforms)]
        self._numbers = [known for p in settled for m in p.modules() for known in _numbers_of(m)]

    def holds(self) -> bool:
        """Whether the network is made of the same parts, tensors, hooks and providers."""
        if registry.generation() != self._generation or self.graph.outputs != self.outputs:
            return False
        now = CHANGES.last
        if now is self._seen:
            same = self._silent.same()
        else:
            same = self._whole.same() and all(p.cell is cell for p, cell in self._cells)
        if not same:
            return False
        self._seen = now
        if [*map(Tensor.data_ptr, self._data)] != self._addresses:
            return False
        for own, name, value in self._numbers:
            if own.get(name) is not value:
                return False
        return not any_global_hook()

    def plainly(self, x: Tensor) -> dict[str, Tensor] | None:
        """The only input of a call, which has the shape of those before; None where there is something to change or to refuse."""
        if x.dtype is not self.dtype or x.device != self.graph.device or not surely_finite(x):
            return None
        return {self.inputs[0]: x}

    def sources(self, x: Any) -> list[Tensor] | None:
        """What feeds the operation, from the input of a step."""
        if self.single:
            return [self._number(x)] * len(self.inputs) if isinstance(x, Tensor) else None
        if not isinstance(x, Mapping) or x.keys() != self.graph.inputs.keys():
            return None
        found = [x[n] for n in self.inputs]
        return [self._number(t) for t in found] if all(isinstance(t, Tensor) for t in found) else None

    def _number(self, x: Tensor) -> Tensor:
        if x.dtype is self.dtype and x.is_contiguous():
            return x
        return x if x.is_complex() else x.to(self.dtype).contiguous()

    def given(self, state: State) -> list[Tensor] | None:
        """The values of a state as the operation takes them; None where it is not plainly one of this network."""
        variables, history = state.variables, state.history
        if state.dt != self.dt or state.times != self.times or state.synapses or len(history) != self._histories:
            return None
        if type(state.step) is not int or type(state.stream) is not int:
            return None
        if not (0 <= state.step < _LAST and 0 <= state.stream < STREAMS):
            return None
        try:
            if len(variables) != len(self.graph.populations) or sum(map(len, variables.values())) != self._variables:
                return None
            return [history[n] if v is None else variables[n][v] for n, v in self._kept]
        except (AttributeError, KeyError, TypeError):
            return None

    def state(self, made: Sequence[Tensor], step: int, stream: int) -> State:
        """The values kept as a state."""
        variables: dict[str, dict[str, Tensor]] = {n: {} for n in self.graph.populations}
        history: dict[str, Tensor] = {}
        for (n, v), t in zip(self._kept, made, strict=True):
            if v is None:
                history[n] = t
            else:
                variables[n][v] = t
        return State(step, variables, history, {}, stream, self.dt, self.times)

    def warn(self, state: State) -> None:
        """Warn of numbers that are not sound."""
        trouble = describe_non_finite(self.graph, state)
        if trouble:
            warn(trouble)


class _Tables:
    """The tables of modules as they are, none of which has a hook."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self._hooks = [hooks for m in modules for hooks in _hooks_of(m)]
        self._tables = [t for m in modules for t in (m._parameters, m._buffers, m._modules)]
        self._counts, self._held = [*map(len, self._tables)], [*chain.from_iterable(map(dict.values, self._tables))]

    def same(self) -> bool:
        """Whether they hold the same objects, and still no hook."""
        if any(self._hooks) or [*map(len, self._tables)] != self._counts:
            return False
        return all(map(is_, chain.from_iterable(map(dict.values, self._tables)), self._held))


def modules_of(graph: Graph) -> list[nn.Module]:
    """The tables of parts, and all modules in them."""
    parts = (*graph.populations.values(), *graph.projections.values())
    tables: list[Any] = [graph.populations, graph.projections]
    return [*tables, *(m for part in parts for m in part.modules())]


def _numbers_of(module: nn.Module) -> list[tuple[Mapping[str, Any], str, Any]]:
    """The mode of a module, and of one of torch also numbers such as the eps of a norm."""
    own = vars(module)
    return [
        (own, n, v)
        for n, v in own.items()
        if n == "training" or (isinstance(v, float) and not isinstance(module, Noting))
    ]


def _hooks_of(module: nn.Module) -> tuple[Mapping[int, Any], ...]:
    return module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks
