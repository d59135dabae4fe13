"""Bushy cells: each collects the spikes of the nerve fibres of one hair cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ranvier.units.steps import steps_in

__all__ = ["BushyCells", "Nerve"]

Tensor = torch.Tensor
_NOTHING = 1e-10  # a chance too small to look further


@dataclass(frozen=True)
class BushyCells:
    """Integrate-and-fire cells fed by ``fibres`` nerve fibres each.

        di/dt = -i/tau_syn + sum of fibre spikes,   dv/dt = -v/tau_m + weight/fibres · i,   fires at v >= 1, then v = 0

    for a refractory period. Fibres fire at random and have a refractory period too; being alike, only their number
    counts, which is drawn from the binomial law of those that can fire.

    Parameters
    ----------
    fibres
        Per cell.
    tau_m, tau_syn, refractory
        In seconds.
    weight
        Of all fibres together, 1/s.

    Source: Cramer, Stradmann, Schemmel & Zenke, IEEE TNNLS 2020 (after Rothman, Young & Manis, J. Neurophysiol. 1993).

    >>> ear = rv.encoding.Cochlea(bushy=rv.encoding.BushyCells(fibres=20))
    """

    fibres: int = 40
    tau_m: float = 1e-3
    tau_syn: float = 5e-4
    refractory: float = 1e-3
    weight: float = 13e3


class Nerve:
    """Fibres and bushy cells on their way through time; ``like`` is one value per cell."""

    def __init__(self, cells: BushyCells, rate: float, like: Tensor, generator: torch.Generator | None) -> None:
        self.cells, self.generator = cells, generator
        self.dead = max(1, math.ceil(steps_in(cells.refractory * rate, 1.0)))
        self.leak, self.fade = math.exp(-1 / (rate * cells.tau_m)), math.exp(-1 / (rate * cells.tau_syn))
        self.kick = cells.weight / (cells.fibres * rate)
        self.ready = torch.full_like(like, cells.fibres)
        self.fired = torch.zeros(self.dead, *like.shape, dtype=like.dtype)
        self.v, self.i, self.wait = torch.zeros_like(like), torch.zeros_like(like), torch.zeros_like(like)
        self.now = 0

    def step(self, chance: Tensor) -> Tensor:
        """Fire fibres with ``chance`` and cells where they reach threshold; bool."""
        return self.integrate(self.fire_fibres(chance))

    def fire_fibres(self, chance: Tensor) -> Tensor:
        """How many fibres of each cell fire in this step; those that fired ``dead`` steps ago are ready again."""
        slot = self.fired[self.now % self.dead]
        self.ready.add_(slot)
        count = _binomial(self.ready, chance, self.generator)
        self.ready.sub_(count)
        slot.copy_(count)
        self.now += 1
        return count

    def integrate(self, count: Tensor) -> Tensor:
        """Advance the cells by one step in which ``count`` of their fibres fired; True where one fires."""
        self.i.mul_(self.fade).add_(count)
        free = self.wait <= 0
        self.v.mul_(self.leak).add_(self.i, alpha=self.kick).mul_(free)
        fires = self.v >= 1
        self.v.masked_fill_(fires, 0)
        self.wait.sub_(1).masked_fill_(fires, self.dead)
        return fires


def _binomial(trials: Tensor, chance: Tensor, generator: torch.Generator | None) -> Tensor:
    """One binomial draw per element, by inversion of u; below 1 - n p it is 0, as (1 - p)^n is no less (Bernoulli)."""
    u = torch.rand(chance.shape, generator=generator, dtype=chance.dtype)
    count = torch.zeros_like(chance)
    some = torch.nonzero(torch.addcmul(u, trials, chance).flatten() >= 1).squeeze(1)
    if not len(some):
        return count
    n, p, u = (t.flatten()[some] for t in (trials, chance.clamp(max=1), u))
    likely = p > 0.5  # then count those that stay away
    p = torch.where(likely, 1 - p, p)
    mass = torch.exp(torch.log1p(-p) * n)
    odds, below, k = p / (1 - p), mass, torch.zeros_like(p)
    more, j = u >= below, 0
    while bool(more.any()):
        k.add_(more)
        mass = mass * (n - j) * odds / (j + 1)
        j += 1
        below = below + mass
        more = more & (u >= below) & ((mass > _NOTHING) | (n * p > j))
    k = torch.minimum(k, n)
    count.view(-1)[some] = torch.where(likely, n - k, k)
    return count
