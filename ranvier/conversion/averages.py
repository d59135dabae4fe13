"""Modules without a spiking form, evaluated on the running means of their input, so that means over steps are exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from ranvier.neurons import Cell

__all__ = ["OnOneInput", "difference", "on_one_input", "running_mean"]

Tensor = torch.Tensor


class OnOneInput(nn.Module):
    """A function whose only signal stands at given places of its arguments; of several results, the first."""

    def __init__(self, function: Callable[..., Any], places: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        super().__init__()
        self.function, self.places, self.named = function, places, named

    def forward(self, x: Tensor) -> Tensor:
        """The value at x."""
        made = self.function(
            *(x if a is _HERE else a for a in self.places), **{n: x if a is _HERE else a for n, a in self.named.items()}
        )
        return made[0] if isinstance(made, tuple) else made


#: stands for the signal; copies of a module hold the same object
_HERE = ...


def on_one_input(
    function: Callable[..., Any], places: tuple[Any, ...], named: Mapping[str, Any], signal: type
) -> nn.Module:
    """``function`` as a module of one input, which replaces every argument of type ``signal``."""
    if isinstance(function, nn.Module) and len(places) == 1 and not named:
        return function
    return OnOneInput(
        function, tuple(_HERE if isinstance(a, signal) else a for a in places),
        {n: _HERE if isinstance(a, signal) else a for n, a in named.items()},
    )  # fmt: skip


def running_mean() -> Cell:
    """Cells that emit the mean of their input up to this step: m = (x_1 + … + x_n)/n."""
    return Cell(
        """
        total' = total + x : 1
        steps' = steps + 1 : 1
        mean = total/steps : 1
        x : 1 (input)
        """,
        emit="mean",
        name="mean",
    )


def difference() -> Cell:
    """Cells that emit n*y_n - (n - 1)*y_(n - 1) of their input y: the mean of what they emit in n steps is y_n."""
    return Cell(
        """
        change' = (steps + 1)*y - last : 1
        last' = (steps + 1)*y : 1
        steps' = steps + 1 : 1
        y : 1 (input)
        """,
        emit="change",
        name="difference",
    )
