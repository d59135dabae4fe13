"""A projection: what one population emits, carried to one port of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier.connectivity import Linear, ProceduralSynapses, Sparse
from ranvier.connectivity._conv import Conv2d
from ranvier.errors import ShapeError
from ranvier.kernels import products
from ranvier.kernels._task import Feedback
from ranvier.network._foreign import apply
from ranvier.network._graph import GraphError

if TYPE_CHECKING:
    from ranvier.synapses import BoundPlasticity

__all__ = ["Projection"]

Tensor = torch.Tensor
#: below this many targets listing the spikes costs more than it saves
_FEW = 48
_PLAIN = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_DELAYABLE = (Linear, Sparse, Conv2d, ProceduralSynapses)


class Projection(nn.Module):
    """Emissions of ``pre`` arrive at ``port`` of ``post`` through a chain of transforms.

    ``latency`` is in steps: one number for all synapses, or with a delay per synapse the largest of them. ``compiled`` is
    what the compiled loop has worked out about its rule of plasticity.
    """

    compiled: dict[tuple, Any]

    def __init__(
        self, name: str, pre: str, post: str, port: str, chain: Sequence[nn.Module], latency: int = 0,
        plasticity: BoundPlasticity | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.pre, self.post, self.port = name, pre, post, port
        self.plasticity, self.compiled = plasticity, {}
        self.chain = nn.ModuleList(chain)
        first = self.delayable
        own = 0 if first is None else first.latency
        learnable = None if first is None else first.delay
        self.per_synapse = isinstance(own, Tensor) or learnable is not None
        self.latency = latency + (0 if isinstance(own, Tensor) else own)
        if learnable is not None and plasticity is not None:
            raise ShapeError(
                f"projection {name!r}: a plasticity rule reads fixed delays; give delay= a time, an array or a distribution."
            )
        if learnable is not None:
            self.shortest, self.depth = learnable.shortest, learnable.longest
        elif isinstance(own, Tensor) and own.numel():
            self.shortest, self.depth = (int(bound) for bound in own.aminmax())
        else:
            self.shortest = self.depth = self.latency
        for module in list(chain)[1:]:
            if isinstance(module, _DELAYABLE) and (
                isinstance(module.latency, Tensor) or module.latency or module.delay is not None
            ):
                raise ShapeError(
                    f"projection {name!r}: only the first transform of a chain can have a delay; put a population (or Relay) between."
                )

    @property
    def delayable(self) -> Linear | Sparse | Conv2d | ProceduralSynapses | None:
        """The first transform, where it is of a kind that can have a delay."""
        first = self.chain[0] if len(self.chain) else None
        return first if isinstance(first, _DELAYABLE) else None

    @property
    def lets_go(self) -> bool:
        """Whether what arrives is new memory that autograd does not keep: the result of a plain convolution or matrix."""
        last = self.chain[-1] if len(self.chain) else None
        return last is not None and type(last) in _PLAIN and not last._forward_hooks

    @property
    def by_spike(self) -> bool:
        """Whether anything happens when the presynaptic cell fires."""
        return self.plasticity is None or self.plasticity.by_spike

    @property
    def synapses(self) -> Sparse:
        """The single synapses of a projection made by a rule."""
        first = self.delayable
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

    def forward(self, x: Tensor | None, history: Tensor, steps: int, by_event: bool, fast: bool = False) -> Tensor:
        """What arrives during ``steps`` steps.

        ``history`` [depth or more, B, …] holds the emissions before the window, ``x`` those of the window itself, or None
        where every latency is at least ``steps``. ``fast`` allows kernels of the cpu provider for foreign modules.
        """
        first = self.delayable
        if first is not None and not isinstance(first, ProceduralSynapses) and self.per_synapse:
            now = history.new_zeros(steps, *history.shape[1:]) if x is None else x
            out = first.delayed(now, history, by_event)
            return self._rest(out, list(self.chain)[1:], fast)
        k = self.latency
        if x is None and k < steps:
            raise ShapeError(
                f"projection {self.name!r} has a latency of {k} steps: {steps} steps need the emissions of the window itself."
            )
        if k or x is None:
            past = history[history.shape[0] - k :]
            x = past[:steps] if x is None or k >= steps else torch.cat([past, x])[:steps]
        if isinstance(first, Linear | Sparse):
            return self._rest(first(x, by_event), list(self.chain)[1:], fast)
        return self._rest(x, list(self.chain), fast)

    def not_by_event(self) -> str | None:
        """Why spikes are not carried one by one, as a sentence; None where they are."""
        first = self.chain[0] if len(self.chain) else None
        if self.per_synapse:
            return None
        if isinstance(first, ProceduralSynapses):
            return "its synapses are drawn when a cell fires"
        if not isinstance(first, Linear | Sparse):
            return "no event path for this transform"
        if isinstance(first, Linear) and first.out_features < _FEW:
            return f"only {first.out_features} targets: a dense product is cheaper"
        return None

    def feedback(self, history: Tensor | None, stream: str) -> tuple[Tensor | None, list[Feedback]]:
        """This projection as part of a fused loop: (constant bias or None, what it carries)."""
        first = self.delayable
        if not isinstance(first, Linear | Sparse):
            raise GraphError(f"projection {self.name!r} is neither Linear nor single synapses: no loop can be fused.")
        bias = first.bias if isinstance(first, Linear) else None
        pattern = first.pattern() if isinstance(first, Sparse) else None
        weight = first.weights()
        if not self.per_synapse:
            return bias, [Feedback(self.pre, self.post, stream, self.latency, weight, pattern, history)]
        taps, place = first.taps()
        return bias, [
            products.DelayedFeedback(self.pre, self.post, stream, self.shortest, taps, pattern, history, place)
        ]

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
            with torch.no_grad():
                chain = self.eval().chain
                return tuple(self._rest(x, list(chain)).shape[2:])
        finally:
            self.train(training)

    def extra_repr(self) -> str:
        return f"{self.pre} -> {self.post}.{self.port}, latency={self.latency}"
