"""Plastic projections, step by step: delivery, synapse code and the variables that live on synapses."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
import torch

from ranvier.kernels import reference
from ranvier.kernels.reference import step_function
from ranvier.network._population import tensor_of
from ranvier.network._projection import Projection

__all__ = ["PlasticSynapses", "initial_synapses"]

Tensor = torch.Tensor
_NO_SLOPE = sp.Integer(0)


def initial_synapses(projection: Projection, batch: int, seed: int) -> dict[str, Tensor]:
    """Starting weight and variables [batch, synapses]."""
    sparse, bound = projection.synapses, projection.bound
    out = {"w": sparse.weights().expand(batch, -1)}
    for n in bound.system.states:
        start = tensor_of(bound.rule.values.get(n, 0.0), (len(sparse),), seed, f"{projection.name}.{n}")
        out[n] = start.to(sparse.weight.dtype).expand(batch, len(sparse))
    return out


class PlasticSynapses:
    """One call's view of a plastic projection."""

    def __init__(self, projection: Projection, dt: float, dtype: torch.dtype, seed: int) -> None:
        self.projection, self.dtype = projection, dtype
        self.bound, self.sparse = projection.bound, projection.synapses
        values = {n: v for n, v in self.bound.rule.values.items() if n not in self.bound.system.states}
        shape = (len(self.sparse),)
        wide = {n: tensor_of(v, shape, seed, f"{projection.name}.{n}") for n, v in values.items()}
        self.parameters = {n: v.to(dtype) for n, v in wide.items()}
        self.exact = reference.coefficients(self.bound.step, wide, dt)
        self.coefficients = {n: c.to(dtype) for n, c in self.exact.items()}
        self.coefficients["dt"] = self.parameters["dt"] = torch.tensor(dt, dtype=dtype)

    def arrived(self, tape: Tensor, now: int) -> Tensor:
        """Spikes [B, synapses] that arrive in the step at position ``now`` of the tape [steps, B, pre]."""
        if not self.projection.per_synapse:
            return tape[now - self.projection.latency][:, self.sparse.pre]
        return tape[now - self.sparse.latency_table.long(), :, self.sparse.pre].t()

    def deliver(self, spikes: Tensor, variables: Mapping[str, Tensor]) -> Tensor:
        """What arrives at the postsynaptic cells [1, B, post]: the weights as they are."""
        out = spikes.new_zeros(1, spikes.shape[0], self.sparse.sizes[1])
        return out.index_add(-1, self.sparse.post, (spikes * variables["w"]).unsqueeze(0))

    def react(
        self, code: str, spikes: Tensor, variables: dict[str, Tensor], cells: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Run ``on_pre`` or ``on_post`` where there was a spike."""
        if code not in self.bound.codes:
            return variables
        function = step_function(self.bound.codes[code], _NO_SLOPE)
        changed = function({**self.parameters, **cells, **variables}, spikes)
        happened = spikes != 0
        return {
            n: torch.where(happened, torch.as_tensor(changed[n], dtype=self.dtype), v) if n in changed else v
            for n, v in variables.items()
        }

    def advance(self, variables: dict[str, Tensor], cells: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Let the variables move by one step."""
        if not self.bound.system.states:
            return variables
        program = self.bound.step.program.only(self.bound.system.states)
        moved = step_function(program, _NO_SLOPE)({**self.coefficients, **cells, **variables}, variables["w"])
        return {**variables, **moved}

    def fired(self, spikes: Tensor) -> Tensor:
        """Spikes of the postsynaptic cells [B, post] as seen by their synapses."""
        return spikes[:, self.sparse.post]

    def cells(self, pre: Mapping[str, Tensor] | None, post: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The variables of both cells that the rule reads, per synapse."""
        out = {f"{n}_post": post[n][:, self.sparse.post] for n in self.bound.reads("post")}
        if pre is not None:
            out |= {f"{n}_pre": pre[n][:, self.sparse.pre] for n in self.bound.reads("pre")}
        return out
