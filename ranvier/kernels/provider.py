"""Providers of kernels: each offers to run tasks of a shape, or refuses in a sentence, and builds their runnables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch

from ranvier.kernels.tasks import ScanResult, Shape

__all__ = [
    "CHANGED",
    "DENSE",
    "EVENT",
    "GIVEN",
    "MADE",
    "SOURCE",
    "UNFIT",
    "Calls",
    "CircuitCalls",
    "CircuitSteps",
    "Kept",
    "Offer",
    "OpensCalls",
    "OpensCircuit",
    "OpensSteps",
    "Provider",
    "Refusal",
    "Request",
    "Runnable",
    "Session",
    "Sessions",
    "Steps",
]

Tensor = torch.Tensor
#: variants of a product: spike by spike, or as a whole
EVENT, DENSE = "event", "dense"
#: what a step of :class:`Steps` found: a source, or a value given, that is not sound; values made that are not; numbers read
#: before that are others now; a tensor of another shape or type than was expected
SOURCE, GIVEN, MADE, CHANGED, UNFIT = 1, 2, 4, 8, 16


@dataclass(frozen=True)
class Offer:
    """A provider runs tasks of a shape, for a ``reason`` that the plan prints.

    ``variant`` is the provider's own word for the way, which it gets back when it builds; for a product it is ``EVENT`` or
    ``DENSE``. ``repeats`` says that one set-up can serve many windows: what is built has ``open``; ``calls`` that one can serve
    many calls of one shape, with their gradients: what is built has ``open_calls``. ``stored`` says that tasks
    may hold ``ranvier.storages.Stored`` in the place of a weight; else the network decodes it before each task. ``graded``
    says that what enters a fused task may be any numbers, not spikes alone. ``exchanges`` says that a circuit may have an
    ``Exchange`` with other processes. ``pieces`` says that a circuit may be
    advanced some steps at a time: what is built has ``open_circuit`` and ``open_circuit_calls``.
    """

    reason: str
    variant: str = ""
    repeats: bool = False
    stored: bool = False
    graded: bool = False
    calls: bool = False
    exchanges: bool = False
    pieces: bool = False


@dataclass(frozen=True)
class Refusal:
    """A provider does not run tasks of a shape; the sentence says why."""

    sentence: str


class Request(Protocol):
    """Facts that all tasks of a call share.

    ``single`` is a batch of one sample; ``few`` says that dense inputs have few rows; ``step`` says that calls are of one step each,
    without gradient.
    """

    @property
    def device(self) -> str:
        """Kind of the device on which the network lives."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Of states and emissions."""
        ...

    @property
    def gradient(self) -> bool:
        """Whether a gradient is wanted."""
        ...

    @property
    def single(self) -> bool:
        """Whether the batch is one sample."""
        ...

    @property
    def step(self) -> bool:
        """Whether calls are of one step each, without gradient."""
        ...

    @property
    def few(self) -> bool:
        """Whether dense inputs have few steps times samples, so that each operation costs more than its numbers."""
        ...


#: runs tasks of the shape that it was built for, as often as wanted: a scan gives a ``ScanResult``, a fused task one for each
#: population, a circuit a ``CircuitResult``, a product a tensor
Runnable = Callable[[Any], Any]


class Session(Protocol):
    """A fused task for many windows of a series, set up once.

    Between windows the parameters stay and no gradient crosses. What differs are the spikes from outside, the states and the
    spikes in flight. Outputs lie in the same memory in every window: copy what is to outlive it, and differentiate a
    window before the next one is run.
    """

    def run(
        self, sources: Sequence[Tensor], states: Mapping[str, Mapping[str, Tensor]], past: Sequence[Tensor | None]
    ) -> Mapping[str, ScanResult] | None:
        """The next window, by population; None where a source holds other numbers than 0 and 1.

        ``sources`` come by feed, ``past`` (what was emitted before) by projection inside.
        """
        ...

    def finish(self) -> None:
        """Hand the gradients of the parameters over, once for all windows."""
        ...


class Sessions(Protocol):
    """The runnable of an offer that repeats."""

    def __call__(self, task: Any) -> Any:
        """Run one task."""
        ...

    def open(self, task: Any) -> Session | None:
        """Set up for windows like this one; None where something else changes between them than a session allows."""
        ...


class Kept(NamedTuple):
    """A value that lasts from one step to the next: a ``variable`` of a population, or (None) its last emissions.

    ``spikes`` are 0 or 1; whole numbers are at most ``most``.
    """

    owner: str
    variable: str | None
    shape: tuple[int, ...]
    dtype: torch.dtype
    spikes: bool = False
    most: int = 1 << 23


