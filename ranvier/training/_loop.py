"""One pass over a data set: learning from it, or only scoring it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._criterion import BatchCriterion, Hidden
from ranvier.training._locate import first_non_finite, infinite_slope
from ranvier.training._signals import Asked, asked_for
from ranvier.training._updates import Updates
from ranvier.training.batches import Signal, Source, key, moved, sizes_of
from ranvier.training.losses import Loss
from ranvier.training.metrics import Mean, Score, Tallied
from ranvier.training.regularizers import Regularizer, signals_of
from ranvier.training.rules import Rule

__all__ = ["Loop"]

Tensor = torch.Tensor


@dataclass
class Loop:
    """What every pass needs. Random numbers within a pass are a function of the seed and the epoch alone."""

    net: Network
    rule: Rule
    loss: Callable[..., Any]
    updates: Updates
    seed: int
    regularizers: tuple[Regularizer, ...] = ()
    metrics: tuple[Tallied, ...] = ()

    def learn(self, batches: Source, epoch: int, after: Callable[[], None]) -> tuple[Score, float, dict[str, float]]:
        """One epoch; its score, the largest gradient norm, and the rates of all populations."""
        mean, updates, health, where = Mean(self.metrics), self.updates, self.updates.health, f"epoch {epoch}"
        updates.largest, parameters, cause = 0.0, [*self.net.parameters()], str
        self.net.train()
        asked = asked_for(self.net, signals_of(self.regularizers, self.net))
        with _random(self.seed, epoch, "train"):
            for number, (x, y, lengths) in enumerate(batches.epoch(epoch), 1):
                where = f"batch {number} of epoch {epoch}"
                generator = torch.get_rng_state()
                target = self._target(x, y)
                for parameter in parameters:
                    parameter.grad = None
                criterion = self._criterion(x, target, lengths, generator, where, updates.done, asked)
                with updates.mixed.context(self.net.device):
                    outcome = self.rule.gradient(self.net, x, criterion)
                cause = partial(infinite_slope, self.net, x, criterion.score, generator, updates.done)
                steps, samples = sizes_of(x)
                updates.batch(samples, epoch, where, cause)
                health.batch(outcome.spikes, steps * samples if lengths is None else int(lengths.sum()))
                mean.add(outcome.loss / criterion.scale, outcome.out, target, lengths, samples)
                after()
            updates.rest(epoch, where, cause)
        if not mean.samples:
            raise TrainingError(
                f"{batches.name} gave no batch in epoch {epoch}: give at least one sample in every epoch; an iterator is read only once."
            )
        return mean.score(), updates.largest, health.end_epoch(epoch)

    def validate(self, batches: Source, epoch: int) -> Score:
        """Loss and metrics on held-out data; every epoch draws the same noise."""
        mean = Mean(self.metrics)
        self.net.eval()
        window = self.rule.arguments().get("window")
        with torch.no_grad(), self.updates.mixed.context(self.net.device), _random(self.seed, "valid"):
            for number, (x, y, lengths) in enumerate(batches.epoch(0), 1):
                target = self._target(x, y)
                generator = torch.get_rng_state()
                out, _ = self.net(x, window=window)
                where = f"validation batch {number} after epoch {epoch}"
                loss = self._checked(self._loss(out, target, lengths), x, target, generator, where, epoch)
                mean.add(loss, out, target, lengths, sizes_of(x)[1])
        if not mean.samples:
            raise TrainingError(
                f"{batches.name} gave no batch after epoch {epoch}: give at least one sample in every epoch."
            )
        return mean.score()

    def _criterion(
        self, x: Signal, target: Any, lengths: Tensor | None, generator: Tensor, where: str, update: int, asked: Asked
    ) -> BatchCriterion:
        """The loss of one batch and what the regularisers add to it, with the signals that these read."""

        def score(out: Any, steps: Any = None, total: int = 0) -> Tensor:
            own = target if steps is None else self._at_steps(target, out, steps, total)
            return self._checked(self._loss(out, own, lengths), x, target, generator, where, update)

        def penalty(hidden: Hidden) -> Tensor:
            return torch.stack([r(self.net, hidden, lengths, x) for r in self.regularizers]).sum()

        per_step = lengths is None and getattr(self.loss, "per_step", False)  # steps of padded samples weigh unequally
        scale = self.updates.mixed.scale
        return BatchCriterion(score, penalty if self.regularizers else None, asked, lengths, per_step, update, scale)

    def _target(self, x: Signal, y: Any) -> Any:
        """The target of a batch, on the device of the network."""
        target = moved(y, self.net.device)
        return self.loss.target_of(x, target) if isinstance(self.loss, Loss) else target

    def _at_steps(self, target: Any, out: Any, steps: Any, total: int) -> Any:
        return self.loss.at_steps(target, out, steps, total) if isinstance(self.loss, Loss) else target

    def _loss(self, out: Any, target: Any, lengths: Tensor | None) -> Any:
        return self.loss(out, target) if lengths is None else self.loss(out, target, lengths)

    def _checked(self, loss: Any, x: Signal, target: Any, generator: Tensor, where: str, update: int) -> Tensor:
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise TrainingError(
                f"the loss must give one number per batch, got {what}: average over the batch and over time."
            )
        if not math.isfinite(float(loss.detach())):
            raise TrainingError(
                f"the loss is {float(loss.detach())} in {where}: "
                f"{first_non_finite(self.net, x, target, generator, update)}."
            )
        return loss.reshape(())


@contextmanager
def _random(*parts: object) -> Iterator[None]:
    """Torch's random numbers follow from ``parts`` inside, and go on as before outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(*parts))
        yield
