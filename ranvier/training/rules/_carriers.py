"""How the parameters of a projection enter what arrives: linearly in both, so that a trace of spikes can stand for them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ranvier.connectivity.transform import is_linear, matrix_of
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network._projection import Projection
from ranvier.training.rules._refuse import learns
from ranvier.training.rules._series import Block

__all__ = ["Carrier", "carriers"]

Tensor = torch.Tensor
_BEFORE = (
    nn.Flatten, nn.Unflatten, nn.Identity, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool2d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
)  # fmt: skip
_AFTER = (nn.Flatten, nn.Unflatten, nn.Identity, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool2d)


class Carrier:
    """A projection whose weights are learnt from a trace of what it carried."""

    def __init__(self, projection: Projection, rule: str) -> None:
        chain = list(projection.chain)
        at = next((k for k, m in enumerate(chain) if learns(m)), None)
        fits = (
            at is not None
            and is_linear(chain[at])
            and all(isinstance(m, _BEFORE) for m in chain[:at])
            and all(isinstance(m, _AFTER) for m in chain[at + 1 :])
        )
        if at is None or not fits:
            odd = (m for m in chain if not is_linear(m) and not isinstance(m, _BEFORE))
            wrong = next(odd, chain[-1] if chain else None)
            raise TrainingError(
                f"{rule} needs what arrives to be linear in the weights and in the spikes, but projection "
                f"{projection.name!r} holds {type(wrong).__name__}: use one Linear or convolution with poolings, or "
                f"rv.rules.SLTT() or rv.rules.BPTT()."
            )
        if projection.per_synapse:
            raise TrainingError(
                f"{rule} keeps one trace per presynaptic cell, but projection {projection.name!r} has a delay per "
                f"synapse: give it one delay, or use rv.rules.SLTT() or rv.rules.BPTT()."
            )
        self.projection, self.module = projection, chain[at]
        self.before, self.after = chain[:at], chain[at + 1 :]
        self.port, self.latency = projection.port, projection.latency

    @property
    def dense(self) -> bool:
        """Whether it is a plain matrix [post, pre], so that every synapse can have an eligibility of its own."""
        return not self.before and not self.after and matrix_of(self.module) is not None

    def carried(self, block: Block) -> Tensor:
        """What enters the weights in every step of a block [K, B, …]."""
        x, k = block.window.emissions[self.projection.pre].detach(), self.latency
        if k:
            past = block.start.history[self.projection.pre].detach()
            x = torch.cat([past[past.shape[0] - k :], x])[: block.count]
        if not self.before:
            return x
        lead, x = x.shape[:2], x.flatten(0, 1)
        with torch.no_grad():
            for module in self.before:
                x = module(x)
        return x.unflatten(0, lead)

    def learn(self, trace: Tensor, ones: Tensor, error: Tensor) -> None:
        """Add the gradient for a trace [B, …] of what was carried (``ones``: that of a constant 1) and an error [B, …]."""
        bias = getattr(self.module, "bias", None)
        weights = [q for q in self.module.parameters() if q.requires_grad and q is not bias]
        with torch.enable_grad():
            y = self._through(trace)
            wanted = [*weights, *([bias] if bias is not None and bias.requires_grad else [])]
            found = torch.autograd.grad(y, wanted, error, allow_unused=True)
        for q, g in zip(wanted, found, strict=True):
            if g is not None:
                add_gradient(q, g * ones if q is bias else g)

    def learn_each(self, whole: Tensor) -> None:
        """Add the gradient [post, pre] of every synapse, a last column for the bias."""
        for q in self.module.parameters():
            if q.requires_grad:
                add_gradient(q, whole[:, : q.shape[1]] if q.ndim == 2 else whole[:, -1])

    def _through(self, trace: Tensor) -> Tensor:
        y = self.module(trace)
        for module in self.after:
            y = module(y)
        return y


def add_gradient(q: Tensor, g: Tensor) -> None:
    """Add to ``.grad``."""
    q.grad = g.detach().clone() if q.grad is None else q.grad.add_(g)


def carriers(net: Network, rule: str, names: Sequence[str]) -> dict[str, list[Carrier]]:
    """The learnt projections onto each of the populations ``names``."""
    out: dict[str, list[Carrier]] = {n: [] for n in names}
    for p in net.projections.values():
        if not learns(p):
            continue
        if p.post in net.relays:
            raise TrainingError(
                f"{rule} learns the weights onto cells, but projection {p.name!r} ends in the relay {p.post!r}, which has "
                f"no state: connect it to the population behind, or use rv.rules.SLTT() or rv.rules.BPTT()."
            )
        if p.post in out:
            out[p.post].append(Carrier(p, rule))
    return out
