"""Hidden signals that are early what they will be late."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.regularizers._regularizer import Regularizer, own_steps

__all__ = ["SteadyFeatures"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class SteadyFeatures(Regularizer):
    """Regularise cosine similarity: weight * max over samples of 1/(mean over t of cos(r[t], late)), so that early steps resemble late ones.

    r[t] = max(0, u[t]), u the membrane before the reset, and late is the mean of r over the last ``share`` of a sample's own steps, without gradient;
    the cosine is over all cells of a population. The worst sample of a batch counts, because a sample that is read out wrongly early on is
    what an early decision loses (:class:`ranvier.inference.EarlyExit`). The released code leaves out samples that end up wrong and takes the cosine for each channel.

    Parameters
    ----------
    weight, populations
        As for every :class:`Regularizer`.
    share
        Which part of the steps is late, above 0 and at most 1.

    Raises
    ------
    TrainingError
        For another share, and where no population has such a membrane.

    Source: Wu et al., Frontiers in Neuroscience 2025 (SNN with regularisation and cutoff, AOI-SNN).

    >>> fit = rv.train(net, data, epochs=1, regularizers=[rv.regularizers.SteadyFeatures(0.1)])
    """

    share: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.share, bool) or not isinstance(self.share, int | float) or not 0 < self.share <= 1:
            raise TrainingError(f"SteadyFeatures: share={self.share!r} of the steps must lie in (0, 1].")

    def variable(self, net: Network, population: str) -> str | None:
        """v before the reset, of a population that fires."""
        cell = net.populations[population].cell
        return "v_before" if cell.fires and "v_before" in cell.system.before else None

    def penalty(self, net: Network, population: str, signal: Tensor, lengths: Tensor | None) -> Tensor:
        """The inverse of the mean cosine of the worst sample."""
        r, own = signal.clamp(min=0).flatten(2), own_steps(signal, lengths)
        step = torch.arange(1, len(r) + 1, device=r.device, dtype=r.dtype).unsqueeze(1)
        inside, first = step <= own, own - (own * self.share).floor().clamp(min=1)
        chosen = (inside & (step > first)).to(r)
        late = (r.detach() * chosen.unsqueeze(2)).sum(0) / chosen.sum(0).unsqueeze(1)
        size = ((r.square().sum(2) + 1e-5) * (late.square().sum(1) + 1e-5)).sqrt()
        alike = ((r * late).sum(2) / size * inside).sum(0) / own
        return (1 / (alike + 1e-5)).max()
