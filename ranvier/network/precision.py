"""The dtypes in which a network computes: states in float32 or float64, products in half precision where that is asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from ranvier.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ranvier.network.graph import Graph
    from ranvier.network.parts.projection import Projection

__all__ = ["HALVES", "Precision", "check_weights", "in_float32", "kept_wide", "precision_of"]

Tensor = torch.Tensor
#: dtypes of weights and products that no state has
HALVES = (torch.bfloat16, torch.float16)


@dataclass(frozen=True, slots=True)
class Precision:
    """Half precision of the products of a call.

    ``weights`` is the dtype in which the weights lie, after ``net.bfloat16()`` or ``net.half()``; ``autocast`` is that of
    ``torch.autocast``. One of them may be None.
    """

    weights: torch.dtype | None
    autocast: torch.dtype | None

    @property
    def products(self) -> torch.dtype:
        """The dtype of matrices and convolutions."""
        return self.autocast or self.weights or torch.float32

    def product(
        self, run: Callable[[Tensor | None, Tensor | None], Tensor], x: Tensor | None, past: Tensor | None, graph: Graph
    ) -> Tensor:
        """``run(x, past)`` by torch's rules of autocast, and its result in the dtype of the states."""
        if self.weights is not None:
            x, past = (None if t is None else t.to(self.weights) for t in (x, past))
        with self.context(graph.device):
            return run(x, past).to(graph.dtype)

    def context(self, device: torch.device) -> AbstractContextManager[object]:
        """Torch's autocast in the dtype of the products."""
        return torch.autocast(device.type, dtype=self.products)


def precision_of(dtype: torch.dtype, device: torch.device) -> tuple[torch.dtype, Precision | None]:
    """The dtype of states in a network of ``dtype``, and the half precision of its products now, if any.

    As in torch, autocast concerns no float64.
    """
    kind = device.type
    followed = kind != "meta" and dtype != torch.float64 and torch.is_autocast_enabled(kind)
    autocast = torch.get_autocast_dtype(kind) if followed else None
    weights = dtype if dtype in HALVES else None
    if autocast is None and weights is None:
        return dtype, None
    return torch.float32 if weights is not None else dtype, Precision(weights, autocast)


def kept_wide(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What ``function`` does to tensors, without half precision: the numbers of cells keep their dtype where it would narrow them."""

    def wide(t: Tensor) -> Tensor:
        made = function(t)
        return t.to(made.device) if made.dtype in HALVES and t.dtype not in HALVES else made

    return wide


def check_weights(graph: Graph) -> None:
    """Refuse weights in half precision that are no matrices or convolutions.

    Raises
    ------
    ShapeError
        Naming the projection and the remedy.
    """
    half = graph.precision
    if half is None or half.weights is None:
        return
    for p in graph.projections.values():
        what = _not_half(p)
        if what is not None:
            raise ShapeError(
                f"projection {p.name!r} has {what}, but the network is in {half.weights}, which only matrices and convolutions can "
                f"have: call net.float(), and use torch.autocast for half precision in the other products."
            )


def _not_half(p: Projection) -> str | None:
    """What a projection has that needs float32 weights."""
    if p.plasticity is not None or p.transform.pattern() is not None or not p.transform.differentiable:
        return "single synapses"
    if p.per_synapse:
        return "a delay for each synapse"
    if any(t.storage is not None for t in p.chain.transforms):
        return "weights with a storage"
    return None


def in_float32(graph: Graph, what: str) -> Graph:
    """The graph without half precision, for ``what`` has no products that autocast concerns.

    Raises
    ------
    ShapeError
        The weights are in half precision.
    """
    half = graph.precision
    if half is None:
        return graph
    if half.weights is not None:
        raise ShapeError(f"the network is in {half.weights}: call net.float() first, as {what} needs float32 weights.")
    return replace(graph, precision=None)
