"""The optimiser, and the learning rate of every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network

__all__ = ["Schedule", "make_optimizer", "rate_at"]

_NAMED: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
#: None (steady), "cosine" (to 0 over all epochs) or a function of the number of epochs done -> factor on the rate
Schedule = None | str | Callable[[int], float]


def make_optimizer(optimizer: Any, net: Network, lr: float) -> torch.optim.Optimizer:
    """An optimiser over what ``net`` learns: by name, made by ``optimizer(parameters, lr=lr)``, or taken as it is."""
    parameters = [q for q in net.parameters() if q.requires_grad]
    if not parameters:
        raise TrainingError("the network has nothing to learn: use rv.Linear(…), or mark a value with rv.Learn(…).")
    if not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise TrainingError(f"lr={lr!r} must be a positive finite number, for example 1e-3.")
    if isinstance(optimizer, torch.optim.Optimizer):
        own = {id(q) for group in optimizer.param_groups for q in group["params"]}
        if not own & {id(q) for q in parameters}:
            raise TrainingError("the optimizer holds none of the network's parameters: make it from net.parameters().")
        return optimizer
    if isinstance(optimizer, str):
        if optimizer not in _NAMED:
            raise TrainingError(
                f"optimizer={optimizer!r} is unknown: use {', '.join(_NAMED)}, or pass a torch optimiser class."
            )
        return _NAMED[optimizer](parameters, lr=lr)
    made = optimizer(parameters, lr=lr) if callable(optimizer) else None
    if not isinstance(made, torch.optim.Optimizer):
        raise TrainingError(
            f"optimizer={optimizer!r} is not an optimiser and makes none: pass torch.optim.Adam, for example."
        )
    return made


def rate_at(schedule: Schedule, epoch: int, epochs: int) -> float:
    """The factor on the learning rate for epoch 0, 1, …"""
    if schedule is None:
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * epoch / epochs))
    if isinstance(schedule, str) or not callable(schedule):
        raise TrainingError(
            f"schedule={schedule!r} is unknown: use None, 'cosine', or a function of the epoch that gives a factor."
        )
    factor = float(schedule(epoch))
    if not 0 <= factor < math.inf:
        raise TrainingError(f"schedule({epoch}) gave {factor}: it must be a finite factor of 0 or more.")
    return factor
