"""The counts of NeuroBench 2.3, with its differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from ranvier.measure._counter import Counter
from ranvier.measure._pairs import Pairs
from ranvier.measure.names import OPERANDS, name_of

if TYPE_CHECKING:
    from ranvier.network import Network

__all__ = ["NeuroBench"]

Tensor = torch.Tensor
_OPERATIONS = frozenset(["mm", "addmm", "linear", "convolution", "mkldnn_convolution"])


class NeuroBench(Counter):
    """Counts products of data with weights in matrices and convolutions alone, and membranes that change.

    Every call of a layer has one kind for its whole batch: additions, if all its inputs are 0, 1 or -1, or else multiplications. A network
    calls its layers once in each step. A membrane is counted where it changes, and in the first step.

    Source: Yik et al., Nature Communications 2025 (NeuroBench).
    """

    def __init__(self) -> None:
        super().__init__()
        self._activation = False

    def see(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Count a product with weights; note the outputs of rectifiers."""
        _, name = name_of(call)
        self._last = None
        if name in _OPERATIONS and not (name.endswith("convolution") and args[6]):
            self._product(name, args)
        elif name in OPERANDS:
            self.leave_out(name, args[0].numel() if isinstance(args[0], Tensor) else 0)
        self._activation = name in ("relu", "sigmoid")

    def made(self, out: Any) -> None:
        """Note what an activation gives."""
        super().made(out)
        if self._activation and isinstance(out, Tensor):
            self.tally.spikes += int(torch.count_nonzero(out))
            self.tally.slots += out.numel()

    def weighted(self, operation: str, data: Tensor, weight: Tensor, how: Callable[[Tensor], Pairs]) -> None:
        """One kind for every call."""
        calls = data.unflatten(0, self.lead) if self.lead and len(data) == self.lead[0] * self.lead[1] else [data]
        total = Pairs()
        for x in calls:
            found = how(x)
            some = found.macs + found.acs
            spikes = bool(((x == 0) | (x.abs() == 1)).all())
            total += Pairs(0 if spikes else some, some if spikes else 0, found.dense)
        self.count(total, data, weight)

    def joined(self, operands: list[Tensor]) -> None:
        """Not seen."""

    def summed(self, x: Tensor) -> None:
        """Not seen."""

    def ran(self, net: Network, prefix: str, emitted: dict[str, Tensor], args: tuple[Any, ...], how: Any) -> None:
        """Count membranes that change."""
        super().ran(net, prefix, emitted, args, how)
        for name in net.populations:
            states = net.graph.step(name).states
            tally = self.tallies[prefix + name]
            tally.updates = 0
            if states:
                membrane = "v" if "v" in states else next(iter(states))
                v = net.observe(*args, **how, record={name: [membrane]})[name][membrane]
                tally.updates = v[0].numel() + int(torch.count_nonzero(v[1:] != v[:-1]))
