"""Plastic projections, step by step: delivery, synapse code and the variables that live on synapses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sympy as sp
import torch

from ranvier.dynamics import TIME, Program
from ranvier.dynamics.symbols import end_name
from ranvier.errors import ShapeError
from ranvier.kernels import eager
from ranvier.kernels.eager import step_function
from ranvier.network.parts.population import start_of, tensor_of
from ranvier.network.parts.projection import Projection
from ranvier.neurons.values import check_drawn
from ranvier.units.steps import times_at
from ranvier.values import key_of, uniforms

if TYPE_CHECKING:
    from ranvier.synapses import BoundPlasticity

__all__ = ["NO_SLOPE", "PlasticSynapses", "initial_synapses", "kept_in", "spikes_alone"]

Tensor = torch.Tensor
Values = Mapping[str, Tensor]
#: no event, so no derivative of one
NO_SLOPE = sp.Integer(0)


def kept_in(bound: BoundPlasticity, variable: str, dtype: torch.dtype) -> torch.dtype:
    """The dtype of a variable of synapses in a network of ``dtype``: times are float64, everything else is ``dtype``."""
    return torch.float64 if variable in bound.times else dtype


def initial_synapses(projection: Projection, batch: int, seed: int, stream: int) -> dict[str, Tensor]:
    """Starting weight and variables [batch, synapses]; drawn variables are those of ``stream``, the weights the network's."""
    sparse, bound, shape = projection.synapses, projection.bound, (batch, len(projection.synapses))
    out = {"w": sparse.effective_weight().repeat(batch, 1)}
    for n in bound.system.states:
        start = start_of(bound.rule.values.get(n, 0.0), shape, seed, f"{projection.name}.{n}", stream)
        kind = kept_in(bound, n, sparse.weight.dtype)
        out[n] = torch.empty(shape, dtype=kind, device=sparse.weight.device).copy_(start)
    return out


def spikes_alone(tape: Tensor, source: str) -> Tensor:
    """``tape`` [steps, B, pre], which must hold zeros and ones."""
    odd = (tape != 0) & (tape != 1)
    if bool(odd.any()):
        raise ShapeError(
            f"{source!r} emits {float(tape.detach()[odd][0]):g}, but plastic synapses take spikes: 0 or 1 per cell and step."
        )
    return tape


