"""An eligibility for every synapse: what a matrix, or single synapses with delays of their own, have done to each variable."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from ranvier.training.rules._carriers import Carrier, add_gradient
from ranvier.training.rules.series import Block

__all__ = ["EachSynapse", "each_synapse"]

Tensor = torch.Tensor


class EachSynapse(ABC):
    """Numbers [B, …] of every synapse of a projection, and of the bias of every cell."""

    @abstractmethod
    def arrived(self, worth: Tensor, block: Block) -> Tensor:
        """The sum over the steps by which a block moves on of ``worth`` [K, B, post] times what each synapse carried."""

    @abstractmethod
    def of_cells(self, x: Tensor) -> Tensor:
        """A number of each cell [B, post], for each of its synapses."""

    @abstractmethod
    def learn(self, error: Tensor, eligibility: Tensor) -> None:
        """Add the gradient for an error [B, post] of the cells."""


def each_synapse(carrier: Carrier) -> EachSynapse:
    """The numbers of a matrix with one latency as a matrix, those of all others in a row."""
    return _InMatrix(carrier) if carrier.shared and carrier.transform.is_matrix else _InRow(carrier)


class _InMatrix(EachSynapse):
    """[B, post, pre], and a last column for a bias."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier

    def arrived(self, worth: Tensor, block: Block) -> Tensor:
        x = self.carrier.carried(block)
        if self.carrier.transform.constant is not None:
            x = torch.cat([x, x.new_ones(*x.shape[:-1], 1)], -1)
        return torch.bmm(worth.permute(1, 2, 0), x.transpose(0, 1))

    def of_cells(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1)

    def learn(self, error: Tensor, eligibility: Tensor) -> None:
        whole = torch.einsum("bn,bni->ni", error, eligibility)
        for q in self.carrier.transform.module.parameters():
            if q.requires_grad:
                add_gradient(q, whole[:, : q.shape[1]] if q.ndim == 2 else whole[:, -1])


class _InRow(EachSynapse):
    """[B, taps]: every synapse has a weight on one step, or on several where a learnable delay lies between steps.

    What it learns are these weights; autograd leads from them to weights, delays and widths. The bias of a cell is one more
    tap, of a cell that always fires.
    """

    def __init__(self, carrier: Carrier) -> None:
        self.carrier, projection, transform = carrier, carrier.projection, carrier.transform
        with torch.enable_grad():
            if projection.per_synapse:
                self.taps, first = projection.bound_transform.taps()
            else:
                self.taps = transform.effective_weight().unsqueeze(-1)
                first = torch.full(self.taps.shape[:-1], projection.latency)
        *synapses, width = self.taps.shape
        pattern = transform.pattern()
        if pattern is None:
            post, pre = (axis.reshape(-1) for axis in torch.meshgrid(*map(torch.arange, synapses), indexing="ij"))
        else:
            post, pre = pattern.target.to(torch.int64), pattern.source
        lag = first.to(torch.int64).expand(synapses).reshape(-1, 1) + torch.arange(width)
        self.post, self.lag = post.repeat_interleave(width), lag.reshape(-1)
        self.pre, self.depth = pre.repeat_interleave(width), max(int(self.lag.max()), 0) if self.lag.numel() else 0
        self.bias = transform.constant
        if self.bias is not None:
            cells = torch.arange(self.bias.numel())
            self.post, self.lag = torch.cat([self.post, cells]), torch.cat([self.lag, torch.zeros_like(cells)])

    def arrived(self, worth: Tensor, block: Block) -> Tensor:
        x = self.carrier.tape(block, self.depth).flatten(2)
        cells = x.shape[-1]
        flat, first = x.transpose(0, 1).flatten(1), self.pre - self.lag[: len(self.pre)] * cells
        total = worth.new_zeros(worth.shape[1], len(self.post))
        mine = slice(0, len(self.pre))
        for k, moved in enumerate(worth):
            each = moved[:, self.post]
            each[:, mine] *= flat[:, first + (self.depth + k) * cells]
            total += each
        return total

    def of_cells(self, x: Tensor) -> Tensor:
        return x[:, self.post]

    def learn(self, error: Tensor, eligibility: Tensor) -> None:
        whole = (self.of_cells(error) * eligibility).sum(0)
        if self.taps.requires_grad:
            torch.autograd.backward(self.taps, whole[: len(self.pre)].view_as(self.taps), retain_graph=True)
        if self.bias is not None and self.bias.requires_grad:
            add_gradient(self.bias, whole[len(self.pre) :].view_as(self.bias))
