"""A network as the planner sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ranvier.kernels.tasks import ScanShape
from ranvier.network.order import Part
from ranvier.storages import Storage

__all__ = ["Carried", "Known"]


@dataclass(frozen=True)
class Carried:
    """A projection as a plan sees it.

    Attributes
    ----------
    dense
        The reason why its spikes are not carried one by one; None where they are.
    plain
        A dense matrix with one fixed latency, which an operation of several parts carries by event in any case.
    own
        How the kernel treats dense input with a delay per synapse.
    plastic
        How a circuit updates its synapses, where they change.
    earliest, latest
        Latencies in steps.
    drawable
        A circuit can draw its spikes itself.
    repeats
        One set-up of an operation around it can serve many windows.
    matrix
        Rows and columns of its matrix; None where it is none.
    storage
        How its weights lie in memory, where there are stored numbers alone.
    apart
        Why a circuit cannot hold its synapses; None where it can.
    single
        It comes from a source of single spikes.
    stacks
        Its synapses are stored, stay as they are, and carry spikes: a circuit advances samples together.
    halves
        Torch's autocast concerns it: maps that wait for no synapse of their own.
    """

    pre: str
    post: str
    dense: str | None
    plain: bool
    own: str | None = None
    plastic: str | None = None
    earliest: int = 0
    latest: int = 0
    drawable: bool = False
    repeats: bool = False
    matrix: tuple[int, ...] | None = None
    storage: Storage | None = None
    apart: str | None = None
    single: bool = False
    stacks: bool = False
    halves: bool = False


@dataclass(frozen=True)
class Known:
    """A network as a planner sees it.

    ``scans`` are the populations; ``apart`` says why a circuit cannot hold some parts; ``fusible(part)`` why a cycle cannot be one
    operation, or None; ``join(part, before, spread)`` whether a part can run in one operation with the populations before it;
    ``outside`` are inputs and ``sources``; ``moving`` are the populations whose step reads time or noise.
    """

    scans: Mapping[str, ScanShape]
    projections: Mapping[str, Carried]
    parts: tuple[Part, ...]
    outside: frozenset[str]
    sources: frozenset[str]
    moving: frozenset[str]
    apart: Mapping[str, str]
    fusible: Callable[[Part], str | None]
    join: Callable[[Part, Sequence[str], frozenset[str]], bool]

    def scans_of(self, members: Collection[str]) -> tuple[ScanShape, ...]:
        """The populations among ``members``."""
        return tuple(self.scans[n] for n in members if n in self.scans)

    def storages_of(self, members: Collection[str]) -> tuple[Storage, ...]:
        """The storages of projections onto ``members``."""
        found = (p.storage for p in self.projections.values() if p.post in members and p.storage is not None)
        return tuple(dict.fromkeys(found))
