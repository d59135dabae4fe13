"""A circuit: populations joined by single synapses, as one task over many steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ranvier.dynamics import Step
from ranvier.kernels.tasks._exchange import Exchange
from ranvier.kernels.tasks._pattern import Pattern
from ranvier.kernels.tasks._plastic import PlasticProjection
from ranvier.kernels.tasks._rows import RowSource
from ranvier.kernels.tasks._spikes import Spikes
from ranvier.storages import Stored
from ranvier.values import CountLaw

__all__ = ["Circuit", "CircuitDrive", "CircuitPopulation", "CircuitProjection", "CircuitResult", "GradedProjection"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class CircuitDrive:
    """Counts of spikes times ``weight`` ([cells] or [1]), added to ``stream`` ``latency`` steps later.

    ``key`` (which ends with the stream of random numbers) is that of ``ranvier.values.counts``; ``law`` is one for all steps, or row
    n is the law of what is emitted in step n of the call. ``before`` [latency, cells] are the counts of the steps before the call,
    which arrive in its first steps.
    """

    stream: str
    law: CountLaw
    key: tuple[int, int, int]
    weight: Tensor
    latency: int
    before: Tensor


@dataclass(frozen=True)
class CircuitPopulation:
    """A population of a circuit: [cells] states and coefficients, [T, cells] (or [T, 1]) outside streams.

    A source of spikes is one without states. ``noises`` are streams of standard normal numbers, with the keys of
    ``ranvier.values.normal_numbers``. ``history`` [steps before the call, cells] are its spikes, or numbers of the output ``emission``
    of its step, where graded projections carry that; ``past`` are its spikes, where they are known as a list, and the history then
    has no rows. The result holds the emissions of the last ``kept`` steps.
    """

    name: str
    step: Step
    cells: int
    states: Mapping[str, Tensor]
    coefficients: Mapping[str, Tensor]
    outside: Mapping[str, Tensor]
    history: Tensor
    recorded: tuple[str, ...] = ()
    drives: tuple[CircuitDrive, ...] = ()
    noises: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    emission: str | None = None
    kept: int = 0
    past: Spikes | None = None

    @property
    def depth(self) -> int:
        """Steps before the call whose emissions are known."""
        return self.history.shape[0] if self.past is None else self.past.steps

    def fired_before(self) -> Spikes:
        """The spikes before the call; none where graded projections carry an emission."""
        if self.past is not None:
            return self.past
        return Spikes.of(self.history if self.emission is None else self.history[:0])

    @property
    def given(self) -> tuple[str, ...]:
        """Streams of what arrives from outside the circuit: arrays, and drives."""
        return (*self.outside, *(d.stream for d in self.drives))

    @property
    def varied(self) -> tuple[str, ...]:
        """Coefficients with a value per cell."""
        return tuple(n for n in self.step.coefficients if self.coefficients[n].numel() > 1)


@dataclass(frozen=True)
class _Projection:
    """Synapses from ``pre`` to the stream ``stream`` of ``post``; ``latency`` in steps, at least 1, for all or for every synapse."""

    pre: str
    post: str
    stream: str
    pattern: Pattern | RowSource
    weight: Tensor | Stored
    latency: Tensor | int

    @property
    def shortest(self) -> int:
        """The least latency of a synapse; 1 without synapses."""
        if isinstance(self.latency, int):
            return self.latency
        return int(self.latency.min()) if self.latency.numel() else 1

    @property
    def longest(self) -> int:
        """The greatest latency of a synapse; 1 without synapses."""
        if isinstance(self.latency, int):
            return self.latency
        return int(self.latency.max()) if self.latency.numel() else 1


@dataclass(frozen=True)
class CircuitProjection(_Projection):
    """Synapses that carry the spikes of ``pre``.

    With a ``RowSource`` the synapses are drawn when a cell fires, and share weight and latency. ``weight`` is [synapses] or
    [1]; a ``latency`` for every synapse is uint8, int16 or int32.
    """

    @property
    def stored(self) -> Pattern | None:
        """Its synapses; None where they are drawn."""
        return None if isinstance(self.pattern, RowSource) else self.pattern

    @property
    def latencies(self) -> Tensor | None:
        """The latency of every synapse; None where all have one."""
        return None if isinstance(self.latency, int) else self.latency

    @property
    def one_weight(self) -> bool:
        """Whether all synapses share a weight."""
        return self.weight.numel() == 1


@dataclass(frozen=True)
class GradedProjection(_Projection):
    """Synapses that bring weight times the ``emission`` of ``pre`` in every step, ``latency`` steps later.

    ``weight`` is [synapses] or [1].
    """

    pattern: Pattern
    weight: Tensor


@dataclass(frozen=True)
class Circuit:
    """Populations joined by single synapses, advanced by ``steps`` steps from step ``first``; no gradient.

    The recorded variables are taken after every step n with n + 1 a multiple of ``every``. With an ``exchange`` only
    own cells are advanced: states and records of the result hold for these alone, spikes are those of all cells.

    With ``samples``, states are [samples, cells], histories [steps, samples, cells] and outside streams [T, samples, cells], of which
    the latter may also be 1 for samples and cells that share numbers; coefficients may be [samples, cells] or [samples, 1]; synapses are
    those of every sample. Such a circuit
    has no drives, no noises, and no synapses that are plastic, drawn, or carry a variable.
    """

    populations: Sequence[CircuitPopulation]
    projections: Sequence[CircuitProjection]
    first: int
    steps: int
    dtype: torch.dtype
    every: int = 1
    plastic: Sequence[PlasticProjection] = ()
    graded: Sequence[GradedProjection] = ()
    exchange: Exchange | None = None
    samples: int | None = None


@dataclass(frozen=True)
class CircuitResult:
    """Spikes, states after the call and recorded variables [times, cells] by population; plastic values in order.

    ``emitted`` [kept, cells] are the last emissions of populations that graded projections leave. Of a circuit with samples states
    are [samples, cells], recorded variables [times, samples, cells], and cell c of sample b is number b*cells + c in spikes.
    """

    spikes: dict[str, Spikes]
    states: dict[str, dict[str, Tensor]]
    recorded: dict[str, dict[str, Tensor]]
    plastic: list[dict[str, Tensor]]
    emitted: dict[str, Tensor] = field(default_factory=dict)
