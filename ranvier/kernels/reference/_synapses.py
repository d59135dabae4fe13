"""Plastic synapses in torch, all of them in every step: the specification."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
import torch

from ranvier.dynamics import TIME, Program
from ranvier.kernels.eager import step_function
from ranvier.kernels.tasks import SynapseResult, SynapseStep

__all__ = ["run_synapses"]

Tensor = torch.Tensor
Values = dict[str, Tensor]
#: no event, so no derivative of one
_NO_SLOPE = sp.Integer(0)


def run_synapses(task: SynapseStep) -> SynapseResult:
    """Arriving spikes, then those of the targets, then the code of every step; the variables move last.

    Variables that synapses share are read as the step begins; the changes are summed before they move.
    """
    return _Step(task).run()


class _Step:
    def __init__(self, task: SynapseStep) -> None:
        self.task, self.rule = task, task.rule
        self.values: Values = {n: v for n, v in task.values.items() if n not in task.members}
        self.common: Values = {n: task.values[n] for n in task.members}
        self.sent: list[Tensor] = []
        some = next(iter(task.parameters.values()))
        self.arithmetic = some.dtype
        read = {**task.cells, **{n: self.common[n][:, k] for n, k in task.members.items()}, TIME: task.time}
        self.around = {n: v.to(self.arithmetic) for n, v in read.items()}

    def run(self) -> SynapseResult:
        task, rule = self.task, self.rule
        if task.arrived is not None:
            self._arrive(task.arrived)
        if task.fired is not None and "on_post" in rule.codes:
            self._change(self._code("on_post"), task.fired[:, task.post] != 0)
        if "every_step" in rule.codes:
            changed = self._code("every_step")
            if "sent" in changed:
                self._deliver(_full(changed.pop("sent"), self.values["w"]))
            self._change(changed, None)
        if rule.own:
            self._change(self._run(rule.step.program.only(rule.own), task.coefficients), None)
        return SynapseResult(self.values | self._moved_together(), self.sent)

    def _moved_together(self) -> Values:
        """Shared variables after the step."""
        if not self.common:
            return {}
        given = {n: v.to(self.arithmetic) for n, v in self.common.items()} | {TIME: self.around[TIME]}
        like = next(iter(given.values()))
        moved = step_function(self.rule.moved_together, _NO_SLOPE)({**self.task.coefficients, **given}, like)
        return {n: _full(moved[n], self.task.values[n]) for n in self.common}

    def _arrive(self, arrived: Tensor) -> None:
        """on_pre; a spike delivers ``sent`` or, where no code assigns to it, the weight that it finds."""
        weight, task = self.values["w"], self.task
        changed = self._code("on_pre", {} if task.drawn is None else {"rand": task.drawn.to(arrived)})
        silent = weight.new_zeros(()) if self.rule.sends("every_step") else weight
        self._deliver(arrived * _full(changed.pop("sent", silent), arrived))
        self._change(changed, arrived != 0)

    def _change(self, changed: Values, where: Tensor | None) -> None:
        """New values, for all synapses or ``where``."""
        for n, value in changed.items():
            if n in self.common:
                self._add(n, value, where)
                continue
            old = self.values[n]
            new = _full(value, old)
            self.values[n] = new if where is None else torch.where(where, new, old)

    def _add(self, name: str, value: Tensor, where: Tensor | None) -> None:
        """The sum over the synapses of each member, in float64: there may be millions."""
        before, weight = self.common[name].double(), self.values["w"]
        more = torch.as_tensor(value, dtype=before.dtype, device=before.device).expand(weight.shape)
        if where is not None:
            more = torch.where(where, more, 0)
        self.common[name] = before.index_add(-1, self.task.members[name], more)  # rounded once it has moved

    def _deliver(self, sent: Tensor) -> None:
        """The sum over the synapses [B, synapses] of every cell."""
        out = sent.new_zeros(1, sent.shape[0], self.task.columns)
        self.sent.append(out.index_add(-1, self.task.post, sent.unsqueeze(0)))

    def _code(self, name: str, more: Values | None = None) -> Values:
        if name not in self.rule.codes:
            return {}
        return self._run(self.rule.codes[name], {**self.task.parameters, **(more or {})})

    def _run(self, program: Program, steady: Mapping[str, Tensor]) -> Values:
        given = {n: v.to(self.arithmetic) for n, v in self.values.items()}
        return step_function(program, _NO_SLOPE)({**steady, **self.around, **given}, given["w"])


def _full(value: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(like.shape)
