"""Driving a circuit of which other processes advance other cells: slice by slice, with an exchange of spikes after each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.circuit.exchange import Messages
from ranvier.kernels.cpu.circuit.kernel import driver

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.packed import Packed
    from ranvier.kernels.cpu.host.sections import Sections
    from ranvier.kernels.tasks import Exchange

__all__ = ["drive_together"]

#: runs of the driver and the lists that each walks: before all slices, for the steps of one, once its spikes are exchanged, and after all
_RUNS = {"before": ("history", "after"), "steps": ("slice", "step"), "after": ("after",), "end": ("end",)}


def drive_together(
    exchange: Exchange, steps: int, sections: Sections, lists: Mapping[str, list[torch.Tensor]],
    nothing: list[torch.Tensor], packed: Mapping[str, Packed],
) -> None:  # fmt: skip
    """All steps of a call, by the ``lists`` of the driver; ``nothing`` is an empty one."""
    messages, every, span = Messages(exchange, packed), exchange.every, torch.zeros(2, dtype=torch.int64)
    now = span.numpy()
    for run, walked in _RUNS.items():
        given = {"span": span, "together": every}
        sections.fill(run, driver().signature, given, {n: lists[n] if n in walked else nothing for n in lists})
    sections.run(driver(), "before")
    for begin in range(0, steps, every):
        now[:] = begin, min(begin + every, steps)
        sections.run(driver(), "steps")
        messages.exchanged(*now.tolist())
        sections.run(driver(), "after")
    now[:] = steps
    sections.run(driver(), "end")
