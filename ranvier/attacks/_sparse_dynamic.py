"""As few flipped pixels of binary frames as possible."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import torch

from ranvier.attacks._attack import Attack, check_count
from ranvier.attacks._binary import check_binary
from ranvier.attacks._target import Target

__all__ = ["SparseDynamic"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class SparseDynamic(Attack):
    """Flips pixels of binary frames, each sample for itself, until its class changes; then takes back those that are not needed (SDA).

    In round n the first*n pixels with the largest gradient are tried whose flip should raise the loss and that are not yet
    flipped. Each is flipped alone, and stays flipped where the loss does not fall. Where the class is another one, the
    pixels are ordered by what their flip gained, and as many of the least as possible are flipped back, by bisection. A sample whose class
    does not change within ``rounds`` comes back as it was.

    Parameters
    ----------
    first
        Pixels that the first round tries.
    rounds
        Of flips at most.
    together
        Flips that one call tries.
    loss, surrogate, samples_axis, seed
        As for every :class:`Attack`. The paper takes the margin, :class:`ranvier.losses.Margin`, and a :class:`PotentialDependent` surrogate.

    Raises
    ------
    RanvierError
        For samples that hold other numbers than 0 and 1.

    Source: Lun et al., CVPR 2025.

    >>> x, y = torch.rand(10, 2, 20).round(), torch.tensor([0, 1])
    >>> attack = rv.attacks.SparseDynamic(rounds=3, loss=rv.losses.Margin(), surrogate=rv.attacks.PotentialDependent())
    >>> attack(net, x, y).unique().tolist()
    [0.0, 1.0]
    """

    _: KW_ONLY
    first: int = 10
    rounds: int = 50
    together: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("first", "rounds", "together"):
            check_count(name, getattr(self, name), 1)

    def check(self, x: Tensor) -> None:
        """Refuse what is no frame of zeros and ones."""
        check_binary(x)

    def change(self, target: Target, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        """All samples, one after the other."""
        wrong = target.wrong(x, y)
        found = [
            one if wrong[b] else self._one(target, one, y[b : b + 1], draw)
            for b, one in enumerate(x.split(1, target.axis))
        ]
        return torch.cat(found, target.axis)

    def _one(self, target: Target, x: Tensor, y: Tensor, draw: torch.Generator) -> Tensor:
        gains = torch.zeros(
            x.numel(), dtype=x.dtype, device=x.device
        )  # what each flip gained; of pixels as they were, 0
        flipped = torch.zeros_like(gains, dtype=torch.bool)
        for n in range(self.rounds):
            now = _flip(x, flipped)
            gradient, wrong = target.gradient(now, y)
            if bool(wrong):
                return self._fewest(target, x, y, flipped, gains)
            tried = _promising(gradient, now, flipped, self.first * (n + 1), draw)
            gain = self._gains(target, now, y, tried)
            kept = tried[gain >= 0]
            gains[kept], flipped[kept] = gain[gain >= 0], True
        return self._fewest(target, x, y, flipped, gains) if bool(target.wrong(_flip(x, flipped), y)) else x

    @torch.no_grad()
    def _gains(self, target: Target, now: Tensor, y: Tensor, tried: Tensor) -> Tensor:
        """By how much each flip alone raises the loss."""
        before, found = target.losses(target.output(now), y), []
        for some in tried.split(self.together):
            rows = now.flatten().repeat(len(some), 1)
            each = torch.arange(len(some), device=some.device)
            rows[each, some] = 1 - rows[each, some]
            batch = torch.cat([row.reshape(now.shape) for row in rows], target.axis)
            found.append(target.losses(target.output(batch), y.expand(len(some))))
        return torch.cat(found) - before if found else before[:0]

    @staticmethod
    def _fewest(target: Target, x: Tensor, y: Tensor, flipped: Tensor, gains: Tensor) -> Tensor:
        """Without the most of the least useful flips that still leave another class."""
        order = flipped.nonzero().flatten()
        order = order[gains[order].argsort()]
        low, high, found = 0, len(order), _flip(x, flipped)
        while low < high:  # flipping back the first ``low`` is known to do
            middle = (low + high + 1) // 2
            fewer = flipped.clone()
            fewer[order[:middle]] = False
            tried = _flip(x, fewer)
            if bool(target.wrong(tried, y)):
                low, found = middle, tried
            else:
                high = middle - 1
        return found


def _flip(x: Tensor, flipped: Tensor) -> Tensor:
    return torch.where(flipped.reshape(x.shape), 1 - x, x)


def _promising(gradient: Tensor, now: Tensor, flipped: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Pixels whose flip raises the loss to first order, the largest first; random ones where there are too few."""
    rise = (gradient * (1 - 2 * now)).flatten().clamp(min=0)
    some = rise[rise > 0]
    least = some.min() if len(some) else torch.ones((), dtype=rise.dtype, device=rise.device)
    drawn = torch.rand(rise.shape, generator=draw, dtype=rise.dtype).to(rise.device) * least
    rise = torch.where(rise > 0, rise, drawn).masked_fill(flipped, -1)
    best, where = rise.topk(min(count, rise.numel()))
    return where[best >= 0]
