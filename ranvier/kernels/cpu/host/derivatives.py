"""Limits of the gradients of the cpu provider."""

from __future__ import annotations

import torch

from ranvier.errors import ProviderError

__all__ = ["keeps_graph", "refuse_second_derivative"]


def refuse_second_derivative() -> None:
    """Called first in every backward pass.

    Raises
    ------
    ProviderError
        When the gradient itself is to be differentiated (``create_graph=True``, a Hessian, ``gradgradcheck``).
    """
    if torch.is_grad_enabled():
        raise ProviderError(
            "the cpu provider has no second derivative (create_graph=True); use the `reference` provider for this network "
            "(provider='reference')"
        )


def keeps_graph() -> bool:
    """Whether the backward pass that runs now may run again (``retain_graph=True``), so that nothing may be overwritten."""
    autograd = getattr(torch._C, "_autograd", None)
    ask = getattr(autograd, "_get_current_graph_task_keep_graph", None)
    return True if ask is None else bool(ask())
