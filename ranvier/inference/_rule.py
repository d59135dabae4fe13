"""The interface of stop rules, and those that need nothing but the read-out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch

__all__ = ["Entropy", "Margin", "MaxSoftmax", "StopRule"]

Tensor = torch.Tensor


class StopRule(ABC):
    """How sure a read-out is. A sample stops once its confidence reaches a threshold, which calibration chooses.

    A rule of your own is a class with :meth:`confidence`. A rule that learns something also sets ``learns`` and has :meth:`fit`.
    """

    learns: ClassVar[bool] = False

    def fit(self, read: Tensor, target: Tensor, steps: Tensor) -> Self:
        """The rule with numbers learnt from read-outs ``read`` [K, S, C] after ``steps`` [K] and classes ``target`` [S]."""
        return self

    @abstractmethod
    def confidence(self, read: Tensor, step: int) -> Tensor:
        """A number for each sample [B], larger where the read-out ``read`` [B, C] after ``step`` steps is surer."""


class MaxSoftmax(StopRule):
    """The largest probability: max over c of softmax(r)[c], from 1/C to 1.

    Source: Li et al., NeurIPS 2023 (SEENN-I).

    >>> rv.inference.MaxSoftmax().confidence(torch.tensor([[0.0, 0.0], [0.0, 9.0]]), 1).round(decimals=2).tolist()
    [0.5, 1.0]
    """

    def confidence(self, read: Tensor, step: int) -> Tensor:
        """The largest probability [B]."""
        return read.softmax(1).amax(1)


class Entropy(StopRule):
    """How far the entropy lies below that of a guess: 1 + sum over c of p[c]*log(p[c])/log(C), p = softmax(r), from 0 to 1.

    Source: Li et al., DATE 2023 (DT-SNN: input-aware dynamic timestep).

    >>> rv.inference.Entropy().confidence(torch.tensor([[0.0, 0.0], [0.0, 99.0]]), 1).tolist()
    [0.0, 1.0]
    """

    def confidence(self, read: Tensor, step: int) -> Tensor:
        """One minus the entropy in units of log(C) [B]."""
        logs = read.log_softmax(1)
        most = torch.tensor(float(read.shape[1])).log()
        return 1 + (logs.exp() * logs).sum(1) / most


class Margin(StopRule):
    """The distance of the two largest numbers of the read-out: r[first] - r[second].

    >>> rv.inference.Margin().confidence(torch.tensor([[3.0, 1.0, 0.0]]), 1).tolist()
    [2.0]
    """

    def confidence(self, read: Tensor, step: int) -> Tensor:
        """The distance [B]."""
        first, second = read.topk(2, 1).values.unbind(1)
        return first - second
