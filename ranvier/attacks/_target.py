"""A module under attack: a copy of it, with its loss, its axis of samples and its way back through thresholds."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ranvier.attacks._potential_dependent import PotentialDependent
from ranvier.connectivity.copied import copied
from ranvier.errors import RanvierError, ShapeError
from ranvier.network import Network
from ranvier.surrogates import Surrogate
from ranvier.training.losses import Loss

__all__ = ["Target", "inner_networks"]

Tensor = torch.Tensor


class Target:
    """A copy of ``net`` in evaluation; parameters have no gradient.

    Parameters
    ----------
    net
        A module whose call gives outputs [T, B, C] or [B, C], or a pair that begins with them.
    loss
        What an attack raises, and what reads classes.
    surrogate
        How gradients pass thresholds: None, as the network has it.
    samples_axis
        The axis of x that counts samples: None for 1 where ``net`` is a network or layer, else 0.

    Raises
    ------
    RanvierError
        For what is no module, a network on its own sources or of several inputs, a loss that reads no classes, an unknown surrogate.
    """

    def __init__(
        self, net: nn.Module, loss: Loss, surrogate: Surrogate | PotentialDependent | None = None, samples_axis: int | None = None
    ) -> None:  # fmt: skip
        if not isinstance(net, nn.Module):
            raise RanvierError(
                f"an attack takes a module, got {type(net).__name__}: give rv.Sequential, or any torch.nn.Module."
            )
        if not isinstance(loss, Loss) or not loss.classifies:
            raise RanvierError(f"loss={loss!r} reads no classes: give one that does, such as rv.losses.MeanMembrane().")
        if not isinstance(surrogate, Surrogate | PotentialDependent | None):
            raise RanvierError(
                f"surrogate={surrogate!r} is no way back through a threshold: give None, one of rv.surrogates, or rv.attacks.PotentialDependent()."
            )
        own = getattr(net, "inner_network", None)
        _check_inputs(own)
        self.axis = int(own is not None) if samples_axis is None else samples_axis
        self.loss, self.net = loss, copied(net).eval()
        for parameter in self.net.parameters():
            parameter.requires_grad_(False)
        networks = inner_networks(self.net)
        if isinstance(surrogate, Surrogate):
            for _, one in networks:
                one.replace_surrogates(surrogate)
        elif surrogate is not None:
            for module, one in networks:
                surrogate.watch(module, one)

    def output(self, x: Tensor) -> Tensor:
        """The outputs [T, B, C]."""
        out = self.net(x)
        out = out[0] if isinstance(out, tuple) else out
        if not isinstance(out, Tensor) or out.ndim not in (2, 3):
            found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ShapeError(f"an attack reads one output [T, B, C] or [B, C], the module gives {found}.")
        return out if out.ndim == 3 else out.unsqueeze(0)

    def check(self, x: Any, y: Any) -> None:
        """Refuse samples that are none, and classes that do not fit them."""
        if not isinstance(x, Tensor) or not x.is_floating_point() or not x.numel():
            found = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            raise ShapeError(f"x is {found}: give a tensor of real numbers with at least one sample, as by x.float().")
        if not 0 <= self.axis < x.ndim:
            raise ShapeError(f"samples_axis={self.axis} is no axis of an input of shape {tuple(x.shape)}.")
        if (
            not isinstance(y, Tensor)
            or y.is_floating_point()
            or y.dtype == torch.bool
            or y.shape != (x.shape[self.axis],)
        ):
            found = f"{y.dtype} of shape {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
            raise ShapeError(
                f"y is {found}, and axis {self.axis} of x {tuple(x.shape)} counts {x.shape[self.axis]} samples: give a class for each of "
                f"them, whole numbers [{x.shape[self.axis]}], or say samples_axis=…."
            )

    @torch.no_grad()
    def wrong(self, x: Tensor, y: Tensor) -> Tensor:
        """Whether the class of each sample is another than ``y`` [B]."""
        out = self.output(x)
        self.loss(out, y)  # for its check of the classes
        return self.predicted(out) != y

    def predicted(self, out: Tensor) -> Tensor:
        """The classes [B] that the loss reads."""
        found = self.loss.predict(out)
        if found is None:
            raise RanvierError(
                f"loss={self.loss!r} reads no classes: give one that does, such as rv.losses.MeanMembrane()."
            )
        return found

    def losses(self, out: Tensor, y: Tensor) -> Tensor:
        """The loss of each sample [B]."""
        return torch.stack([self.loss(out[:, b : b + 1], y[b : b + 1]) for b in range(len(y))])

    def gradient(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The derivative of the sum of losses by ``x``, and whether each sample has the wrong class.

        Raises
        ------
        RanvierError
            Where the output does not depend on x in a differentiable way, or the gradient is not finite.
        """
        asked = x.detach().requires_grad_()
        with torch.enable_grad():
            out = self.output(asked)
            total = self.loss(out, y) * len(y)
            found = torch.autograd.grad(total, asked, allow_unused=True)[0] if total.requires_grad else None
        if found is None:
            raise RanvierError(
                "the loss has no gradient by x: something between them detaches it or rounds. Make the encoder differentiable "
                "(a straight-through step), or use rv.attacks.RandomNoise, which needs none."
            )
        if not bool(found.isfinite().all()):
            raise RanvierError(
                "the gradient by x is not finite: give surrogate= with a lower peak, such as rv.surrogates.ArcTan()."
            )
        return found, self.predicted(out.detach()) != y


def inner_networks(net: nn.Module) -> list[tuple[nn.Module, Network]]:
    """The outermost modules of ``net`` with a network behind them, and these networks."""
    found: list[tuple[nn.Module, Network]] = []
    inside: list[str] = []
    for name, module in net.named_modules():
        if any(not outer or name.startswith(f"{outer}.") for outer in inside):
            continue
        own = getattr(module, "inner_network", None)
        if isinstance(own, Network):
            found.append((module, own))
            inside.append(name)
    return found


def _check_inputs(own: Any) -> None:
    if isinstance(own, Network) and len(own.graph.inputs) != 1:
        if not own.graph.inputs:
            raise RanvierError(
                "this network runs on its own sources, so there are no samples to change: give it an input with net.input(…)."
            )
        raise RanvierError(
            f"an attack changes one input, this network has {', '.join(map(repr, own.graph.inputs))}: wrap it in a module that takes one."
        )
