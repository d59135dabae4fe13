"""Kinds of synapses that bring something in every step: the code of each depends on nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp
import torch

from ranvier.dynamics import ByStructure, Program
from ranvier.dynamics.plasticity import RowRule
from ranvier.dynamics.symbols import end_name
from ranvier.kernels.cpu.graded.layout import reach_of
from ranvier.kernels.cpu.graded.reach import Reach
from ranvier.kernels.tasks import Circuit, GradedProjection, PlasticProjection

__all__ = ["EMITTED", "Graded", "alike", "cells_read", "graded_form", "shown_of", "steady_form"]

#: what sources emit, as a program calls it
EMITTED = "emitted"
#: what a synapse brings that knows nothing but its weight and what its source emitted
_WEIGHED = Program((), {"sent": sp.Symbol("w") * sp.Symbol(EMITTED)})


@dataclass(frozen=True, eq=False)
class Graded(ByStructure):
    """A projection that brings the output ``sent`` of a program in every step.

    The program reads values of the sources and of the targets, ``varied`` numbers of each synapse (the weight w among them), and
    ``shared`` ones that all synapses have in common. ``reach`` finds the sources; with ``one_latency`` all synapses read the same
    step of them. It ``waits`` for the threads that advance the sources; what rows and columns hold belongs to its own thread.
    """

    sent: Program
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    varied: tuple[str, ...]
    shared: tuple[str, ...]
    reach: Reach
    one_latency: bool = True
    waits: bool = True

    @property
    def key(self) -> tuple:
        """The parts that the generated code depends on."""
        names = (self.sources, self.targets, self.varied, self.shared)
        return (self.sent.key, *names, self.reach, self.one_latency, self.waits)


def graded_form(q: GradedProjection, width: int) -> Graded:
    """That of a projection from cells that emit a variable, for vectors of ``width`` targets."""
    one_latency, weight = isinstance(q.latency, int), ("w",)
    varied, shared = ((), weight) if q.weight.numel() == 1 else (weight, ())
    return Graded(
        _WEIGHED, (EMITTED,), (), varied, shared, reach_of(q.pattern, width, one_latency=one_latency), one_latency
    )


def steady_form(task: Circuit, q: PlasticProjection, width: int) -> Graded | None:
    """That of a plastic projection of whose synapses nothing changes; None for any other."""
    rule, sent = q.rule, q.rule.every_step
    states = {p.name: p.step.states for p in task.populations}
    ends = {"pre": q.pre, "post": q.post}
    single = len(q.latencies) <= 1 or all(end == "post" for end, _ in rule.cells)  # one row for each presynaptic cell
    known = all(n in states.get(ends[end] or "", ()) for end, n in rule.cells)
    if sent is None or not (rule.steady and single and known):
        return None
    cells, read, same = cells_read(rule), {*sent.reads}, alike(q)
    sources = [n for n, (end, _) in cells.items() if end == "pre"] + [n for n in rule.row if n in read]
    targets = [n for n, (end, _) in cells.items() if end == "post"] + [n for n in rule.column if n in read]
    own = [n for n in ("w", *rule.parameters) if n in read]
    return Graded(
        sent, tuple(sources), tuple(targets), tuple(n for n in own if n not in same),
        tuple(n for n in own if n in same), reach_of(q.pattern, width, one_latency=True),
        waits=any(end == "pre" for end, _ in cells.values()),
    )  # fmt: skip


def cells_read(rule: RowRule) -> dict[str, tuple[str, str]]:
    """The variables of cells that a rule reads in every step, by their names in its code: their end, and their name there."""
    read = () if rule.every_step is None else rule.every_step.reads
    return {end_name(n, end): (end, n) for end, n in rule.cells if end_name(n, end) in read}


def shown_of(name: str, steady: Iterable[PlasticProjection]) -> tuple[str, ...]:
    """States of the population ``name`` that ``steady`` synapses read in every step."""
    rules = [q.rule for q in steady if q.pre == name]
    return tuple(dict.fromkeys(n for rule in rules for end, n in cells_read(rule).values() if end == "pre"))


def alike(q: PlasticProjection) -> tuple[str, ...]:
    """What of the numbers that synapses have is the same for all, where nothing of them changes."""
    values = {"w": q.values["w"], **q.parameters}
    return tuple(n for n, x in values.items() if _one(x)) if q.rule.steady else ()


def _one(values: torch.Tensor) -> bool:
    if values.numel() < 2:
        return values.numel() == 1
    low, high = values.aminmax()
    return bool(low == high)
