"""A fixed pattern of synapses, each with its own weight and latency."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

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
    """Weights [synapses] on a fixed pattern; ``latency`` one number or [synapses]."""

    def __init__(self, synapses: Synapses, weight: Tensor, latency: Tensor | int, learn: bool = False) -> None:
        super().__init__()
        self.sizes = synapses.sizes
        self.register_buffer("pre", synapses.pre.to(torch.int64))
        self.register_buffer("post", synapses.post.to(torch.int64))
        if learn:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)
        self.latency: Tensor | int = latency
        if isinstance(latency, Tensor):
            self.register_buffer("latency_table", latency)
        self._patterns: dict[int, products.Pattern] = {}
        self._uniform: tuple[tuple[int, int], bool] | None = None
        self._chosen: list[tuple[int, Tensor]] | None = None

    def __len__(self) -> int:
        return self.pre.numel()

    def pattern(self) -> products.Pattern:
        """All synapses as compressed rows."""
        if -1 not in self._patterns:
            self._patterns[-1] = products.pattern(self.pre, self.post, self.sizes)
        return self._patterns[-1]

    def shared_weight(self) -> Tensor:
        """The weights, as a single number where all are equal."""
        weight = self.weight.detach()
        key = (weight.data_ptr(), weight._version)
        if self._uniform is None or self._uniform[0] != key:
            self._uniform = (key, weight.numel() > 0 and bool((weight == weight[0]).all()))
        return weight[:1] if self._uniform[1] else weight

    def forward(self, x: Tensor, by_event: bool = False) -> Tensor:
        """``x`` [..., pre] -> [..., post], without latency."""
        return self._apply_some(x, -1, slice(None), by_event)

    def delayed(self, x: Tensor, history: Tensor, by_event: bool = False) -> Tensor:
        """``x`` [T, B, pre] with every synapse's own latency; ``history`` [D, B, pre] are the steps before."""
        steps, past = x.shape[0], history.shape[0]
        whole = torch.cat([history, x])
        total = x.new_zeros(steps, x.shape[1], self.sizes[1])
        for k, chosen in self.groups():
            total = total + self._apply_some(whole[past - k : past - k + steps], k, chosen, by_event)
        return total

    def by_latency(self) -> list[tuple[int, products.Pattern, Tensor]]:
        """One (latency, pattern, weights) per distinct latency."""
        out = []
        for k, chosen in self.groups():
            if k not in self._patterns:
                self._patterns[k] = products.pattern(self.pre[chosen], self.post[chosen], self.sizes)
            out.append((k, self._patterns[k], self.weight[chosen]))
        return out

    def groups(self) -> list[tuple[int, Tensor]]:
        """Which synapses have each distinct latency."""
        if self._chosen is None:
            self._chosen = [(int(k), torch.nonzero(self.latency_table == k)[:, 0]) for k in torch.unique(self.latency_table)]
        return self._chosen

    def _apply_some(self, x: Tensor, key: int, chosen: Tensor | slice, by_event: bool) -> Tensor:
        weight = self.weight[chosen]
        if by_event:
            if key not in self._patterns:
                self._patterns[key] = products.pattern(self.pre[chosen], self.post[chosen], self.sizes)
            return products.sparse_linear(x, self._patterns[key], weight)
        out = x.new_zeros(*x.shape[:-1], self.sizes[1])
        return out.index_add(-1, self.post[chosen], x[..., self.pre[chosen]] * weight)
