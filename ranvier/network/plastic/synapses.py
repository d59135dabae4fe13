"""Plastic projections in a call: their numbers, and what arrives at their synapses step by step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from ranvier.dynamics.plasticity import common_name
from ranvier.dynamics.symbols import end_name
from ranvier.errors import ShapeError
from ranvier.kernels import eager
from ranvier.kernels.synapses import stepped
from ranvier.kernels.tasks import SynapseResult, SynapseStep
from ranvier.network.parts.population import start_of, tensor_of
from ranvier.network.parts.projection import Projection
from ranvier.network.plastic.members import members_of, values_of
from ranvier.neurons.values import check_drawn
from ranvier.units.steps import times_at
from ranvier.values import key_of, uniforms

if TYPE_CHECKING:
    from ranvier.connectivity import Sparse
    from ranvier.synapses import BoundPlasticity

__all__ = ["PlasticSynapses", "initial_synapses", "kept_in", "spikes_alone"]

Tensor = torch.Tensor
Values = Mapping[str, Tensor]


def kept_in(bound: BoundPlasticity, variable: str, dtype: torch.dtype) -> torch.dtype:
    """The dtype of a variable of synapses in a network of ``dtype``: times are float64, everything else is ``dtype``."""
    return torch.float64 if variable in bound.times else dtype


def initial_synapses(projection: Projection, batch: int, seed: int, stream: int) -> dict[str, Tensor]:
    """Starting weight and variables [batch, synapses]; drawn variables are those of ``stream``, the weights the network's."""
    sparse, bound = projection.synapses, projection.bound
    out = {"w": sparse.effective_weight().repeat(batch, 1)}
    for n in bound.system.states:
        shape = (batch, values_of(projection, n))
        start = _start(sparse, bound.rule.values.get(n, 0.0), shape, seed, f"{projection.name}.{n}", stream)
        kind = kept_in(bound, n, sparse.weight.dtype)
        out[n] = torch.empty(shape, dtype=kind, device=sparse.weight.device).copy_(start)
    return out


def _start(sparse: Sparse, value: Any, shape: tuple[int, ...], seed: int, name: str, stream: int) -> Tensor:
    """As ``start_of``; where other processes have other synapses, out of the values of all."""
    if sparse.shared is None:
        return start_of(value, shape, seed, name, stream)
    return sparse.shared.of_all(start_of(value, (shape[0], sparse.total), seed, name, stream))


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
    It remembers the circuit's last results: by variable a tensor [1, synapses] and the values
    by row or column of which it is made (``held``), and a tensor whose values are within the limits of the rule (``within``).
    """

    def __init__(self, projection: Projection, dt: float, dtype: torch.dtype, seed: int) -> None:
        self.projection, self.dtype, self.dt = projection, dtype, dt
        self.bound, self.sparse = projection.bound, projection.synapses
        values = {n: v for n, v in self.bound.rule.values.items() if n not in self.bound.system.states}
        shape, device = (self.sparse.total,), self.sparse.weight.device
        wide = {n: tensor_of(v, shape, seed, f"{projection.name}.{n}").to(device) for n, v in values.items()}
        if self.sparse.shared is not None:
            wide = {n: self.sparse.shared.of_all(v) for n, v in wide.items()}
        for n, v in values.items():
            check_drawn(n, v, wide[n], projection.name, self.bound.rule.positive)
        self.arithmetic = torch.float64 if self.bound.timed else dtype
        self.parameters = {n: v.to(self.arithmetic) for n, v in wide.items()}
        self.exact = eager.coefficients(self.bound.step, wide, dt)
        if self.bound.together is not None:
            common = eager.coefficients(self.bound.together, wide, dt)
            self.exact |= {common_name(n): c for n, c in common.items()}
        self.coefficients = {n: c.to(self.arithmetic) for n, c in self.exact.items()}
        self.coefficients["dt"] = self.parameters["dt"] = torch.tensor(dt, dtype=self.arithmetic, device=device)
        self.key = key_of(seed, f"{projection.name}.rand")
        self.by_spike = projection.by_spike
        self.held: dict[str, tuple[Tensor, Tensor]] = {}
        self.within: Tensor | None = None

    @cached_property
    def post(self) -> Tensor:
        """Int64 [synapses], the target cells."""
        return self.sparse.post

    @cached_property
    def members(self) -> dict[str, Tensor]:
        """Int64 [synapses], the member of its domain to which each synapse belongs, by shared variable."""
        device = self.sparse.weight.device
        return {n: members_of(self.projection, d).to(device) for n, d in self.bound.shared.items()}

    def arrived(self, tape: Tensor, now: int) -> Tensor:
        """Spikes [B, synapses] that arrive in the step at position ``now`` of the tape [steps, B, pre]."""
        if not self.projection.per_synapse:
            return tape[now - self.projection.latency][:, self.sparse.pre]
        return tape[now - self.sparse.latency_table.long(), :, self.sparse.pre].t()

    def step(
        self, values: Values, cells: Values, arrived: Tensor | None, fired: Tensor | None, step: int, stream: int
    ) -> SynapseResult:
        """One step; ``arrived`` [B, synapses] and ``fired`` [B, post] as :class:`SynapseStep` has them."""
        program, drawn = self.bound.codes.get("on_pre"), None
        if arrived is not None and program is not None and "rand" in program.reads:
            numbers = uniforms(self.key, arrived.numel(), step=step, stream=stream)
            drawn = torch.from_numpy(numbers).reshape(arrived.shape)
        time = torch.tensor(float(times_at(step, self.dt)), dtype=torch.float64)
        sizes = self.sparse.sizes
        return stepped(
            SynapseStep(
                self.bound, self.parameters, self.coefficients, values, cells, self.post, sizes[1], time, arrived, fired,
                drawn, self.members,
            )
        )  # fmt: skip

    def cells(self, pre: Values | None, post: Values) -> dict[str, Tensor]:
        """The variables of both cells that the rule reads, per synapse."""
        out = {end_name(n, "post"): post[n][:, self.post] for n in self.bound.reads("post")}
        if pre is not None:
            out |= {end_name(n, "pre"): pre[n][:, self.sparse.pre] for n in self.bound.reads("pre")}
        return out
