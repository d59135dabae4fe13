"""The state of a training: everything that the next epoch depends on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.network import Network
from ranvier.training._average import Averages
from ranvier.training._early_stopping import EarlyStopping
from ranvier.training._fit import Epoch, Fit
from ranvier.training._optimizers import Optimizers
from ranvier.training.batches import Source
from ranvier.training.mixed import Mixed
from ranvier.training.scales import Scales

__all__ = ["Course", "moving"]

Tensors = dict[str, torch.Tensor]
_BY_CALLBACK = "stopped by a callback"


def moving(net: Network) -> Tensors:
    """All that training may change: everything but tables of indices, which the description of the network covers."""
    return {n: t for n, t in net.state_dict().items() if t.is_floating_point() or not t.ndim}


@dataclass
class Course:
    """The state of a training.

    It holds what optimisers and the ``source`` of batches keep, the ``history``, the ``best`` tensors, and why the training
    ``stopped``; ``updates`` counts those of all epochs; ``mixed`` holds the scale of the loss in half precision.
    """

    net: Network
    optimizers: Optimizers
    scales: Scales
    source: Source
    averages: Averages | None = None
    history: list[Epoch] = field(default_factory=list)
    best: Tensors = field(default_factory=dict)
    stopped: str = ""
    updates: int = 0
    mixed: Mixed = field(default_factory=Mixed)
    plan: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def scored(self) -> Iterator[None]:
        """A context in which the network is the one that is scored and kept: its averages, where these are asked for."""
        with self.averages.applied() if self.averages is not None else nullcontext():
            yield

    def keep_best(self) -> None:
        """Keep the tensors where the last epoch is the best."""
        if Fit(tuple(self.history)).best is self.history[-1]:
            self.best = {n: t.detach().clone() for n, t in moving(self.net).items()}

    def judge(self, epochs: int, patience: int | None, wished: bool = False) -> None:
        """Note why to stop; a wish of a callback, once noted, stays."""
        if wished:
            self.stopped = f"{_BY_CALLBACK} after epoch {len(self.history)}"
        if self.stopped.startswith(_BY_CALLBACK):
            return
        early = None if patience is None or not self.history else EarlyStopping(patience)(self.history)
        self.stopped = early or (f"all {epochs} epochs done" if len(self.history) == epochs else "")

    def end(self) -> Fit:
        """Set the network to what is kept of it; the record of the training."""
        if self.best:
            self.net.load_state_dict(self.best, strict=False)
        elif self.averages is not None:
            self.averages.put(self.averages.values)
        return Fit(tuple(self.history), self.plan, self.stopped)
