"""State is a value: everything that lasts from one step to the next, owned by its holder."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.utils import _pytree

from ranvier.errors import StateError
from ranvier.network.state.history import each

__all__ = ["STREAMS", "State", "stream_of"]

Tensor = torch.Tensor
#: how many random streams there are: the counter holds 32 bits of them
STREAMS = 1 << 32


def stream_of(given: Any = None) -> int:
    """The number of a random stream; a new one from torch's generator where None is ``given``."""
    if given is None:
        return int(torch.randint(0, 2**31 - 1, (1,)))
    try:
        stream = -1 if isinstance(given, bool) else operator.index(given)
    except TypeError:
        stream = -1
    if not 0 <= stream < STREAMS:
        raise StateError(f"stream={given!r} must be a whole number from 0 to 2^32 - 1; None takes a new one.")
    return stream


@dataclass(frozen=True)
class State:
    """A network's state after ``step`` steps.

    Attributes
    ----------
    step
        Number of steps taken; the time is step*dt.
    variables
        ``variables[population][name]`` [batch, *shape]; ``refractory_left``, the steps of refractoriness left, is int32.
    history
        ``history[source]`` [depth, batch, *shape]: the last emissions of every source whose spikes are still in flight. A circuit
        keeps them as a list, which becomes a tensor when it is looked up.
    synapses
        ``synapses[projection][name]`` [batch, synapses]: variables of plastic synapses; those in ms are float64.
    stream
        The random stream from here on: of sources, noise and all other numbers that are new in every call.
    dt
        Step length in ms; None where unknown, as in files of earlier versions.
    times
        Paths (as in :meth:`tensors`) of variables of populations in ms, which are float64 in networks of any dtype.

    >>> state = net.initial_state()
    >>> state.variables["exc"]["v"].shape
    torch.Size([1, 400])
    """

    step: int
    variables: Mapping[str, Mapping[str, Tensor]]
    history: Mapping[str, Tensor] = field(default_factory=dict)
    synapses: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    stream: int = 0
    dt: float | None = None
    times: frozenset[str] = frozenset()

    def map(self, change: Callable[[Tensor], Tensor]) -> State:
        """The same state with ``change`` applied to every tensor."""
        return replace(
            self,
            variables={p: {n: change(v) for n, v in values.items()} for p, values in self.variables.items()},
            history={n: change(v) for n, v in self.history.items()},
            synapses={p: {n: change(v) for n, v in values.items()} for p, values in self.synapses.items()},
        )

    def sample(self, index: int) -> State:
        """That of one sample of the batch, as a batch of one."""
        one, whole = slice(index, index + 1), torch.contiguous_format
        history = {n: h[:, one].clone(memory_format=whole) for n, h in self.history.items()}
        return replace(self.map(lambda t: t[one].clone(memory_format=whole)), history=history)

    def take(self, samples: Tensor) -> State:
        """Those of some ``samples`` of the batch, by number, in this order.

        Random numbers belong to the place in a batch, so noise that follows is that of the new places.

        >>> state = rv.Sequential(rv.Linear(5, 3), rv.LIF(3), dt=1*ms).initial_state(4)
        >>> state.take(torch.tensor([3, 1])).variables["lif1"]["v"].shape
        torch.Size([2, 3])
        """
        history = {n: h.index_select(1, samples) for n, h in self.history.items()}
        return replace(replace(self, history={}).map(lambda t: t.index_select(0, samples)), history=history)

    def with_stream(self, stream: int | None) -> State:
        """The same state, going on with other random numbers; with its own where ``stream`` is None.

        Raises
        ------
        StateError
            Where ``stream`` is not a whole number from 0 to 2^32 - 1.
        """
        return self if stream is None else replace(self, stream=stream_of(stream))

    def detach(self) -> State:
        """The same numbers, cut off from the graph that made them."""
        return self._each(Tensor.detach)

    def clone(self) -> State:
        """A copy that shares nothing."""
        return self._each(Tensor.clone)

    def _each(self, change: Callable[[Tensor], Tensor]) -> State:
        """The same with a ``change`` that keeps all numbers; spikes in flight stay a list."""
        history = self.history
        return replace(replace(self, history={}).map(change), history=each(history, change))

    def to(self, *args: Any, **kwargs: Any) -> State:
        """On another device or in another dtype, as :meth:`torch.nn.Module.to`.

        Whole numbers keep their dtype. So do float64 variables of synapses and the float64 variables in ``times``, for float32
        rounds a time. A network of float32 narrows a variable of synapses itself where it is no time.
        """

        def carried(t: Tensor) -> Tensor:
            return t.to(torch.empty(0, device=t.device).to(*args, **kwargs).device)

        def moved(t: Tensor) -> Tensor:
            return t.to(*args, **kwargs) if t.is_floating_point() else carried(t)

        synapses = {
            p: {n: carried(v) if v.dtype == torch.float64 else moved(v) for n, v in values.items()}
            for p, values in self.synapses.items()
        }
        held = {
            p: {n: v for n, v in values.items() if f"variables/{p}/{n}" in self.times and v.dtype == torch.float64}
            for p, values in self.variables.items()
        }
        out = replace(self, synapses={}).map(moved)
        variables = {
            p: {**values, **{n: carried(v) for n, v in held[p].items()}} for p, values in out.variables.items()
        }
        return replace(out, variables=variables, synapses=synapses)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor under a path such as ``variables/lif1/v``."""
        out = {f"variables/{p}/{n}": v for p, values in self.variables.items() for n, v in values.items()}
        out |= {f"history/{n}": v for n, v in self.history.items()}
        out |= {f"synapses/{p}/{n}": v for p, values in self.synapses.items() for n, v in values.items()}
        return out

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> State:
        """The same state with other :meth:`tensors`; populations without variables stay."""
        made = State.from_tensors(self.step, self.stream, tensors, self.dt, self.times)
        variables = {n: made.variables.get(n, {}) for n in self.variables}
        return replace(made, variables=variables, synapses={n: made.synapses.get(n, {}) for n in self.synapses})

    @classmethod
    def from_tensors(
        cls, step: int, stream: int, tensors: Mapping[str, Tensor], dt: float | None = None,
        times: frozenset[str] = frozenset(),
    ) -> State:  # fmt: skip
        """Rebuild a state from :meth:`tensors`."""
        nested: dict[str, dict[str, dict[str, Tensor]]] = {"variables": {}, "synapses": {}}
        history = {}
        for path, tensor in tensors.items():
            kind, _, rest = path.partition("/")
            if kind == "history":
                history[rest] = tensor
            else:
                owner, _, name = rest.rpartition("/")
                nested[kind].setdefault(owner, {})[name] = tensor
        return cls(step, nested["variables"], history, nested["synapses"], stream, dt, times)


def _flatten(state: State) -> tuple[list[Tensor], tuple]:
    tensors = state.tensors()
    owners = tuple(state.variables), tuple(state.synapses)
    return list(tensors.values()), (state.step, state.stream, state.dt, state.times, tuple(tensors), owners)


def _unflatten(values: Any, context: tuple) -> State:
    step, stream, dt, times, names, (populations, projections) = context
    empty = State(step, {n: {} for n in populations}, {}, {n: {} for n in projections}, stream, dt, times)
    return empty.with_tensors(dict(zip(names, values, strict=True)))


def _with_keys(state: State) -> tuple[list[tuple[Any, Tensor]], tuple]:
    values, context = _flatten(state)
    return [(_pytree.MappingKey(n), v) for n, v in zip(state.tensors(), values, strict=True)], context


_pytree.register_pytree_node(
    State, _flatten, _unflatten, serialized_type_name="ranvier.State", flatten_with_keys_fn=_with_keys,
    to_dumpable_context=lambda c: [*c[:3], sorted(c[3]), list(c[4]), [list(o) for o in c[5]]],
    from_dumpable_context=lambda c: (*c[:3], frozenset(c[3]), tuple(c[4]), tuple(map(tuple, c[5]))),
)  # fmt: skip
