"""The weight of a projection inside a loop: floats that autograd keeps, or stored numbers."""

from __future__ import annotations

import torch

from ranvier.storages import Stored

__all__ = ["Carried"]

Tensor = torch.Tensor


class Carried:
    """Holds a weight under ``kept``; stored numbers belong to the network, and are decoded for the way back alone."""

    kept: dict[str, Tensor]

    def hold(self, weight: Tensor | Stored) -> None:
        """Keep floats with what the backward pass reads, or note the stored numbers."""
        self.stored = weight if isinstance(weight, Stored) else None
        self.dtype = weight.dtype
        self._decoded: Tensor | None = None
        if not isinstance(weight, Stored):
            self.kept["weight"] = weight

    @property
    def floats(self) -> Tensor:
        """The weight as floats, of its own shape."""
        if self.stored is None:
            return self.kept["weight"]
        if self._decoded is None:
            self._decoded = self.stored.decode()
        return self._decoded

    def let_go(self) -> None:
        """Forget decoded floats."""
        self._decoded = None
