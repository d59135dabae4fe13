"""Contrastive predictive coding: a prediction tells the future of its own sample from those of others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.losses.loss import Kind, Loss
from ranvier.training.metrics import Metric, Tallied
from ranvier.values import is_whole

__all__ = ["Contrastive"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Contrastive(Loss):
    """InfoNCE: mean over pairs of -log softmax(scores)[own], scores[b, c] = <p[b], z[c]>/temperature over all samples c of the batch.

    p [B, F] is the prediction of each sample for its own future, and z [B, F] the encoding of that future. The futures of the other
    samples are the negatives. The network has both as outputs [T, B, F]. With ``ahead=k`` the prediction of step t belongs to the
    encoding of step t + k, and every such pair counts. The loss does not read targets in the data.

    Parameters
    ----------
    prediction, encoding
        Names of the two outputs.
    ahead
        Steps between a prediction and what it predicts, in steps of ``every``.
    every
        The loss first averages over this many steps, for example those for which a sequence shows one item. T is a multiple of it.
    temperature
        Divides the scores.

    The metric ``"own"`` is how often a sample's own future has the highest score; chance is 1/B.

    Raises
    ------
    TrainingError, ShapeError
        For impossible numbers, outputs that are missing or differ in shape, and sequences too short.

    Source: van den Oord, Li & Vinyals 2018 (CPC); with spiking encoders Bilgiç & Şengör, IEEE 2022.

    >>> loss = rv.losses.Contrastive("prediction", "encoding", ahead=1, every=10)
    """

    prediction: str = "prediction"
    encoding: str = "encoding"
    ahead: int = 1
    every: int = 1
    temperature: float = 1.0
    scores: ClassVar[tuple[str, ...]] = ("own",)

    def __post_init__(self) -> None:
        for name in ("ahead", "every"):
            if not is_whole(getattr(self, name)):
                raise TrainingError(f"Contrastive: {name}={getattr(self, name)!r} must be a positive whole number.")
        if not isinstance(self.temperature, int | float) or not 0 < self.temperature < math.inf:
            raise TrainingError(f"Contrastive: temperature={self.temperature!r} must be a positive number.")

    @property
    def classifies(self) -> bool:
        """False: a sample is its own class."""
        return False

    @property
    def targets(self) -> Kind:
        """Any: they are not read."""
        return "any"

    def target_of(self, x: Any, target: Any) -> Any:
        """Those of the data, unread."""
        return 0 if target is None else target

    def __call__(self, out: Any, target: Any, lengths: Tensor | None = None) -> Tensor:
        """The mean loss of the batch."""
        logits = self.predict(out, lengths)
        own = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
        return functional.cross_entropy(logits.flatten(0, 1), own.flatten())

    def predict(self, out: Any, lengths: Tensor | None = None) -> Tensor:
        """Scores [pairs, B, B] of every prediction [:, b] with every encoding [:, :, c]."""
        if lengths is not None:
            raise TrainingError(
                "Contrastive compares samples step by step, so all must have one length: leave lengths out."
            )
        names = (self.prediction, self.encoding)
        missing = [n for n in names if not isinstance(out, dict) or n not in out]
        if missing:
            raise ShapeError(
                f"Contrastive reads the outputs {names[0]!r} and {names[1]!r}, but {missing[0]!r} is missing: mark both with output=True."
            )
        p, z = (self._items(out[n]) for n in names)
        if p.shape != z.shape or len(p) <= self.ahead or p.shape[1] < 2:
            raise ShapeError(
                f"Contrastive got predictions {tuple(p.shape)} and encodings {tuple(z.shape)} [items, B, F]: give both the same shape, more than "
                f"{self.ahead} items, and at least two samples in every batch, also in the last."
            )
        return torch.einsum("tbf,tcf->tbc", p[: -self.ahead], z[self.ahead :]) / self.temperature

    def metric(self, name: str) -> Tallied:
        """``"own"``: how often the own future has the highest score."""
        if name != "own":
            raise TrainingError(
                f"metric={name!r}: Contrastive scores 'own', how often the own future has the highest score, or 'loss'."
            )
        return Metric(lambda out, target, lengths=None: self._own(out, lengths), "own", larger=True)

    def _items(self, x: Tensor) -> Tensor:
        """Means over ``every`` steps [items, B, F]."""
        if len(x) % self.every:
            raise ShapeError(f"Contrastive: {len(x)} steps are not a multiple of every={self.every}.")
        return x.flatten(2).unflatten(0, (-1, self.every)).mean(1)

    def _own(self, out: Any, lengths: Tensor | None) -> Tensor:
        logits = self.predict(out, lengths).detach()
        own = torch.arange(logits.shape[1], device=logits.device)
        return (logits.argmax(2) == own).double().mean()
