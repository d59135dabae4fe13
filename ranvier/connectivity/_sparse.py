"""A fixed pattern of synapses, each with its own weight and latency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import nn

from ranvier.connectivity._connectivity import ConnectivityError
from ranvier.connectivity._storing import Storing
from ranvier.connectivity._synapses import Synapses
from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.delays import DelayError, Delays
from ranvier.kernels.products import carried
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import DelayedSparseProduct, Pattern, SparseProduct
from ranvier.noting import Noting
from ranvier.storages import Storage, Stored
from ranvier.values import scale_of

if TYPE_CHECKING:
    from ranvier.connectivity._share import Shared
    from ranvier.kernels.step import Builder
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["Sparse"]

Tensor = torch.Tensor


class Sparse(Storing, Noting):
    """Synapses as compressed rows, with ``weight`` [synapses] or one for all [1].

    Parameters
    ----------
    synapses
        Who talks to whom.
    weight
        [synapses], or [1] for a weight that all share (not if it is learnt).
    latency
        Steps: one number, or [synapses] as uint8, int16 or int32, which then hold the lag too.
    learn
        Make the weights a parameter.
    delay
        Learnable delays, in place of ``latency``.
    bounds
        Least and largest weight in use; a weight pushed beyond keeps its gradient, so that it can come back.
    lag
        Steps between an emission and its earliest arrival that a latency per synapse was made for; None for any.
    storage
        How the weights lie in memory. Weights that are not learnt are stored at once.
    shared
        The places of these synapses among all, if other processes hold the others.
    """

    row_pointer: Tensor
    target: Tensor
    latency_table: Tensor
    event_path = linear_in_weight = linear_in_input = True
    #: how delays per synapse follow the input, as a sentence
    follows = "by event: every spike goes to the steps of its synapses"

    def __init__(
        self, synapses: Synapses, weight: Tensor, latency: Tensor | int, learn: bool = False, delay: Delays | None = None,
        bounds: tuple[float | None, float | None] = (None, None), lag: int | None = None, storage: Storage | None = None,
        shared: Shared | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.sizes, self.bounds, self.lag, self.shared = synapses.sizes, bounds, lag, shared
        self.register_buffer("row_pointer", torch.from_numpy(np.ascontiguousarray(synapses.row_pointer)))
        self.register_buffer("target", torch.from_numpy(np.ascontiguousarray(synapses.target)))
        if learn:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)
        self.keep_storage(storage)
        if not learn:
            self.store()
        self._pattern: Pattern | None = None
        self._uniform: tuple[tuple[int, int], bool] | None = None
        self._by_latency: tuple[tuple[int, ...], Tensor, Pattern] | None = None
        self.latency: Tensor | int = latency
        self.fix(latency)
        self.delay = delay

    def __len__(self) -> int:
        return self.target.numel()

    @property
    def pre(self) -> Tensor:
        """Int64 [synapses], the presynaptic cells: worked out from the rows when something first needs them."""
        return self.pattern().source

    @property
    def post(self) -> Tensor:
        """Int64 [synapses], the postsynaptic cells, made anew."""
        return self.target.to(torch.int64)

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int:
        """One for each synapse."""
        return len(self.target)

    def pattern(self) -> Pattern:
        """All synapses as compressed rows."""
        if self._pattern is None or self._pattern.target.device != self.target.device:
            self._pattern = Pattern(self.row_pointer, self.target, self.sizes[1])
        return self._pattern

    def unstored(self) -> Tensor:
        """The weights within the bounds, [synapses] or [1]."""
        weight = self.weight
        if self.bounds != (None, None):
            weight = weight + (weight.detach().clamp(*self.bounds) - weight.detach())
        return weight

    def effective_weight(self) -> Tensor:
        """The weights in use [synapses]: within the bounds, one entry per synapse."""
        return super().effective_weight().expand(len(self)).contiguous()

    def weight_for(self, stored: bool) -> Tensor | Stored:
        """The weights in use [synapses]; with ``stored``, stored numbers as they are where there is one for each synapse."""
        return super().weight_for(stored and self.weight_shape == (len(self),))

    def natural_scales(self) -> dict[str, float]:
        """The size of the weights, where they are learnt."""
        return {"weight": scale_of(self.weight, *self.bounds)} if isinstance(self.weight, nn.Parameter) else {}

    def shared_weight(self) -> Tensor:
        """The weights in use, as a single number where all are equal."""
        if self.storage is not None:
            return super().effective_weight().detach()
        weight = self.weight.detach()
        if weight.numel() != 1:
            key = (weight.data_ptr(), weight._version)
            if self._uniform is None or self._uniform[0] != key:
                self._uniform = (key, weight.numel() > 0 and bool((weight == weight[0]).all()))
            weight = weight[:1] if self._uniform[1] else weight
        return weight if self.bounds == (None, None) else weight.clamp(*self.bounds)

    @property
    def has_delay(self) -> bool:
        """Whether a latency or delay was requested."""
        return isinstance(self.latency, Tensor) or self.latency != 0 or self.delay is not None

    @property
    def own_table(self) -> Tensor | None:
        """The latencies [synapses], where there is one for each."""
        return self.latency_table if isinstance(self.latency, Tensor) else None

    def bind(self, binding: Binding) -> BoundTransform:
        """Its steps; a latency for each synapse was made for one lag, and fits no other."""
        dt, lag, _, name = binding
        if self.delay is not None:
            self.delay.check(dt, name)
            return super().bind(binding)
        if not isinstance(self.latency, Tensor):
            return BoundTransform(self, dt, lag, lag + self.latency)
        if self.lag is not None and self.lag != lag:
            raise DelayError(
                f"{name}: these synapses have latencies for a lag of {self.lag} steps, but the lag here is {lag}: connect "
                f"with the rule once more."
            )
        return BoundTransform(self, dt, lag, lag, self.latency_table)

    def forward(
        self,
        x: Tensor,
        history: Tensor | None = None,
        bound: BoundTransform | None = None,
        carrier: Runnable | None = None,
    ) -> Tensor:
        """``x`` [..., pre] -> [..., post]; with ``history`` and ``bound`` as :meth:`delayed`, else without latency."""
        if history is not None and bound is not None:
            return self.delayed(x, history, bound, carrier)
        return carried(carrier, SparseProduct(x, self.pattern(), self.weight_for(True)))

    def fix_delays(self, dt: float, lag: int) -> None:
        """Put every learnable delay on its nearest step of ``dt`` ms, ``lag`` later."""
        if self.delay is not None:
            self.lag = lag
            self.fix(self.delay.rounded(dt) + lag)

    def fix(self, latency: Tensor | int) -> None:
        """Set whole steps, one number or [synapses], in place of a learnable delay."""
        self.latency, self.delay, self._by_latency = latency, None, None
        if isinstance(latency, Tensor):
            self.register_buffer("latency_table", latency)

    def pullback(self, grad: Tensor, x: Tensor) -> Tensor:
        """Input gradient of each synapse for its presynaptic cell, by the effective weights."""
        back = grad.new_zeros(*grad.shape[:-1], self.sizes[0])
        return back.index_add(-1, self.pre, grad[..., self.post] * self.effective_weight().detach())

    def delayed(
        self, x: Tensor, history: Tensor, bound: BoundTransform, carrier: Runnable | None = None,
        held: tuple[Tensor, Tensor | None] | None = None,
    ) -> Tensor:  # fmt: skip
        """``x`` [T, B, pre] with every synapse's own delay; ``history`` [D, B, pre] are the steps before."""
        taps, first = bound.taps(None if held is None else held[0])
        return carried(carrier, DelayedSparseProduct(x, self.pattern(), taps, first, history))

    def by_latency(self) -> tuple[tuple[int, ...], Tensor, Pattern]:
        """Distinct latencies, the synapses in their order, and rows: one for each latency and presynaptic cell."""
        if self._by_latency is None:
            latencies, which = torch.unique(self.latency_table, return_inverse=True)
            order = torch.argsort(which, stable=True)
            pointer = torch.zeros(len(latencies) * self.sizes[0] + 1, dtype=torch.int64)
            rows = which * self.sizes[0] + self.pre
            pointer[1:] = torch.bincount(rows, minlength=pointer.numel() - 1).cumsum(0)
            pattern = Pattern(pointer, self.target[order].contiguous(), self.sizes[1])
            self._by_latency = (tuple(int(k) for k in latencies), order, pattern)
        return self._by_latency

    @property
    def one_to_one(self) -> bool:
        """Whether each cell reaches its counterpart alone."""
        if self.sizes[0] != self.sizes[1] or len(self) != self.sizes[0]:
            return False
        order = torch.arange(self.sizes[0])
        return bool((self.row_pointer[:-1] == order).all() and (self.target == order).all())

    @property
    def total(self) -> int:
        """Number of synapses in all processes."""
        return len(self) if self.shared is None else self.shared.places.total

    @property
    def empty(self) -> bool:
        """Whether there are no synapses."""
        return self.total == 0

    def misfit(self, pre: tuple[int, ...] | None, post: tuple[int, ...] | None, same: bool) -> tuple[str, str] | None:
        """Synapses name the cells of populations of these sizes."""
        fits = ((self.sizes[0],), (self.sizes[1],)) == (pre, post)
        return None if fits else ("sizes", f"the sizes of the populations it joins, {(pre, post)}")

    def replaced(self, synapses: Synapses, weight: Tensor) -> Sparse:
        """As many other ``synapses``, sorted from a list in the order of these, with weights and latencies in that order."""
        if self.shared is not None:
            raise ConnectivityError("synapses that several processes share cannot be replaced: run in one process.")
        order = torch.from_numpy(synapses.order)
        latency = self.latency if isinstance(self.latency, int) else self.latency_table[order]
        learn = isinstance(self.weight, nn.Parameter)
        return Sparse(synapses, weight[order], latency, learn, bounds=self.bounds, lag=self.lag)

    def cell_of(self, parameter: nn.Parameter) -> Tensor | None:
        """Each synapse has one postsynaptic cell."""
        return self.post if parameter is self.weight and self.weight.numel() == len(self) else None

    def carry(self, weight: Tensor | Stored, builder: Builder, source: str, name: str, target: str | None) -> str:
        """A product of compressed rows."""
        from ranvier.connectivity.lowering import csr

        return csr(self.pre, self.post, weight, self.sizes, builder, source, name, target)

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any]:
        """Sizes, bounds and delays."""
        from ranvier.connectivity._sparse_record import encode_sparse

        return encode_sparse(self)

    @classmethod
    def rebuild(cls, record: Record, take: Take, binding: Binding) -> Self:
        """The synapses of a file."""
        from ranvier.connectivity._sparse_record import decode_sparse

        made = cls(*decode_sparse(record, take, binding))
        made.take_storage(record, ((len(made),), (1,)), take)
        return made
