"""Plastic synapses in one step, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from ranvier.dynamics.plasticity import LoweredRule

__all__ = ["SynapseResult", "SynapseStep"]

Tensor = torch.Tensor
Values = Mapping[str, Tensor]


@dataclass(frozen=True)
class SynapseStep:
    """The synapses of a projection in the step that begins at ``time`` [ms], for a batch of samples.

    ``values`` [B, synapses] are the weight and the variables, ``cells`` [B, synapses] the variables of the cells at both
    ends, all as the step begins. ``arrived`` [B, synapses] are the spikes that arrive (None where none can), ``fired``
    [B, columns] those of the target cells in the step before; ``post`` [synapses] are the target cells. ``drawn``
    [B, synapses] are random numbers for spikes that arrive. ``parameters`` are read by the code, ``coefficients`` by the
    equations. Of a variable that synapses share, ``values`` has [B, members], and ``members`` [synapses] the member of each.
    """

    rule: LoweredRule
    parameters: Values
    coefficients: Values
    values: Values
    cells: Values
    post: Tensor
    columns: int
    time: Tensor
    arrived: Tensor | None = None
    fired: Tensor | None = None
    drawn: Tensor | None = None
    members: Values = field(default_factory=dict)


class SynapseResult(NamedTuple):
    """The values after the step, and what is delivered in it: tensors [1, B, columns] to be added."""

    values: dict[str, Tensor]
    sent: list[Tensor]
