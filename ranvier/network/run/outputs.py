"""The outputs of a network among what was recorded of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ranvier.network.order import GraphError
from ranvier.network.parts.population import signal_of
from ranvier.network.precision import HALVES

if TYPE_CHECKING:
    from ranvier.network.parts.by_name import Parts
    from ranvier.network.parts.population import Population

__all__ = ["emission_of", "emissions", "named_outputs"]


def emission_of(name: str, populations: Parts[Population]) -> str:
    """What a population or a relay emits, under the name by which it is recorded."""
    return signal_of(populations[name]) if name in populations else "x"


def emissions(outputs: Sequence[str], populations: Parts[Population]) -> dict[str, str]:
    """What each output emits, under the name by which it is recorded.

    Raises
    ------
    GraphError
        There is no output.
    """
    if not outputs:
        raise GraphError("the network has no output: make a population with output=True.")
    return {n: emission_of(n, populations) for n in outputs}


def named_outputs(recorded: Mapping[tuple[str, str], torch.Tensor], emit: Mapping[str, str], dtype: torch.dtype) -> Any:
    """The one output, or several by name; signals in float32 are given in the ``dtype`` of the weights, and times keep their digits."""
    out = {n: recorded[n, e] for n, e in emit.items()}
    if dtype in HALVES:
        out = {n: x.to(dtype) if x.dtype is torch.float32 else x for n, x in out.items()}
    return next(iter(out.values())) if len(out) == 1 else out
