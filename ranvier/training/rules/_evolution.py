"""Evolution strategies: a gradient from losses alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.dynamics import Cuts
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._buffers import same_buffers
from ranvier.training._criterion import lengths_of
from ranvier.training.batches import Signal
from ranvier.training.rules._criterion import Criterion
from ranvier.training.rules._refuse import refuse_half, whole_number
from ranvier.training.rules._rule import Outcome, Rule
from ranvier.training.rules._windows import one, run_through
from ranvier.training.rules.series import Series
from ranvier.training.scales import choose_scales

__all__ = ["EvolutionStrategies"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class EvolutionStrategies(Rule):
    """Gradient estimate 1/(n sigma s) sum over i of u_i e_i, with e_i ~ N(0, 1) for every parameter, drawn in pairs +-e.

    u_i is the loss at theta + sigma s e_i, where s is the size of the parameter as ``scale="auto"`` of ``rv.train`` takes it (1
    for what has no unit, a power of two elsewhere); with ``ranks`` its rank among the population, from -1/2 to 1/2, which makes the
    step independent of the scale of the loss (then it is a direction, not an estimate of the gradient's length). The true
    derivative of the spikes is never asked for: nothing is surrogate here, and any loss will do.

    Parameters
    ----------
    population
        n, an even number of networks that are tried per batch; all see the same batch and the same noise.
    sigma
        Size of the perturbation, relative to the size s of each parameter.
    ranks
        Use ranks instead of losses.
    window
        Steps that are kept at a time.

    Perturbations follow torch's generator. Source: Salimans et al., arXiv 1703.03864; antithetic pairs: Geweke, Journal of
    Econometrics 1988.

    >>> fit = rv.train(net, data, epochs=3, rule=rv.rules.EvolutionStrategies(population=64, sigma=0.05))
    """

    population: int = 32
    sigma: float = 0.02
    ranks: bool = True
    window: int = 64

    def __post_init__(self) -> None:
        for name in ("population", "window"):
            whole_number(getattr(self, name), "EvolutionStrategies", name)
        if self.population % 2:
            raise TrainingError(
                f"EvolutionStrategies: population={self.population} must be even: perturbations come in pairs."
            )
        if not (self.sigma > 0 and math.isfinite(self.sigma)):
            raise TrainingError(f"EvolutionStrategies: sigma={self.sigma!r} must be a positive finite number.")

    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule."""
        return {"window": self.window}

    @torch.no_grad()
    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state, and perturbed; add the estimate to ``.grad``."""
        refuse_half(net, "EvolutionStrategies")
        factors = choose_scales(net, "auto", ready=False).factors
        sized = [(q, factors.get(n, 1.0)) for n, q in net.named_parameters() if q.requires_grad]
        learnt, sizes = [q for q, _ in sized], [s for _, s in sized]
        before = [q.clone() for q in learnt]
        start = torch.get_rng_state()
        outcome = self._run(net, x, criterion)
        after = torch.get_rng_state()
        noise, losses = [], []
        try:
            with same_buffers(net):
                for _ in range(self.population // 2):
                    torch.set_rng_state(after)
                    drawn = [torch.randn_like(q) for q in learnt]
                    after = torch.get_rng_state()
                    noise.append(drawn)
                    for sign in (1, -1):
                        for q, p, e, s in zip(learnt, before, drawn, sizes, strict=True):
                            q.copy_(p + sign * self.sigma * s * e)
                        torch.set_rng_state(start)
                        losses.append(self._run(net, x, criterion).loss.double())
        finally:
            for q, p in zip(learnt, before, strict=True):
                q.copy_(p)
            torch.set_rng_state(after)
        worth = torch.stack(losses)
        if self.ranks:
            worth = worth.argsort().argsort().double() / (self.population - 1) - 0.5
        pairs = (worth[0::2] - worth[1::2]) / (self.population * self.sigma)
        for k, q in enumerate(learnt):
            slope = torch.zeros_like(q)
            for u, drawn in zip(pairs.tolist(), noise, strict=True):
                slope.add_(drawn[k], alpha=u / sizes[k])
            q.grad = slope if q.grad is None else q.grad.add_(slope)
        return outcome

    def _run(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        tally = run_through(Series(net, x, self.window, Cuts()), lengths_of(criterion))
        return tally.outcome(criterion(one(tally.out)))
