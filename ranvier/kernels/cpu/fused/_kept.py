"""Tensors that a fused operation keeps for its backward pass, saved by autograd: checkpoints and memory forecasts see all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ranvier.kernels.cpu.fused._forward import Made
from ranvier.kernels.cpu.fused.span import Rows
from ranvier.kernels.tasks import Feedback, Fused

__all__ = ["Kept"]

Tensor = torch.Tensor


class Kept:
    """A fused operation after its forward pass, without its large tensors between the passes."""

    def __init__(self, task: Fused, made: Made) -> None:
        self.made = made
        scans = {n: replace(s, streams={}, states={}, coefficients={}) for n, s in task.members.items()}
        nothing = torch.empty(0)
        links = tuple(Feedback(f.pre, f.post, f.stream, f.latency, nothing, None, None) for f in task.feedback)
        self.task = replace(task, members=scans, feeds=(), feedback=links)
        for name, member in made.members.items():
            names, member.scan = made.names[name], scans[name]
            needed = {names.emitted_as.get(n, n) for n in names.saved}
            needed |= {task.emission} if made.reads_emissions else set()
            member.out = {n: rows for n, rows in member.out.items() if n in needed and not rows.scratch}
            member.streams = {n: rows for n, rows in member.streams.items() if n in names.saved}
            member.given = {n: t for n, t in member.given.items() if n in member.scan.step.coefficients}
        self._places: list[tuple[dict[str, Any], str, bool]] = []

    def release(self) -> list[Tensor]:
        """The large tensors; the operation itself drops them."""
        made, out = self.made, []
        sources = (*made.feeds.values(), *made.links.values(), *made.synapses.values(), *made.fired.values())
        holders: list[tuple[dict[str, Any], bool]] = [(source.kept, False) for source in sources]
        holders += [(rows, True) for member in made.members.values() for rows in (member.out, member.streams)]
        for values, rows in holders:
            for name, value in values.items():
                out.append(value.tensor if rows else value)
                self._places.append((values, name, rows))
                values[name] = None
        return out

    def restore(self, tensors: Sequence[Tensor]) -> None:
        """Put the released tensors back."""
        for (values, name, rows), tensor in zip(self._places, tensors, strict=True):
            values[name] = Rows(tensor) if rows else tensor

    def forget(self) -> None:
        """Drop the restored tensors again: nothing else would between recomputed segments."""
        for values, name, _ in self._places:
            values[name] = None
        for source in (*self.made.summed.values(), *self.made.synapses.values()):
            source.let_go()
