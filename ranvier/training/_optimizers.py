"""The optimisers of a training: one by name, or several that share the parameters between them."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ranvier.errors import TrainingError
from ranvier.network import Network

__all__ = ["Optimizers", "make_optimizers"]

#: each with one kernel for all parameters of a group
_NAMED: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


@dataclass(frozen=True)
class Optimizers:
    """``parts``, which step together; ``ready`` says that the user made them, and so set their rates."""

    parts: tuple[torch.optim.Optimizer, ...]
    ready: bool = False

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The groups of parameters of all."""
        return [group for part in self.parts for group in part.param_groups]

    def held(self, net: Network) -> dict[str, nn.Parameter]:
        """The parameters of ``net`` that some optimiser changes, by name."""
        own = {id(q) for group in self.groups for q in group["params"]}
        return {n: q for n, q in net.named_parameters() if id(q) in own}

    def step(self) -> None:
        """One update. A fused step of torch reads numbers in the order of memory, so that a gradient must have that of its parameter."""
        for part in self.parts:
            for group in part.param_groups:
                if group.get("fused"):
                    for q in group["params"]:
                        if q.grad is not None and q.grad.stride() != q.stride():
                            q.grad = torch.empty_like(q).copy_(q.grad)
            part.step()

    @contextmanager
    def same_settings(self) -> Iterator[None]:
        """A context that restores the rates and other settings of groups at its end."""
        before = [{n: copy.deepcopy(v) for n, v in group.items() if n != "params"} for group in self.groups]
        try:
            yield
        finally:
            for group, settings in zip(self.groups, before, strict=True):
                for name in [n for n in group if n != "params" and n not in settings]:
                    del group[name]
                group.update(settings)


def make_optimizers(optimizer: Any, net: Network, lr: float) -> Optimizers:
    """Optimisers over what ``net`` learns: one by name, one made by ``optimizer(parameters, lr=lr)``, one or several as they are."""
    parameters = [q for q in net.parameters() if q.requires_grad]
    if not parameters:
        raise TrainingError("the network has nothing to learn: use rv.Linear(…), or mark a value with rv.Learn(…).")
    if not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise TrainingError(f"lr={lr!r} must be a positive finite number, for example 1e-3.")
    if isinstance(optimizer, str):
        if optimizer not in _NAMED:
            raise TrainingError(
                f"optimizer={optimizer!r} is unknown: use {', '.join(_NAMED)}, or pass a torch optimiser class."
            )
        fused = all(q.is_floating_point() and q.device.type == "cpu" for q in parameters)
        return Optimizers((_NAMED[optimizer](parameters, lr=lr, fused=fused or None),))
    given = tuple(optimizer) if isinstance(optimizer, tuple | list) else (optimizer,)
    if given and all(isinstance(one, torch.optim.Optimizer) for one in given):
        _check_share(given, parameters)
        _check_steps(given)
        return Optimizers(given, ready=True)
    made = optimizer(parameters, lr=lr) if callable(optimizer) else None
    if not isinstance(made, torch.optim.Optimizer):
        raise TrainingError(
            f"optimizer={optimizer!r} is not an optimiser and makes none: pass torch.optim.Adam, for example, or a list "
            f"of optimisers."
        )
    _check_steps((made,))
    return Optimizers((made,))


def _check_steps(given: tuple[torch.optim.Optimizer, ...]) -> None:
    """Raise for an optimiser that evaluates the loss itself, several times for one step."""
    for one in given:
        closure = inspect.signature(one.step).parameters.get("closure")
        if closure is not None and closure.default is inspect.Parameter.empty:
            name = type(one).__name__
            raise TrainingError(
                f"optimizer={name} evaluates the loss itself, several times for one step, which rv.train does not offer: use "
                f"one whose step() needs no closure, such as torch.optim.Adam, or write a training loop with {name}."
            )


def _check_share(given: tuple[torch.optim.Optimizer, ...], parameters: list[nn.Parameter]) -> None:
    """Raise unless each holds some of the parameters, and none of another's."""
    known, seen = {id(q) for q in parameters}, set()
    for k, one in enumerate(given):
        own = {id(q) for group in one.param_groups for q in group["params"]}
        which = f"optimizer[{k}]" if len(given) > 1 else "optimizer"
        if not own & known:
            raise TrainingError(f"the {which} holds none of the network's parameters: make it from net.parameters().")
        if own & seen:
            raise TrainingError(
                f"the {which} holds a parameter that an optimiser before it holds too: give each parameter to one optimiser."
            )
        seen |= own
