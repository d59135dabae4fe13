"""A network step by step without gradient, its plan, kernels and buffers bound once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.provider import MADE
from ranvier.network.checks import check_batch
from ranvier.network.order import GraphError
from ranvier.network.processes.refuse import refuse_call
from ranvier.network.run.modes import refuse_modes
from ranvier.network.run.one_step import own_step
from ranvier.network.simulation.stepper import SimulationStepper
from ranvier.network.state.check import check_form
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State

if TYPE_CHECKING:
    from ranvier.network.graph import Graph, Memo
    from ranvier.network.run.bound import Bound
    from ranvier.network.run.one_step import Who

__all__ = ["Stepper", "stepper"]

Tensor = torch.Tensor


def stepper(
    graph: Callable[[], Graph], step: Callable[..., tuple[Any, State]], who: Callable[[], Who | None], state: State | None,
    batch: int | None, stream: int | None,
) -> Stepper | SimulationStepper:  # fmt: skip
    """The stepper of a network with inputs, or of one on its own; see :meth:`Network.stepper`."""
    refuse_call(graph(), "net.stepper()")
    inputs = bool(graph().inputs)
    if batch is not None and state is not None:
        raise GraphError(
            f"batch={batch!r} sets the batch of a fresh state, but the given state has its own: omit batch=."
        )
    if batch not in (None, 1) and not inputs:
        raise GraphError(
            f"batch={batch!r}: the stepper of a network without inputs runs one sample; run trials with net.observe(duration=…, "
            f"batch={batch!r}, record=…)."
        )
    if state is not None:
        check_form(state)
        state = state.with_stream(stream)

    def fresh() -> State:
        return initial_state(graph(), check_batch(batch) or 1, stream)

    return Stepper(step, fresh, who, graph().memo, state) if inputs else SimulationStepper(graph, fresh, state)


class Stepper:
    """A network that is advanced step by step, as :meth:`Network.stepper` makes it.

    ``step`` and ``fresh`` take a step and give a state to begin with; ``who`` is None where a step must be a call of the module.

    ``stepper(x)`` takes one step: ``x`` [B, …] -> output [B, …], with the numbers of ``net.step`` without gradient, bit for
    bit. Where plan, kernels and buffers can be bound once, they are (layers of dense projections on the cpu provider).

    The output lies in the same memory after every step: ``.clone()`` keeps it. :attr:`state` is a value of its own, which any
    call takes. Weights are read where they lie, and everything else that the network consists of is compared before every
    step, so that a step follows what changes: numbers, parts, hooks, the mode of norms, providers. A dtype that no longer
    is that of the state is refused by name. A stepper belongs to one thread.

    >>> net = rv.Sequential(rv.Linear(64, 32), rv.LIF(32), rv.Linear(32, 10), rv.LIF(10), dt=1*ms)
    >>> stepper = net.stepper()
    >>> out = stepper(torch.rand(1, 64))
    >>> out.shape
    torch.Size([1, 10])
    """

    def __init__(
        self, step: Callable[..., tuple[Any, State]], fresh: Callable[[], State], who: Callable[[], Who | None], memo: Memo,
        state: State | None,
    ) -> None:  # fmt: skip
        self._take, self._fresh, self._now, self._memo = step, fresh, who, memo
        self._bound: Bound | None = None
        self._who: Who | None = None
        self._out: list[Tensor] = []
        self._result: Any = None
        self._step = 0
        self.reset(state)

    def reset(self, state: State | None = None) -> None:
        """Go on from ``state``; from a fresh one, as :meth:`Network.initial_state` gives it, where it is None."""
        self._bound = None
        self._state = self._fresh() if state is None else state

    @property
    def state(self) -> State:
        """The state now, a value of its own."""
        if self._bound is not None:
            return self._bound.state(self._bound.steps.read(), self._step, self._state.stream)
        return self._state.clone()

    def __call__(self, x: Tensor | Mapping[str, Tensor]) -> Any:
        """One step; raises what ``net.step`` raises, and the state is then as it was."""
        bound = self._bound
        if bound is not None:
            refuse_modes()
            if self._now() == self._who and bound.holds():
                sources = bound.sources(x)
                found = -1 if sources is None else bound.steps.step(sources, self._out)
                if not found & ~MADE:
                    self._step += 1
                    if found:
                        bound.warn(self.state)
                    return self._result
            self._state, self._bound = self.state, None
        return self._long(x)

    def _long(self, x: Any) -> Any:
        """A step by ``net.step``; the steps after it are bound, where they can be."""
        with torch.no_grad():
            out, self._state = self._take(x, self._state)
            self._who = self._now()
            self._bound = None if self._who is None else own_step(self._memo, self._who, x, self._state)
        if self._bound is not None:
            self._step = self._state.step
            self._out = self._bound.steps.room()
            self._result = self._bound.named(self._bound.chosen(self._out))
        return out
