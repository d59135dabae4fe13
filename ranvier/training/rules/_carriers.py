"""How the parameters of a projection enter what arrives: linearly in both, so that a trace of spikes can stand for them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network, Projection
from ranvier.training.rules._refuse import learns
from ranvier.training.rules.series import Block

__all__ = ["Carrier", "add_gradient", "carriers"]

Tensor = torch.Tensor


class Carrier:
    """A projection whose weights are learnt from a trace of what it carried."""

    def __init__(self, projection: Projection, rule: str) -> None:
        chain = projection.chain.transforms
        at = next((k for k, t in enumerate(chain) if learns(t.module)), None)
        fits = (
            at is not None
            and chain[at].linear_in_weight
            and all(t.fixed for t in chain[:at])
            and all(t.fixed and t.linear_in_input for t in chain[at + 1 :])
        )
        if at is None or not fits:
            odd = (t for t in chain if not t.linear_in_weight and not t.fixed)
            wrong = next(odd, chain[-1] if chain else projection.transform)
            raise TrainingError(
                f"{rule} needs what arrives to be linear in the weights and in the spikes, but projection "
                f"{projection.name!r} holds {wrong.kind}: use one Linear or convolution with poolings, or "
                f"rv.rules.SLTT() or rv.rules.BPTT()."
            )
        self.projection, self.transform = projection, chain[at]
        self.before, self.after = chain[:at], chain[at + 1 :]
        self.port, self.latency = projection.port, projection.latency

    @property
    def plain(self) -> bool:
        """Whether each of its weights joins one cell to one cell, so that every synapse can have an eligibility of its own."""
        return not self.before and not self.after and (self.transform.is_matrix or self.transform.pattern() is not None)

    @property
    def shared(self) -> bool:
        """Whether one trace for each presynaptic cell serves all its synapses: they have one latency."""
        return not self.projection.per_synapse

    def tape(self, block: Block, before: int) -> Tensor:
        """What the cells before emitted in the steps by which a block moves on, and in ``before`` steps before them."""
        x = block.window.emissions[self.projection.pre].detach()
        if not before:
            return x
        past = block.start.history[self.projection.pre].detach()
        return torch.cat([past[past.shape[0] - before :], x])

    def carried(self, block: Block) -> Tensor:
        """What enters the weights in every step by which a block moves on [K, B, …]."""
        x = self.tape(block, self.latency)[: block.moved]
        if not self.before:
            return x
        lead, x = x.shape[:2], x.flatten(0, 1)
        with torch.no_grad():
            for transform in self.before:
                x = transform(x)
        return x.unflatten(0, lead)

    def learn(self, trace: Tensor, ones: Tensor, error: Tensor) -> None:
        """Add the gradient for a trace [B, …] of what was carried (``ones``: that of a constant 1) and an error [B, …]."""
        back = [trace]
        for transform in (self.transform, *self.after)[: len(self.after)]:
            back.append(transform(back[-1]))
        for transform, x in zip(reversed(self.after), reversed(back), strict=False):
            error = transform.pullback(error, x)
        for q, g in self.transform.weight_pullback(trace, error, ones):
            add_gradient(q, g)


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
