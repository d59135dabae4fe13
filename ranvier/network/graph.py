"""What a network is at one moment, as everything below its public methods sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ranvier._nearest import meant
from ranvier.dynamics import components
from ranvier.network.bounds import Bounds
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.connectivity.chain import Members
    from ranvier.connectivity.partial_shape import PartialShape
    from ranvier.distributed import Processes
    from ranvier.dynamics import Step
    from ranvier.network.parts.by_name import Parts
    from ranvier.network.parts.population import Population, Relay
    from ranvier.network.parts.projection import Projection
    from ranvier.network.plan.plan import Plan
    from ranvier.network.precision import Precision
    from ranvier.neurons import Cell

__all__ = ["Graph", "Memo"]


@dataclass
class Memo:
    """Facts that calls of one network leave to the next: plans, warnings said once, parts looked at, the last shape.

    ``samples`` are the shapes of parts without a size, as far as the projections onto them tell.

    Plans are known by the generation of providers and the request; ``parts`` are those that they were made for. A request
    names its windows, so only the last ``most`` plans are kept, in the order in which they were made.
    """

    most: ClassVar[int] = 32
    few: ClassVar[int] = 4
    plans: dict[tuple[int, tuple], Plan] = field(default_factory=dict)
    parts: tuple = ()
    #: parts that were looked at for equations that lose digits late
    late: tuple | None = None
    said: set[str] = field(default_factory=set)
    wired: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    samples: dict[str, PartialShape] = field(default_factory=dict)
    shape: tuple[int, int] | None = None
    #: steps that were set up once, by batch, dtype and provider (``network/run/one_step.py``)
    steps: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    #: calls that were set up once, by shape, records, mode and dtype (``network/run/same_call.py``)
    calls: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    #: runs of few steps that were set up once, by dtype and provider (``network/simulation/short.py``)
    runs: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    #: what runs with sources in the place of inputs leave to the next, by these sources
    with_sources: dict[tuple[Any, ...], Memo] = field(default_factory=dict)

    def swaps(self, steps: int, batch: int) -> bool:
        """Whether the last call had as many samples as this one has steps, and as many steps as this one has samples."""
        return steps != batch and self.shape == (batch, steps)

    def __getstate__(self) -> dict[str, Any]:
        """A copy sets its steps up anew."""
        return {**self.__dict__, "steps": {}, "calls": {}, "runs": {}, "with_sources": {}}

    def alone(self, sources: tuple[Any, ...]) -> Memo:
        """The memo of the network with these sources in the place of its inputs; few are kept."""
        if sources not in self.with_sources:
            while len(self.with_sources) >= self.few:
                del self.with_sources[next(iter(self.with_sources))]
            self.with_sources[sources] = Memo()
        return self.with_sources[sources]

    def forget(self) -> None:
        """The network has other parts now."""
        self.plans.clear()
        self.steps.clear()
        self.calls.clear()
        self.runs.clear()
        self.with_sources.clear()

    def plan(self, generation: int, asked: tuple, make: Callable[[], Plan]) -> Plan:
        """The plan of what was ``asked``, made once; plans made with earlier providers are forgotten."""
        found = self.plans.get((generation, asked))
        if found is None:
            found = make()
            known = [(key, plan) for key, plan in self.plans.items() if key[0] == generation]
            self.plans = dict([*known, ((generation, asked), found)][-self.most :])
        return found

    def new(self, sentence: str) -> bool:
        """Whether a warning was not said before; it counts as said from here on."""
        if sentence in self.said:
            return False
        self.said.add(sentence)
        return True


@dataclass(frozen=True, slots=True)
class Graph:
    """Parts by name, the time step in ms, and where numbers live; ``net.graph`` gives it.

    Functions below the public edge take a graph instead of the network: it has the parts, and none of the network's calls.
    """

    dt: float
    seed: int
    dtype: torch.dtype
    device: torch.device
    provider: str | None
    inputs: Mapping[str, tuple[int, ...] | None]
    sources: Mapping[str, Any]
    populations: Parts[Population]
    relays: Mapping[str, Relay]
    projections: Parts[Projection]
    outputs: Sequence[str]
    memo: Memo
    bounds: Bounds
    #: several processes that run it together; None where there is one
    processes: Processes | None = None
    #: parameters [B, *shape] or [B, 1, …] that stand in the place of those of a population in one call
    values: Mapping[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)
    #: half precision of the products of this call; ``dtype`` is that of states
    precision: Precision | None = None

    @property
    def parts(self) -> tuple[Population | Projection | Members, ...]:
        """Populations, projections and the members of their chains: as long as they are equal, plans hold."""
        projections = self.projections.values()
        return (*self.populations.values(), *projections, *[p.chain.members for p in projections])

    @property
    def nodes(self) -> list[str]:
        """Names of inputs, sources, populations and relays."""
        return [*self.inputs, *self.sources, *self.populations, *self.relays]

    @property
    def taken(self) -> dict[str, str]:
        """The owner of each name: parts and projections share one set of names."""
        kinds = {
            "an input": self.inputs, "a source": self.sources, "a population": self.populations, "a relay": self.relays,
            "a projection": self.projections,
        }  # fmt: skip
        return {name: kind for kind, named in kinds.items() for name in named}

    def of_cell(self, cell: Cell) -> Population | None:
        """The first population of the very same cell object."""
        return next((p for p in self.populations.values() if p.cell is cell), None)

    def depths(self) -> dict[str, int]:
        """How many steps of each part's emissions are still needed, where any are."""
        depth: dict[str, int] = {}
        for p in self.projections.values():
            if p.by_spike:
                depth[p.pre] = max(depth.get(p.pre, 0), p.depth)
            if p.plasticity and p.plasticity.rule.on_post:
                depth[p.post] = max(depth.get(p.post, 0), 1)
        return {n: d for n, d in depth.items() if d}

    def in_cycles(self) -> frozenset[str]:
        """The projections that lie on a cycle: their source is reached by their target."""
        after: dict[str, set[str]] = {n: set() for n in self.nodes}
        for p in self.projections.values():
            after[p.pre].add(p.post)
        of = {n: k for k, members in enumerate(components(after)) for n in members}
        return frozenset(n for n, p in self.projections.items() if of[p.pre] == of[p.post])

    def kicks(self, name: str) -> tuple[str, ...]:
        """The states of a population on which projections arrive."""
        states = self.populations[name].cell.system.states
        arriving = {p.port for p in self.projections.values() if p.post == name}
        return tuple(s for s in states if s in arriving)

    def step(self, name: str, times: bool = False) -> Step:
        """The step of a population for what arrives on it; with ``times``, spikes carry the derivative of their time."""
        return self.populations[name].step(self.kicks(name), times)

    @property
    def times(self) -> frozenset[str]:
        """Variables of populations that are float64 in networks of any dtype, as paths of a state's tensors."""
        return frozenset(f"variables/{n}/{v}" for n, p in self.populations.items() for v in p.cell.system.times)

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """Shape of what a part emits, or None while only a call can tell."""
        if name in self.populations:
            return self.populations[name].shape
        if name in self.relays:
            return self.relays[name].size
        if name in self.sources:
            return self.sources[name].shape
        if name in self.inputs:
            return self.inputs[name]
        raise GraphError(
            f"there is no part called {name!r}: the network has {', '.join(self.nodes) or 'none yet'}.{meant(name, self.nodes)}"
        )

    def port_of(self, post: str, to: str | None) -> str:
        """The port a projection arrives on; may be left out where the cell has one input."""
        if post in self.relays:
            return "x"
        cell = self.populations[post].cell
        to = cell.default_port if to is None else to
        if to is None:
            raise GraphError(f"name the port of {post!r} with to=…: it has {', '.join(cell.ports) or 'none'}.")
        if to not in cell.ports:
            raise GraphError(
                f"{post!r} has no port {to!r}: projections can arrive on {', '.join(cell.ports) or 'none'}.{meant(to, cell.ports)}"
            )
        return cell.arrival(to)
