"""One pass over a data set: learning from it, or only scoring it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._data import Batches, Signal, key
from ranvier.training._gradients import clip_gradient, gradient_norms, total_norm
from ranvier.training._health import Health
from ranvier.training._locate import first_non_finite
from ranvier.training._metrics import Mean, Score, correct
from ranvier.training.rules import PerStep, Rule

__all__ = ["Loop"]

Tensor = torch.Tensor


@dataclass
class Loop:
    """What every pass needs. Random numbers within a pass are a function of the seed and the epoch alone."""

    net: Network
    rule: Rule
    loss: Callable[[Any, Tensor], Any]
    optimizer: torch.optim.Optimizer
    clip: float | None
    seed: int
    health: Health

    def learn(self, batches: Batches, epoch: int, after: Callable[[], None]) -> tuple[Score, float, dict[str, float]]:
        """One epoch; its score, the largest gradient norm, and the rates of all populations."""
        mean, largest = Mean(), 0.0
        self.net.train()
        with _random(self.seed, epoch, "train"):
            for number, (x, y) in enumerate(batches.epoch(epoch), 1):
                where = f"batch {number} of epoch {epoch}"
                generator = torch.get_rng_state()
                target = torch.as_tensor(y).to(self.net.device)
                self.optimizer.zero_grad()
                update = (epoch - 1) * len(batches) + number - 1
                score = partial(self._score, x=x, target=target, generator=generator, where=where)
                criterion = PerStep(score, getattr(self.loss, "per_step", False), update)
                outcome = self.rule.gradient(self.net, x, criterion)
                norms = gradient_norms(self.net)
                norm = total_norm(norms, where)
                if self.clip is not None:
                    clip_gradient(self.net, norm, self.clip)
                self.optimizer.step()
                largest = max(largest, norm)
                steps, samples = _sizes(x)
                self.health.batch(outcome.spikes, steps * samples, norms, where)
                mean.add(outcome.loss, correct(self.loss, outcome.out, target), samples)
                after()
        return mean.score(), largest, self.health.end_epoch(epoch)

    def validate(self, batches: Batches, epoch: int) -> Score:
        """Loss and accuracy on data that is not learnt from; noise is drawn alike in every epoch."""
        mean = Mean()
        self.net.eval()
        window = self.rule.arguments().get("window")
        with torch.no_grad(), _random(self.seed, "valid"):
            for number, (x, y) in enumerate(batches.epoch(0), 1):
                target = torch.as_tensor(y).to(self.net.device)
                generator = torch.get_rng_state()
                out, _ = self.net(x, window=window)
                loss = self._score(out, x, target, generator, f"validation batch {number} after epoch {epoch}")
                mean.add(loss, correct(self.loss, out, target), _sizes(x)[1])
        return mean.score()

    def _score(self, out: Any, x: Signal, target: Tensor, generator: Tensor, where: str) -> Tensor:
        loss = self.loss(out, target)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise TrainingError(
                f"the loss must give one number per batch, got {what}: average over the batch and over time."
            )
        if not math.isfinite(float(loss.detach())):
            raise TrainingError(
                f"the loss is {float(loss.detach())} in {where}: {first_non_finite(self.net, x, generator)}."
            )
        return loss.reshape(())


def _sizes(x: Signal) -> tuple[int, int]:
    first = next(iter(x.values())) if isinstance(x, Mapping) else x
    return first.shape[0], first.shape[1]


@contextmanager
def _random(*parts: object) -> Iterator[None]:
    """Torch's random numbers follow from ``parts`` inside, and go on as before outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(*parts))
        yield
