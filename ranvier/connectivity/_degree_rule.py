"""What rules with a number of synapses per cell have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.connectivity._connectivity import Connectivity, ConnectivityError, Ends
from ranvier.connectivity._numbers import degrees
from ranvier.values import flag

__all__ = ["DegreeRule"]


class DegreeRule(Connectivity):
    """``degree`` synapses for each cell of one side, with cells of the other side drawn at random."""

    def __init__(self, degree: Any, *, autapses: bool = True, multapses: bool = True) -> None:
        name = type(self).__name__
        self.degree = degrees(degree, f"{name}: degree")
        self.autapses, self.multapses = flag(autapses, f"{name}: autapses"), flag(multapses, f"{name}: multapses")

    def degrees(self, ends: Ends, cells: int, others: str) -> np.ndarray:
        """The degree of each of ``cells`` cells, if the ``others`` on the other side suffice for it."""
        name, degree, choices = type(self).__name__, self.degree, ends.choices(self.autapses)
        if degree.ndim and len(degree) != cells:
            raise ConnectivityError(f"{name}: {len(degree)} degrees were given for {cells} cells; give one per cell.")
        most = int(degree.max(initial=0))
        if choices < (min(1, most) if self.multapses else most):
            raise ConnectivityError(
                f"{name}: {most} synapses per cell cannot be had from {choices} {others} cells; lower the degree or allow "
                f"{'autapses' if self.multapses else 'multapses'}."
            )
        return np.broadcast_to(degree, (cells,))

    def __repr__(self) -> str:
        shown = int(self.degree) if self.degree.ndim == 0 else f"[{len(self.degree)} degrees]"
        return f"{type(self).__name__}({shown}, autapses={self.autapses}, multapses={self.multapses})"
