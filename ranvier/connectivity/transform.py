"""The interface of a transform to a projection: effective weight, delays in one placement, input gradient."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn

from ranvier.connectivity._delays import DelayError, Delays
from ranvier.kernels.tasks import Pattern

__all__ = ["Placement", "Transform", "as_transform", "input_gradient", "is_linear", "matrix_of", "quiet"]

Tensor = torch.Tensor
_LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Placement(NamedTuple):
    """A transform in one projection. The transform itself stores none of this, so several projections may use it.

    Attributes
    ----------
    dt
        Time step in ms.
    lag
        Steps between an emission and its earliest arrival.
    latency
        Steps of all synapses together, with the lag; the lag alone where every synapse has steps of its own.
    table
        Whole steps of every synapse, with the lag; None where they share one number or are learnable.
    """

    dt: float
    lag: int = 0
    latency: int = 0
    table: Tensor | None = None


class Transform(nn.Module):
    """A linear map from what a population emits to what arrives, with weights and, if wanted, delays.

    ``weight`` is the parameter that the optimizer moves; :meth:`effective_weight` is the weight in use, within sign
    and bounds. Products, kernels and learning rules read the latter.
    """

    weight: Tensor
    delay: Delays | None
    #: whether ``forward(x, by_event=True)`` adds up the rows of cells that fired
    event_path = False
    #: whether it is a dense matrix [post, pre] (with a bias)
    is_matrix = False
    #: how delays per synapse follow the input, as a sentence
    follows: str | None = None
    #: whether it has gradients
    differentiable = True

    @property
    def has_delay(self) -> bool:
        """Whether a delay was requested."""
        return self.delay is not None

    @property
    def constant(self) -> Tensor | None:
        """The bias: it arrives in every step, without spikes too."""
        return None

    @property
    def own_table(self) -> Tensor | None:
        """Whole steps of every synapse, where the transform keeps them itself; else the projection keeps them."""
        return None

    def effective_weight(self) -> Tensor:
        """The weights in use; gradients ignore sign and bounds."""
        return self.weight

    def matrix(self) -> Tensor | None:
        """The effective weights [post, pre] of a dense matrix; None for any other map."""
        return self.effective_weight() if self.is_matrix else None

    def pattern(self) -> Pattern | None:
        """The pairs of cells joined by single synapses; None for any other map."""
        return None

    def bind(self, dt: float, seed: int, name: str, lag: int = 0) -> Placement:
        """Its delays in steps of ``dt`` ms, ``lag`` steps later, in the projection ``name``."""
        return Placement(dt, lag, lag)

    def fix_delays(self, dt: float, lag: int) -> None:
        """Put every learnable delay on its nearest step of ``dt`` ms, of a projection with that lag."""
        raise DelayError(f"{type(self).__name__} has no learnable delays to fix.")

    def taps(self, place: Placement) -> tuple[Tensor, Tensor]:
        """Effective weights [..., W] on W steps, and int32 [...], the first of them."""
        weight = self.effective_weight()
        if self.delay is not None:
            return self.delay(weight, place.dt, place.lag)
        if place.table is None:
            raise DelayError(f"{type(self).__name__} has no delay per synapse, so it has no taps.")
        return weight.unsqueeze(-1), place.table.to(torch.int32)

    def pullback(self, grad: Tensor, x: Tensor) -> Tensor:
        """Input gradient of ``forward(x)`` for ``grad``, without delay: by the transposed effective weights."""
        return _by_autograd(self, grad, x)


def as_transform(module: nn.Module | None) -> Transform | None:
    """``module`` where it is a :class:`Transform`, else None."""
    return module if isinstance(module, Transform) else None


def matrix_of(module: nn.Module) -> Tensor | None:
    """The effective weights [post, pre] of a module that is a dense matrix (with a bias); else None."""
    if isinstance(module, Transform):
        return module.matrix()
    return module.weight if type(module) is nn.Linear else None


def is_linear(module: nn.Module) -> bool:
    """Whether the output of a module is linear in its weights and, but for a bias, in its input."""
    return module.differentiable if isinstance(module, Transform) else isinstance(module, _LINEAR)


def input_gradient(module: nn.Module, grad: Tensor, x: Tensor) -> Tensor:
    """Input gradient of ``module(x)`` for ``grad``; the parameters get none."""
    if isinstance(module, Transform):
        return module.pullback(grad, x)
    weight = matrix_of(module)
    return _by_autograd(module, grad, x) if weight is None else grad.matmul(weight.detach())


@contextmanager
def quiet(module: nn.Module) -> Iterator[None]:
    """Suspend the hooks of ``module`` and its submodules during a recomputation."""
    kept = [(m, n, getattr(m, n)) for m in module.modules() for n in _HOOKS if getattr(m, n)]
    for m, n, _ in kept:
        setattr(m, n, OrderedDict())
    try:
        yield
    finally:
        for m, n, hooks in kept:
            setattr(m, n, hooks)


def _by_autograd(module: nn.Module, grad: Tensor, x: Tensor) -> Tensor:
    """The input gradient through torch, with parameters held."""
    from torch.func import functional_call

    with torch.enable_grad(), quiet(module):
        x = x.detach().requires_grad_()
        held = {n: t.detach() for n, t in (*module.named_parameters(), *module.named_buffers())}
        (found,) = torch.autograd.grad(functional_call(module, held, (x,)), x, grad)
    return found
