"""A projection: what one population emits, carried to one port of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier.connectivity import Sparse
from ranvier.connectivity.transform import Placement, Transform, as_transform, matrix_of, quiet
from ranvier.errors import ShapeError
from ranvier.kernels.tasks import DelayedFeedback, Feedback
from ranvier.network._foreign import apply
from ranvier.network._graph import GraphError

if TYPE_CHECKING:
    from ranvier.synapses import BoundPlasticity

__all__ = ["Projection"]

Tensor = torch.Tensor
#: below this many targets listing the spikes costs more than it saves
_FEW = 48
_PLAIN = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_VIEWS = (nn.Flatten, nn.Unflatten, nn.Identity)


class Projection(nn.Module):
    """Emissions of ``pre`` arrive at ``port`` of ``post`` through a chain of transforms.

    ``lag`` are the steps between an emission and its earliest arrival, ``dt`` the time step in ms; delays of the first
    transform come on top. ``latency`` is in steps: one number for all synapses, or the lag where each has its own.
    ``compiled`` is what the compiled loop has worked out about its rule of plasticity.
    """

    compiled: dict[tuple, Any]
    latency_table: Tensor | None

    def __init__(
        self, name: str, pre: str, post: str, port: str, chain: Sequence[nn.Module], lag: int = 0,
        plasticity: BoundPlasticity | None = None, *, dt: float, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.pre, self.post, self.port = name, pre, post, port
        self.plasticity, self.compiled = plasticity, {}
        self.chain = nn.ModuleList(chain)
        first = self.transform
        place = Placement(dt, lag, lag) if first is None else first.bind(dt, seed, name, lag)
        self.dt, self.lag, self.latency = dt, lag, place.latency
        self.register_buffer("latency_table", place.table if first is None or first.own_table is None else None)
        self.per_synapse = place.table is not None or (first is not None and first.delay is not None)
        if first is not None and first.delay is not None and plasticity is not None:
            raise ShapeError(
                f"projection {name!r}: a plasticity rule reads fixed delays; give delay= a time, an array or a distribution."
            )
        self._span()
        for module in list(chain)[1:]:
            if (later := as_transform(module)) is not None and later.has_delay:
                raise ShapeError(
                    f"projection {name!r}: only the first transform of a chain can have a delay; put a population (or Relay) between."
                )

    def _span(self) -> None:
        """``shortest`` and ``depth``, the first and the last step on which anything can arrive."""
        first, table = self.transform, self.place.table
        if first is not None and first.delay is not None:
            self.shortest = self.lag + first.delay.shortest(self.dt)
            self.depth = self.lag + first.delay.longest(self.dt)
        elif table is not None and table.numel():
            self.shortest, self.depth = (int(bound) for bound in table.aminmax())
        else:
            self.shortest = self.depth = self.latency

    @property
    def transform(self) -> Transform | None:
        """The first of the chain where it is a transform of ours, which may have delays and an event path."""
        chain: nn.ModuleList = self._modules["chain"]  # pyright: ignore[reportAssignmentType]
        return as_transform(chain._modules.get("0"))  # a frequent look-up, so it reads the table of torch directly

    @property
    def place(self) -> Placement:
        """Where the first transform stands in time."""
        table, first = self.latency_table, self.transform
        if table is None and first is not None:
            table = first.own_table
        return Placement(self.dt, self.lag, self.latency, table)

    @property
    def lets_go(self) -> bool:
        """Whether what arrives is new memory that autograd does not keep: the result of a plain convolution or matrix."""
        modules = [*self.chain]
        return bool(modules) and type(modules[-1]) in _PLAIN

    @property
    def by_spike(self) -> bool:
        """Whether anything happens when the presynaptic cell fires."""
        return self.plasticity is None or self.plasticity.by_spike

    @property
    def synapses(self) -> Sparse:
        """The single synapses of a projection made by a rule."""
        first = self.transform
        if not isinstance(first, Sparse):
            raise GraphError(
                f"projection {self.name!r} has no single synapses: connect with a rule such as rv.AllToAll()."
            )
        return first

    @property
    def bound(self) -> BoundPlasticity:
        """The rule of a plastic projection, bound to its cells."""
        if self.plasticity is None:
            raise GraphError(f"projection {self.name!r} is not plastic: connect with plasticity=….")
        return self.plasticity

    def forward(
        self, x: Tensor | None, history: Tensor, *, steps: int, by_event: bool = False, fast: bool = False
    ) -> Tensor:
        """What arrives during ``steps`` steps.

        ``history`` [depth or more, B, …] holds the emissions before the window, ``x`` those of the window itself, or None
        where every latency is at least ``steps``. ``fast`` allows kernels of the cpu provider for foreign modules.
        """
        first = self.transform
        if first is not None and self.per_synapse:
            now = history.new_zeros(steps, *history.shape[1:]) if x is None else x
            out = first(now, history=history, place=self.place, by_event=by_event)
            return self._rest(out, list(self.chain)[1:], fast)
        x = self.entering(x, history, steps)
        chain = list(self.chain)
        k, carrier = _carrier(chain)
        if carrier is not None and carrier.event_path:
            flat = self._rest(x, chain[:k], fast)
            return self._rest(carrier(flat, by_event=by_event), chain[k + 1 :], fast)
        return self._rest(x, chain, fast)

    def entering(self, x: Tensor | None, history: Tensor, steps: int) -> Tensor:
        """What enters the transforms during ``steps`` steps, where all synapses have one latency."""
        k = self.latency
        if x is None and k < steps:
            raise ShapeError(
                f"projection {self.name!r} has a latency of {k} steps: {steps} steps need the emissions of the window itself."
            )
        if k or x is None:
            past = history[history.shape[0] - k :]
            return past[:steps] if x is None or k >= steps else torch.cat([past, x])[:steps]
        return x

    def not_by_event(self) -> str | None:
        """Why spikes are not carried one by one, as a sentence; None where they are."""
        first = _carrier(list(self.chain))[1]
        if self.per_synapse:
            return None
        if first is not None and not first.differentiable:
            return "its synapses are drawn when a cell fires"
        if first is None or not first.event_path:
            return "no event path for this transform"
        matrix = first.matrix()
        if matrix is not None and len(matrix) < _FEW:
            return f"only {len(matrix)} targets: a dense product is cheaper"
        return None

    def matrix(self) -> Tensor | None:
        """The effective weights [post, pre] where the whole chain is one dense matrix; None for any other."""
        return matrix_of(self.chain[0]) if len(self.chain) == 1 else None

    def feedback(self, history: Tensor | None, stream: str) -> tuple[Tensor | None, list[Feedback]]:
        """This projection as part of a fused loop: (constant bias or None, what it carries)."""
        first = self.transform
        if first is None or not first.event_path:
            raise GraphError(f"projection {self.name!r} is neither Linear nor single synapses: no loop can be fused.")
        bias, pattern = first.constant, first.pattern()
        if not self.per_synapse:
            weight = first.effective_weight()
            return bias, [Feedback(self.pre, self.post, stream, self.latency, weight, pattern, history)]
        taps, place = first.taps(self.place)
        return bias, [DelayedFeedback(self.pre, self.post, stream, self.shortest, taps, pattern, history, place)]

    def replaced(self, chain: Sequence[nn.Module]) -> Projection:
        """The same projection through other transforms; delays that were drawn or loaded stay as they are."""
        made = Projection(
            self.name, self.pre, self.post, self.port, chain, self.lag, self.plasticity, dt=self.dt, seed=0
        )
        if self.latency_table is not None and made.latency_table is not None:
            made.latency_table = self.latency_table
            made._span()
        return made

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Read whole steps also under the earlier name, that of the transform, and update the arrivals."""
        old = f"{prefix}chain.0.latency_table"
        if old in state_dict and "latency_table" not in self.chain[0]._buffers:
            state_dict[f"{prefix}latency_table"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._span()

    def _rest(self, x: Tensor, chain: list[nn.Module], fast: bool = False) -> Tensor:
        """Modules see time and batch as one axis, so norms count both; one with ``time_major = True`` sees [T, B, …]."""
        if not chain:
            return x
        steps, batch = x.shape[:2]
        flat = x.flatten(0, 1)
        for module in chain:
            if getattr(module, "time_major", False):
                out = module(flat.unflatten(0, (steps, batch))).flatten(0, 1)
            else:
                out = apply(module, flat, fast)
            if not isinstance(out, Tensor):
                raise ShapeError(
                    f"projection {self.name!r}: {type(module).__name__} returned {type(out).__name__} instead of a tensor; modules with a state of their own cannot be transforms."
                )
            flat = out
        if flat.shape[0] != steps * batch:
            raise ShapeError(
                f"projection {self.name!r}: the transforms turned {steps * batch} rows (time x batch) into {flat.shape[0]}; they must keep the first axis."
            )
        return flat.unflatten(0, (steps, batch))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of what arrives for emissions of ``shape``, found by carrying zeros."""
        probe = next((q for q in self.parameters() if q.is_floating_point()), torch.empty(0))
        x = torch.zeros(1, 1, *shape, dtype=probe.dtype, device=probe.device)
        training = self.training
        try:
            with torch.no_grad(), quiet(self):
                chain = self.eval().chain
                return tuple(self._rest(x, list(chain)).shape[2:])
        finally:
            self.train(training)

    def extra_repr(self) -> str:
        return f"{self.pre} -> {self.post}.{self.port}, latency={self.latency}"


def _carrier(chain: list[nn.Module]) -> tuple[int, Transform | None]:
    """The place of the first module that does more than rearrange, so that spikes stay spikes; the module if it is of ours."""
    k = next((k for k, module in enumerate(chain) if type(module) not in _VIEWS), len(chain))
    return k, as_transform(chain[k]) if k < len(chain) else None
