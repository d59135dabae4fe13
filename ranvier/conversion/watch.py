"""What the layers of a traced network compute on a batch."""

from __future__ import annotations

from typing import Any

from torch import fx

__all__ = ["Watch"]


class Watch(fx.Interpreter):
    """Runs a traced network and keeps the values of some of its layers."""

    def __init__(self, model: fx.GraphModule, names: set[str]) -> None:
        super().__init__(model)
        self.names, self.values = names, {}

    def run_node(self, n: fx.Node) -> Any:
        """One layer."""
        value = super().run_node(n)
        if n.name in self.names:
            self.values[n.name] = value
        return value
