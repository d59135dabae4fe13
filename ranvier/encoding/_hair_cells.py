"""Inner hair cells: the velocity of the membrane opens the release of transmitter."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.errors import RanvierError

__all__ = ["HairCells", "Pools"]

Tensor = torch.Tensor


@dataclass
class Pools:
    """Transmitter of every hair cell: free in the cell q, in the cleft c, on its way back w (shares of the pool m)."""

    q: Tensor
    c: Tensor
    w: Tensor


@dataclass(frozen=True)
class HairCells:
    """Three pools of transmitter between the membrane and the auditory nerve.

        k(v) = release (v + a)/(v + a + b) where v + a > 0, else 0
        dq/dt = replenish max(m - q, 0) - k q + return w
        dc/dt = k q - (loss + reuptake) c
        dw/dt = reuptake c - return w

    by Euler's rule, no pool below 0; a fibre of the nerve fires at ``gain`` c per second.

    Parameters
    ----------
    replenish, release, loss, reuptake, restore
        Rates in 1/s; ``restore`` is the return from w.
    a, b
        Of the release, in the unit of the membrane's velocity.
    gain
        Spikes per second for a cleft of 1.
    pool
        m.

    Source: Meddis, J. Acoust. Soc. Am. 79, 702 (1986) and 83, 1056 (1988).

    >>> ear = rv.encoding.Cochlea(hair=rv.encoding.HairCells(gain=40000.0))
    """

    replenish: float = 5.05
    release: float = 2000.0
    loss: float = 2500.0
    reuptake: float = 6580.0
    restore: float = 66.3
    a: float = 5.0
    b: float = 300.0
    gain: float = 50000.0
    pool: float = 1.0

    def check(self, rate: float) -> None:
        """Refuse a ``rate`` of steps per second at which Euler's rule would overshoot."""
        least = self.loss + self.reuptake
        if rate <= least:
            raise RanvierError(f"rate={rate:g} Hz is too low for hair cells; give more than {least:g} Hz")

    def rest(self, like: Tensor) -> Pools:
        """The pools in silence, one of each for every element of ``like``."""
        k = self.release * self.a / (self.a + self.b)
        cleft = self.pool * self.replenish * k / (self.loss * k + self.replenish * (self.loss + self.reuptake))
        full = torch.full_like
        return Pools(
            full(like, cleft * (self.loss + self.reuptake) / k), full(like, cleft), full(like, cleft * self.reuptake / self.restore)
        )  # fmt: skip

    def opening(self, velocity: Tensor, rate: float) -> Tensor:
        """k(v)/rate, elementwise."""
        above = (velocity + self.a).clamp_(min=0)
        return above.div_(above + self.b).mul_(self.release / rate)

    def step(self, opening: Tensor, pools: Pools, rate: float) -> Tensor:
        """Advance ``pools`` in place by 1/rate and return the chance [0, 1) that a fibre fires in this step."""
        q, c, w = pools.q, pools.c, pools.w
        ejected = opening * q
        back = w * (self.restore / rate)
        fresh = (self.pool - q).clamp_(min=0).mul_(self.replenish / rate)
        q.add_(fresh).sub_(ejected).add_(back).clamp_(min=0)
        w.add_(c, alpha=self.reuptake / rate).sub_(back).clamp_(min=0)
        c.mul_(1 - (self.loss + self.reuptake) / rate).add_(ejected).clamp_(min=0)
        return c * (self.gain / rate)
