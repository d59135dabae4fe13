"""Providers of kernels: each offers to run tasks of a shape, or refuses in a sentence, and builds their runnables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from ranvier.kernels.tasks import ScanResult, Shape

__all__ = ["DENSE", "EVENT", "FEW_ROWS", "Offer", "Provider", "Refusal", "Request", "Runnable", "Session", "Sessions"]

Tensor = torch.Tensor
#: variants of a product: spike by spike, or as a whole
EVENT, DENSE = "event", "dense"
#: a request says of a window whether it has as many rows (steps times batch): no more, so that equal plans serve many calls
FEW_ROWS = 64


@dataclass(frozen=True)
class Offer:
    """A provider runs tasks of a shape, for a ``reason`` that the plan prints.

    ``variant`` is the provider's own word for the way, which it gets back when it builds; for a product it is ``EVENT`` or
    ``DENSE``. ``repeats`` says that one set-up can serve many windows: what is built has ``open``. ``stored`` says that tasks
    may hold ``ranvier.storages.Stored`` in the place of a weight; else the network decodes it before each task.
    """

    reason: str
    variant: str = ""
    repeats: bool = False
    stored: bool = False


@dataclass(frozen=True)
class Refusal:
    """A provider does not run tasks of a shape; the sentence says why."""

    sentence: str


class Request(Protocol):
    """Facts that all tasks of a call share.

    ``single`` is a batch of one sample; ``few`` says that a window holds fewer than ``FEW_ROWS`` rows.
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
    def few(self) -> bool:
        """Whether a window holds few rows."""
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


class Provider(Protocol):
    """One way to run tasks; :func:`ranvier.kernels.register` makes it known to every plan."""

    name: str

    def offer(self, shape: Shape, request: Request) -> Offer | Refusal:
        """Whether tasks of a shape can be run under a request: the same answer for the same question."""
        ...

    def build(self, shape: Shape, variant: str) -> Runnable:
        """The runnable for tasks of the offered shape, in the ``variant`` of the offer."""
        ...
