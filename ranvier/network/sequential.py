"""A chain of transforms and cells, written as one reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any

import torch
from torch import nn

from ranvier.connectivity import Connectivity
from ranvier.connectivity.partial_shape import sized
from ranvier.connectivity.registry import transform_of
from ranvier.dynamics import Reset
from ranvier.network.branches import Branches
from ranvier.network.graph import Graph
from ranvier.network.inner import check_step
from ranvier.network.network import Network
from ranvier.network.order import GraphError
from ranvier.network.parts.fit import sample_of, shape_behind
from ranvier.network.parts.population import Population, Relay
from ranvier.network.parts.projection import Projection
from ranvier.network.places import Joint, joints_between, joints_of, placed, places
from ranvier.network.recurrent import Recurrent
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate
from ranvier.units import ms

__all__ = ["Sequential"]


def _instead_of(part: Any) -> str:
    """The remedy for an argument that is not a part."""
    if isinstance(part, list | tuple):
        return "unpack it with a star: rv.Sequential(*parts, dt=…), or among other parts *rv.PSN(…)."
    if isinstance(part, Connectivity):
        return "a rule makes single synapses between populations of rv.Network: net.connect('a', 'b', rule)."
    if callable(part):
        name = getattr(part, "__name__", "it")
        return f"call it, as in {name}(…), if it makes a part; a function of tensors needs a module, such as torch.nn.ReLU()."
    return "give modules such as rv.Linear(…) and cells such as rv.LIF(…)."


def _input_shape(parts: Sequence[Any]) -> tuple[int, ...] | None:
    """The shape of the input, where the first transform tells its last axis, with the axes of the first cells before it."""
    first = parts[0]
    count = transform_of(first).input_size if isinstance(first, nn.Module) else None
    if count is None:
        return None
    k = next((k for k, part in enumerate(parts) if not isinstance(part, nn.Module)), None)
    part = None if k is None else parts[k]
    cell = part.cell if isinstance(part, Recurrent) else part
    size = cell.size if isinstance(cell, Cell) else None
    lead = size[:-1] if size is not None else ()
    shape = shape_behind([transform_of(m) for m in parts[:k]], (*lead, count))
    return (*lead, count) if sized(shape) == size else (count,)


class Sequential(Network):
    """A network written as a chain: transforms (``Linear``, any stateless torch module) and cells in turn, and
    :class:`Residual` and other branches.

    Forward edges are same-step: a spike reaches the next population in the step it was fired, plus round(delay/dt).
    The last population is the output. Parts are called linear1, lif1, … in order of appearance.

    As in ``torch.nn.Sequential``, ``net[k]`` is part number k, ``net[a:b]`` a network of some parts, with the same tensors, and ``len(net)``
    and ``for part in net`` count transforms and populations in order. ``net["lif1"]`` and ``net.lif1`` are parts by name. A transform or
    cell in two places is shared. A layer, or a network with one input and one output, may be a part: its own parts, with their tensors,
    stand in its place.

    >>> net = rv.Sequential(rv.Linear(700, 256), rv.LIF(256), rv.Linear(256, 20), rv.LeakyReadout(20), dt=1*ms)
    >>> out, state = net((torch.rand(100, 32, 700) < 0.05).float())
    >>> out.shape
    torch.Size([100, 32, 20])
    """

    def __init__(
        self, *parts: nn.Module | Cell | Recurrent | Relay | Branches, dt: Any, seed: int = 0, surrogate: Surrogate | None = None,
        dtype: torch.dtype = torch.float32, provider: str | None = None, reset_gradient: Reset = "auto",
    ) -> None:  # fmt: skip
        super().__init__(
            dt=dt, seed=seed, surrogate=surrogate, dtype=dtype, provider=provider, reset_gradient=reset_gradient
        )
        if not parts:
            raise GraphError("Sequential needs at least one transform or cell.")
        source = self.input("input", _input_shape(parts))
        counts: dict[str, int] = {}
        source, chain = self._walk(parts, source, [], counts)
        self._end(source, chain, counts)

    def __len__(self) -> int:
        return len(places(self.graph))

    def __iter__(self) -> Iterator[Any]:
        return iter([place.part for place in places(self.graph)])

    def __getitem__(self, which: int | slice | str) -> Any:
        """A part by place or name, or the network of several parts, with the same tensors."""
        if isinstance(which, slice):
            return self._slice(which)
        return placed(self.graph, which).part if isinstance(which, int) else super().__getitem__(which)

    def __setitem__(self, which: int | str, module: nn.Module) -> None:
        """Replace a transform."""
        if isinstance(which, str):
            return super().__setitem__(which, module)
        place = placed(self.graph, which)
        if place.k is None:
            return super().__setitem__(place.owner, module)  # which says what cannot be replaced
        return self._replace(place.owner, place.k, module)

    def _slice(self, which: slice) -> Sequential:
        first, last, stride = which.indices(len(self))
        if stride != 1:
            raise GraphError(f"net[{first}:{last}:{stride}] has a step, but parts follow one another: leave it out.")
        graph = self.graph
        joints = joints_between(graph, first, last)
        enters = next(joint for joint in joints if joint.pre is None)
        net = Sequential.__new__(Sequential)
        Network.__init__(
            net, dt=self.dt * ms, seed=self.seed, surrogate=self.surrogate, dtype=self.dtype, provider=self.provider,
            reset_gradient=self.reset_gradient,
        )  # fmt: skip
        size = None if enters.cut else graph.shape_of(enters.of.pre)
        source, chain = net._graft(graph, joints, net.input("input", size), [], None)
        net._end(source, chain, {})
        net.training = self.training
        return net

    def _end(self, source: str, chain: list[nn.Module], counts: dict[str, int]) -> None:
        self.outputs.append(self._relay("output", source, chain, counts) if chain else source)

    def _graft(
        self, of: Graph, joints: Sequence[Joint], source: str, chain: list[nn.Module], counts: dict[str, int] | None
    ) -> tuple[str, list[nn.Module]]:
        """Make ``joints`` among parts of another network, whose tensors these share, behind ``source`` and the transforms ``chain``.

        Parts have new names by ``counts``, or keep theirs where it is None. Returns both as :meth:`_walk` does.
        """
        if chain and sum(joint.pre is None for joint in joints) > 1:
            source, chain = self._relay(self._free("fork", counts or {}), source, chain, counts or {}), []
        made: dict[str, str] = {}
        for name in [n for joint in joints for n in (joint.pre, joint.post) if n is not None]:
            if name not in made:
                made[name] = name if counts is None else self._free(name.rstrip("0123456789"), counts)
                self._share(of, name, made[name])
        for joint in joints:
            pre, lead = (source, chain) if joint.pre is None else (made[joint.pre], [])
            if joint.post is None:
                return pre, [*lead, *joint.modules]
            old = joint.of
            label = old.name if counts is None else self._free(old.name.rstrip("0123456789"), counts, "projection")
            modules = [module.to(self.dtype) for module in (*lead, *joint.modules)]
            lag = 0 if joint.cut else old.lag
            self._add(old.replaced(modules, name=label, pre=pre, post=made[joint.post], lag=lag))
        return (made[of.outputs[0]] if of.outputs[0] in made else made[joints[-1].post or ""]), []

    def _share(self, of: Graph, name: str, new: str) -> None:
        """Add the population or relay ``name`` of another network, with the same tensors."""
        if name in of.relays:
            self.relays[new] = of.relays[name]
        else:
            twin: Population = copy(of.populations[name])  # a module with the same tables of tensors
            twin.name, twin._steps, twin._computed = new, {}, None
            self.populations[new] = twin
        self._memo.forget()

    def _walk(
        self, parts: Sequence[Any], source: str, chain: list[nn.Module], counts: dict[str, int]
    ) -> tuple[str, list[nn.Module]]:
        """Add parts after ``source``; ``chain`` are transforms that still wait for a target. Returns both as they end."""
        for part in parts:
            inner: Network | None = getattr(part, "inner_network", None)
            if inner is not None:
                check_step(inner.dt, self.dt)
                source, chain = self._graft(inner.graph, joints_of(inner.graph), source, chain, counts)
                continue
            if isinstance(part, Population):
                raise GraphError(
                    f"{part.name!r} is a population of another network: give that network, as in rv.Sequential(net, …) or net[:2], "
                    f"whose parts then stand here with their tensors; or its cell, as in net[{part.name!r}].cell, for new cells."
                )
            if isinstance(part, nn.Module):
                chain = [*chain, part]
                continue
            if isinstance(part, Branches):
                source, chain = self._branches(part, source, chain, counts), []
                continue
            if not isinstance(part, Cell | Recurrent | Relay):
                raise GraphError(
                    f"Sequential takes transforms and cells, got {type(part).__name__}: {_instead_of(part)}"
                )
            cell = part.cell if isinstance(part, Recurrent) else part
            kind = cell.name if isinstance(cell, Cell) else "relay"
            name = self.population(self._free(kind, counts), self._size_for(cell, source, chain), cell)
            self._join(source, name, chain, counts)
            if isinstance(part, Recurrent):
                own = name.removeprefix(kind)
                self.connect(name, name, part.how, **part.options, name=f"recurrent{own}")
            source, chain = name, []
        return source, chain

    def _size_for(self, cell: Cell | Relay, source: str, chain: Sequence[nn.Module]) -> tuple[int, ...] | None:
        """The shape that transforms bring from ``source``, as far as they tell, for cells that need a size and have none."""
        if not isinstance(cell, Cell) or not cell.needs_size or cell.size is not None:
            return None
        shape = shape_behind([transform_of(m) for m in chain], sample_of(self.graph, source))
        return sized(shape[1:] if shape[:1] == (...,) else shape) or None

    def _branches(self, part: Branches, source: str, chain: list[nn.Module], counts: dict[str, int]) -> str:
        """All ways and the cell at which they meet; transforms that wait end in a relay, where the ways part."""
        if chain:
            source = self._relay(self._free("fork", counts), source, chain, counts)
        ends = [(self._walk(parts, source, [], counts), port) for port, parts in part.ways]
        name = self.population(self._free(part.label, counts), self._size_for(part.cell, *ends[0][0]), part.cell)
        for (end, left), port in ends:
            self._join(end, name, left, counts, port)
        return name

    def _relay(self, name: str, source: str, chain: Sequence[nn.Module], counts: dict[str, int]) -> str:
        made = self.population(name, None, Relay())
        self._join(source, made, chain, counts)
        return made

    def _join(
        self, source: str, target: str, chain: Sequence[nn.Module], counts: dict[str, int], port: str | None = None
    ) -> None:
        kind = transform_of(chain[0]).label if chain else "direct"
        label = self._free(kind, counts, "projection")
        for module in chain:
            module.to(self.dtype)
        self._add(
            Projection(label, source, target, self.graph.port_of(target, port), chain, dt=self.dt, seed=self.seed)
        )

    def _free(self, kind: str, counts: dict[str, int], among: str = "part") -> str:
        """lif1, lif2, …: a name for the next of a kind ``among`` parts or projections that nothing else has."""
        while True:
            counts[f"{among} {kind}"] = number = counts.get(f"{among} {kind}", 0) + 1
            if f"{kind}{number}" not in self.graph.taken:
                return f"{kind}{number}"
