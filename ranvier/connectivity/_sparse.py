"""A fixed pattern of synapses, each with its own weight and latency."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ranvier.connectivity._delays import Delays
from ranvier.kernels import products

__all__ = ["Sparse", "Synapses"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Synapses:
    """Who talks to whom: ``pre`` and ``post`` [synapses], sorted by pre then post."""

    pre: Tensor
    post: Tensor
    sizes: tuple[int, int]

    def __len__(self) -> int:
        return self.pre.numel()


class Sparse(nn.Module):
    """Weights [synapses] on a fixed pattern; ``latency`` one number or [synapses], or in its place learnable ``delay``."""

    def __init__(
        self, synapses: Synapses, weight: Tensor, latency: Tensor | int, learn: bool = False, delay: Delays | None = None
    ) -> None:
        super().__init__()
        self.sizes = synapses.sizes
        self.register_buffer("pre", synapses.pre.to(torch.int64))
        self.register_buffer("post", synapses.post.to(torch.int64))
        if learn:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)
        self.latency: Tensor | int = 0
        self.fix(latency)
        self.delay = delay
        self._pattern: products.Pattern | None = None
        self._uniform: tuple[tuple[int, int], bool] | None = None
        self._chosen: list[tuple[int, Tensor]] | None = None

    def __len__(self) -> int:
        return self.pre.numel()

    def pattern(self) -> products.Pattern:
        """All synapses as compressed rows."""
        if self._pattern is None:
            self._pattern = products.pattern(self.pre, self.post, self.sizes)
        return self._pattern

    def shared_weight(self) -> Tensor:
        """The weights, as a single number where all are equal."""
        weight = self.weight.detach()
        key = (weight.data_ptr(), weight._version)
        if self._uniform is None or self._uniform[0] != key:
            self._uniform = (key, weight.numel() > 0 and bool((weight == weight[0]).all()))
        return weight[:1] if self._uniform[1] else weight

    def forward(self, x: Tensor, by_event: bool = False) -> Tensor:
        """``x`` [..., pre] -> [..., post], without latency."""
        if by_event:
            return products.sparse_linear(x, self.pattern(), self.weight)
        out = x.new_zeros(*x.shape[:-1], self.sizes[1])
        return out.index_add(-1, self.post, x[..., self.pre] * self.weight)

    def fix(self, latency: Tensor | int) -> None:
        """Set whole steps, one number or int32 [synapses], in place of a learnable delay."""
        self.latency, self.delay = latency, None
        if isinstance(latency, Tensor):
            self.register_buffer("latency_table", latency)

    def taps(self, lag: int = 0) -> tuple[Tensor, Tensor]:
        """Weights [synapses, W] on W steps, and int32 [synapses], the first of them (``lag`` later)."""
        if self.delay is None:
            return self.weight.unsqueeze(-1), self.latency_table + lag
        taps, first = self.delay(self.weight)
        return taps, first + lag

    def delayed(self, x: Tensor, history: Tensor, by_event: bool = False, lag: int = 0) -> Tensor:
        """``x`` [T, B, pre] with every synapse's own delay; ``history`` [D, B, pre] are the steps before."""
        taps, first = self.taps(lag)
        if by_event:
            return products.delayed_sparse(x, self.pattern(), taps, first, history)
        steps = x.shape[0]
        place = first.unsqueeze(-1) + torch.arange(taps.shape[-1], device=first.device)
        longest = int(place.max()) if place.numel() else 0
        silent = history.new_zeros(max(0, longest - history.shape[0]), *x.shape[1:])
        whole = torch.cat([silent, history, x])
        past = whole.shape[0] - steps
        total = x.new_zeros(steps, x.shape[1], self.sizes[1])
        for k in torch.unique(place).tolist():
            some, tap = torch.nonzero(place == k, as_tuple=True)
            arrived = whole[past - k : past - k + steps][..., self.pre[some]] * taps[some, tap]
            total = total.index_add(-1, self.post[some], arrived)
        return total

    def groups(self) -> list[tuple[int, Tensor]]:
        """Which synapses have each distinct latency."""
        if self._chosen is None:
            self._chosen = [(int(k), torch.nonzero(self.latency_table == k)[:, 0]) for k in torch.unique(self.latency_table)]
        return self._chosen
