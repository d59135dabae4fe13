"""Cut-offs that learn from samples what a read-out is worth at each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from ranvier.errors import RanvierError
from ranvier.inference._rule import Margin, StopRule

__all__ = ["GapCutoff", "LearnedCutoff"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class GapCutoff(StopRule):
    """Top-K cut-off: how often samples with a gap as large as this one at the same step are right from here on.

    g is the distance of the two largest numbers of the read-out. ``fit`` keeps for every step t the gaps of its samples and

        sure[t](g) = max over b <= g of (1 + samples with gap >= b that are right at t and at all later steps)/(2 + samples with gap >= b)

    so that a threshold sigma on ``sure`` is a smallest gap beta[t] of its own for every step. 1 and 2 are the rule of succession, which
    the source lacks: without them a single sample with a large gap would count as certain.

    Raises
    ------
    RanvierError
        Where it is used before ``fit``.

    Source: Wu et al., Frontiers in Neuroscience 2025 (SNN with regularisation and cutoff).

    >>> read = torch.tensor([[[1.0, 0.0], [3.0, 0.0]]])
    >>> rule = rv.inference.GapCutoff().fit(read, torch.tensor([1, 0]), torch.tensor([1]))
    >>> rule.confidence(torch.tensor([[2.0, 0.0], [4.0, 0.0]]), 1).tolist()
    [0.5, 0.6666666666666666]
    """

    table: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    learns: ClassVar[bool] = True

    def confidence(self, read: Tensor, step: int) -> Tensor:
        """The share of samples that are right from here on [B]."""
        if not self.table:
            raise RanvierError("GapCutoff knows no gaps yet: calibrate, or call fit, before it decides.")
        gaps, sure = self.table[min(self.table, key=lambda known: abs(known - step))]
        below = torch.searchsorted(gaps, Margin().confidence(read, step).to(gaps), right=True)
        return sure[(below - 1).clamp(min=0)] * (below > 0)

    def fit(self, read: Tensor, target: Tensor, steps: Tensor) -> GapCutoff:
        """The rule with the gaps of these samples."""
        stays = (read.argmax(2) == target).flip(0).long().cummin(0).values.flip(0).bool()
        table = {}
        for step, now, right in zip(steps.tolist(), read, stays, strict=True):
            gaps, order = Margin().confidence(now, step).double().sort()
            above = torch.arange(len(gaps), 0, -1, dtype=torch.float64)
            share = (right[order].double().flip(0).cumsum(0).flip(0) + 1) / (above + 2)
            table[step] = gaps, share.cummax(0).values
        return GapCutoff(table)


@dataclass(frozen=True)
class LearnedCutoff(StopRule):
    """A cut-off that is learnt: the probability that waiting for all steps would not help, by logistic regression.

    Its inputs are the largest probability, the entropy, the two largest numbers of the read-out and their distance, and the share of steps
    that have passed. The target is 1 where the class is right now, or wrong at the end as well.

    Parameters
    ----------
    iterations
        Of L-BFGS in ``fit``.
    decay
        Weight decay of the regression.

    Raises
    ------
    RanvierError
        Where it is used before ``fit``.

    Source: Li et al., NeurIPS 2023 (SEENN-II) learn the number of steps by reinforcement; here a regression learns the decision.

    >>> read, y = torch.rand(5, 20, 3), torch.arange(20) % 3
    >>> rule = rv.inference.LearnedCutoff().fit(read, y, torch.arange(1, 6))
    >>> rule.confidence(read[0], 1).shape
    torch.Size([20])
    """

    iterations: int = 50
    decay: float = 1e-3
    weight: Tensor | None = None
    centre: Tensor | None = None
    scale: Tensor | None = None
    total: int = 1
    learns: ClassVar[bool] = True

    def confidence(self, read: Tensor, step: int) -> Tensor:
        """The probability that waiting would not help [B]."""
        if self.weight is None or self.centre is None or self.scale is None:
            raise RanvierError("LearnedCutoff has learnt nothing yet: calibrate, or call fit, before it decides.")
        seen = (_seen(read, step / self.total) - self.centre) / self.scale
        return (seen @ self.weight[:-1] + self.weight[-1]).sigmoid()

    def fit(self, read: Tensor, target: Tensor, steps: Tensor) -> LearnedCutoff:
        """The rule with weights learnt from these samples."""
        total = int(steps[-1])
        seen = torch.cat([_seen(now, step / total) for now, step in zip(read, steps.tolist(), strict=True)])
        right = read.argmax(2) == target
        good = (right | ~right[-1]).flatten().double()
        centre, scale = seen.mean(0), seen.std(0).clamp(min=1e-6)
        inputs = torch.cat([(seen - centre) / scale, torch.ones(len(seen), 1, dtype=torch.float64)], 1)
        weight = torch.zeros(inputs.shape[1], dtype=torch.float64, requires_grad=True)
        descent = torch.optim.LBFGS([weight], max_iter=self.iterations, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            descent.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(inputs @ weight, good)
            loss = loss + self.decay * weight.square().sum()
            loss.backward()
            return loss

        with torch.enable_grad():
            descent.step(closure)
        return LearnedCutoff(self.iterations, self.decay, weight.detach(), centre, scale, total)


def _seen(read: Tensor, passed: float) -> Tensor:
    """What the regression reads [B, 6] of a read-out [B, C], in float64."""
    read = read.double()
    logs = read.log_softmax(1)
    first, second = read.topk(2, 1).values.unbind(1)
    share = torch.full_like(first, passed)
    return torch.stack([logs.exp().amax(1), (logs.exp() * logs).sum(1), first, second, first - second, share], 1)