class PlasticSynapses:
    """One call's view of a plastic projection.

    Code that reads the time runs in float64 (``arithmetic``), all other code in the dtype of the network.
    What the compiled loop knows of its last results: by variable a tensor [1, synapses] and the values
    by row or column of which it is made (``held``), and a tensor whose values are within the limits of the rule (``within``).
    """

    def __init__(self, projection: Projection, dt: float, dtype: torch.dtype, seed: int) -> None:
        self.projection, self.dtype, self.dt = projection, dtype, dt
        self.bound, self.sparse = projection.bound, projection.synapses
        values = {n: v for n, v in self.bound.rule.values.items() if n not in self.bound.system.states}
        shape, device = (len(self.sparse),), self.sparse.weight.device
        wide = {n: tensor_of(v, shape, seed, f"{projection.name}.{n}").to(device) for n, v in values.items()}
        for n, v in values.items():
            check_drawn(n, v, wide[n], projection.name)
        self.arithmetic = torch.float64 if self.bound.timed else dtype
        self.parameters = {n: v.to(self.arithmetic) for n, v in wide.items()}
        self.exact = eager.coefficients(self.bound.step, wide, dt)
        self.coefficients = {n: c.to(self.arithmetic) for n, c in self.exact.items()}
        self.coefficients["dt"] = self.parameters["dt"] = torch.tensor(dt, dtype=self.arithmetic, device=device)
        self.key = key_of(seed, f"{projection.name}.rand")
        self.by_spike = projection.by_spike
        self.held: dict[str, tuple[Tensor, Tensor]] = {}
        self.within: Tensor | None = None

    def arrived(self, tape: Tensor, now: int) -> Tensor:
        """Spikes [B, synapses] that arrive in the step at position ``now`` of the tape [steps, B, pre]."""
        if not self.projection.per_synapse:
            return tape[now - self.projection.latency][:, self.sparse.pre]
        return tape[now - self.sparse.latency_table.long(), :, self.sparse.pre].t()

    def on_pre(
        self, spikes: Tensor, variables: Values, cells: Values, step: int, stream: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        """What arriving spikes do: (variables after, what they deliver [1, B, post])."""
        cells = dict(cells)
        program = self.bound.codes.get("on_pre")
        if program is not None and "rand" in program.reads:
            drawn = torch.from_numpy(uniforms(self.key, spikes.numel(), step=step, stream=stream))
            cells["rand"] = drawn.reshape(spikes.shape).to(spikes)
        changed = self._run("on_pre", variables, cells, step)
        sent = changed.pop("sent", None)
        if sent is None:
            sent = variables["w"].new_zeros(()) if self.bound.sends("every_step") else variables["w"]
        return self._where(spikes != 0, changed, variables), self.deliver(spikes * _full(sent, spikes))

    def on_post(self, spikes: Tensor, variables: Values, cells: Values, step: int) -> dict[str, Tensor]:
        """What spikes [B, post] of the step before do."""
        return self._where(spikes[:, self.sparse.post] != 0, self._run("on_post", variables, cells, step), variables)

    def every_step(self, variables: Values, cells: Values, step: int) -> tuple[dict[str, Tensor], Tensor | None]:
        """What happens anyway: (variables after, what is delivered [1, B, post] or None)."""
        changed = self._run("every_step", variables, cells, step)
        sent = changed.pop("sent", None)
        after = {n: _full(changed.get(n, v), v) for n, v in variables.items()}
        return after, None if sent is None else self.deliver(_full(sent, variables["w"]))

    def advance(self, variables: Values, cells: Values, step: int) -> dict[str, Tensor]:
        """Let the variables move by one step."""
        if not self.bound.system.states:
            return dict(variables)
        program = self.bound.step.program.only(self.bound.system.states)
        moved = self._evaluate(program, self.coefficients, variables, cells, step)
        return {**variables, **{n: _full(v, variables[n]) for n, v in moved.items()}}

    def deliver(self, sent: Tensor) -> Tensor:
        """The sum over the synapses [B, synapses] of every cell, as [1, B, post]."""
        out = sent.new_zeros(1, sent.shape[0], self.sparse.sizes[1])
        return out.index_add(-1, self.sparse.post, sent.unsqueeze(0))

    def cells(self, pre: Values | None, post: Values) -> dict[str, Tensor]:
        """The variables of both cells that the rule reads, per synapse."""
        out = {end_name(n, "post"): post[n][:, self.sparse.post] for n in self.bound.reads("post")}
        if pre is not None:
            out |= {end_name(n, "pre"): pre[n][:, self.sparse.pre] for n in self.bound.reads("pre")}
        return out

    def _run(self, code: str, variables: Values, cells: Values, step: int) -> dict[str, Tensor]:
        if code not in self.bound.codes:
            return {}
        return self._evaluate(self.bound.codes[code], self.parameters, variables, cells, step)

    def _evaluate(
        self, program: Program, steady: Values, variables: Values, cells: Values, step: int
    ) -> dict[str, Tensor]:
        given = {n: v.to(self.arithmetic) for n, v in {**cells, **variables}.items()}
        time = torch.tensor(float(times_at(step, self.dt)), dtype=self.arithmetic)
        return step_function(program, NO_SLOPE)({**steady, **given, TIME: time}, given["w"])

    def _where(self, happened: Tensor, changed: Values, variables: Values) -> dict[str, Tensor]:
        return {n: torch.where(happened, _full(changed[n], v), v) if n in changed else v for n, v in variables.items()}


def _full(value: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(like.shape)