class Steps(Protocol):
    """A fused task of one step without gradient, set up once for as many calls as follow.

    Weights that are contiguous and of the dtype of the task are read where they lie, in every step; all other numbers are
    read once, and :data:`CHANGED` says that one of the tensors ``watched`` holds others now. Not for two threads at once.
    """

    @property
    def kept(self) -> tuple[Kept, ...]:
        """What lasts, in the order in which it is given and made."""
        ...

    @property
    def outputs(self) -> tuple[tuple[str, str], ...]:
        """Populations and emissions that are handed over, in order."""
        ...

    def call(self, sources: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[int, list[Tensor], list[Tensor]]:
        """One step from the values ``given``, with ``sources`` [B, …] by feed: what was found, the values after it, and the outputs.

        Both are new tensors.
        """
        ...

    def begin(self, given: Sequence[Tensor]) -> int:
        """Keep the values ``given`` for the steps that follow; returns what was found."""
        ...

    def step(self, sources: Sequence[Tensor], out: Sequence[Tensor]) -> int:
        """One step of the values kept, its outputs in ``out``; not done where anything but :data:`MADE` is found."""
        ...

    def room(self) -> list[Tensor]:
        """Tensors for the outputs of a step."""
        ...

    def read(self) -> list[Tensor]:
        """The values kept, as new tensors."""
        ...


class OpensSteps(Protocol):
    """The runnable of an offer that repeats, for a request of single steps."""

    def __call__(self, task: Any) -> Any:
        """Run one task."""
        ...

    def open(self, task: Any, watched: Sequence[Tensor], most: float) -> Steps | None:
        """Set up for steps like this one; None where they must be run one by one. States of magnitude ``most`` are not sound."""
        ...


class Calls(Protocol):
    """A fused task set up once for calls of one shape, differentiable in the parameters that it reads.

    Parameters that a task holds as they are, or as rows that repeat them, are read where they lie, in every call; those
    coefficients and streams that ``computed`` names come with each call, with their gradients; all other
    numbers are read once, and :data:`CHANGED` says that a tensor of the network holds others now. Calls share no memory: each may
    be differentiated at any time, and several threads may call at once.
    """

    @property
    def computed(self) -> tuple[tuple[str, str], ...]:
        """Coefficients, and streams that are the same in every step and sample, that are computed from parameters: populations and
        names, in the order in which calls take them."""
        ...

    @property
    def kept(self) -> tuple[Kept, ...]:
        """What lasts, in the order in which it is given and made."""
        ...

    @property
    def outputs(self) -> tuple[tuple[str, str], ...]:
        """Populations and emissions that are handed over, in order."""
        ...

    def call(
        self, sources: Sequence[Tensor], given: Sequence[Tensor], computed: Sequence[Tensor] = ()
    ) -> tuple[int, list[Tensor], list[Tensor]]:
        """One call from the values ``given``, with ``sources`` [T, B, …] by feed and those ``computed`` (coefficients in any dtype): what was found,
        the values after it, and the outputs [T, B, …]; no gradient goes to sources and values."""
        ...


class OpensCalls(Protocol):
    """The runnable of an offer that serves calls of one shape."""

    def __call__(self, task: Any) -> Any:
        """Run one task."""
        ...

    def open_calls(self, task: Any, tensors: Sequence[Tensor], most: float, gradient: bool) -> Calls | None:
        """Set up for calls like this one; None where they must be run one by one.

        ``tensors`` are all tensors of the network; ``gradient`` says whether those that ask for a gradient have one. States of
        magnitude ``most`` are not sound.
        """
        ...


class CircuitSteps(Protocol):
    """A circuit of one sample that is advanced some steps at a time; its values stay inside in between.

    Weights that are contiguous and of the dtype of the task are read where they lie, in every step; all other numbers are
    read once, and :data:`CHANGED` says that one of the tensors ``watched`` holds others now. Not for two threads at once.
    """

    done: int

    @property
    def room(self) -> int:
        """Steps that can follow before :meth:`begin`."""
        ...

    def begin(self, task: Any) -> None:
        """Go on from the values of ``task``, a circuit of the same parts, which has room for its steps."""
        ...

    def step(self, count: int) -> tuple[int, Mapping[str, Any]]:
        """The next ``count`` steps, at most ``room``: what was found, and their spikes by population; nothing is done where
        anything but :data:`MADE` is found."""
        ...

    def result(self) -> Any:
        """The ``CircuitResult`` of the ``done`` steps since it began, as if they were one call."""
        ...


class CircuitCalls(CircuitSteps, Protocol):
    """The same for calls that are given the values of states and hand over new ones."""

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The states, in the order in which they are given and made."""
        ...

    def restart(self, first: int, past: Mapping[str, Any]) -> None:
        """The next call begins with step ``first``, after the spikes ``past`` of each population; its random numbers are those of before."""
        ...

    def call(self, given: Sequence[Tensor], count: int) -> tuple[int, list[Tensor]]:
        """The next ``count`` steps from the values ``given``: what was found, and the values after them, as new tensors.

        Nothing is done where anything but :data:`MADE` is found, and the circuit must be restarted then. :data:`UNFIT` says that there
        is no room for the steps, or that counters are others than the last call made.
        """
        ...

    def fired(self, name: str, steps: int) -> Any:
        """The spikes of a population in the last ``steps`` steps, among them those before the circuit was restarted."""
        ...


class OpensCircuit(Protocol):
    """The runnable of an offer for circuits that are advanced some steps at a time."""

    def __call__(self, task: Any) -> Any:
        """Run one task."""
        ...

    def open_circuit(self, task: Any, watched: Sequence[Tensor], most: float) -> CircuitSteps | None:
        """Set up for circuits like ``task``, which has room for its steps; None where they must be run call by call. States of
        magnitude ``most`` are not sound."""
        ...

    def open_circuit_calls(self, task: Any, watched: Sequence[Tensor], most: float) -> CircuitCalls | None:
        """The same for calls from values and to values."""
        ...


class Provider(Protocol):
    """One way to run tasks; :func:`ranvier.kernels.register` makes it known to every plan."""

    name: str

    def offer(self, shape: Shape, request: Request) -> Offer | Refusal:
        """Whether tasks of a shape can be run under a request: the same answer for the same question."""
        ...

    def build(self, shape: Shape, variant: str) -> Runnable:
        """The runnable for tasks of the offered shape, in the ``variant`` of the offer."""
        ...
