"""Connecting: single synapses from a rule, or a transform, as projections with a name and a latency."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from ranvier.connectivity import Connectivity, latency_steps
from ranvier.network.checks import check_name
from ranvier.network.order import GraphError
from ranvier.network.parts._single_synapses import single_synapses
from ranvier.network.parts.projection import Projection
from ranvier.network.plastic.bind import bind_rule, warn_of_limits
from ranvier.network.processes.refuse import check_rule
from ranvier.values import Learn, flag

if TYPE_CHECKING:
    from ranvier.network.graph import Graph
    from ranvier.storages import Storage
    from ranvier.synapses import Plasticity

__all__ = ["Connection", "connect"]


@dataclass(frozen=True)
class Connection:
    """What :meth:`Network.connect` was asked for, but for the targets."""

    pre: str
    how: Connectivity | nn.Module | Sequence[nn.Module]
    to: str | None
    weight: Any
    delay: Any
    sign: int | None
    plasticity: Plasticity | None
    name: str | None
    interpolation: str
    width: Any
    progress: bool
    storage: Storage | None = None
    same_step: bool = False


def connect(graph: Graph, asked: Connection, post: str | Sequence[str]) -> Iterator[Projection]:
    """A projection to every target; each must become part of the network before the next is made."""
    _check(asked)
    targets = list(post) if isinstance(post, Sequence) and not isinstance(post, str) else [post]
    if not targets or not all(isinstance(target, str) for target in targets):
        raise GraphError(f"post={post!r} must be the name of a population, or a list of names.")
    for k, target in enumerate(targets):
        if target not in graph.populations and target not in graph.relays:
            graph.shape_of(target)
            raise GraphError(f"{target!r} is not a population: nothing can arrive there.")
        yield _join(graph, asked, target, numbered=asked.name is None or k > 0)


def _join(graph: Graph, asked: Connection, target: str, numbered: bool) -> Projection:
    pre, how, delay = asked.pre, asked.how, asked.delay
    port = graph.port_of(target, asked.to)
    bound = None if asked.plasticity is None else bind_rule(graph, asked.plasticity, pre, target, port)
    if bound is not None and delay is not None and not bound.by_spike:
        raise GraphError(f"delay={delay!r}: an electrical synapse has no spikes to delay; leave it out.")
    label = _label(graph, asked.name or f"{pre}_to_{target}_{port}", numbered)
    check_rule(graph, label, bound)
    latency = 0 if asked.same_step else _lag(graph, pre)
    chain: list[nn.Module]
    if isinstance(how, Connectivity):
        request = {
            "weight": asked.weight,
            "delay": delay,
            "sign": asked.sign,
            "each": asked.plasticity is not None,
            "progress": asked.progress,
            "interpolation": asked.interpolation,
            "width": asked.width,
            "storage": asked.storage,
            "unit": bound and bound.system.dimensions["w"],
        }
        synapses = single_synapses(graph, label, pre, target, port, how, latency, **request)
        if bound is not None:
            warn_of_limits(label, bound, synapses.shared_weight())
        chain = [synapses.module]
    else:
        latency += int(0 if delay is None else latency_steps(delay, graph.dt, 1, graph.seed, label))
        chain = [module.to(graph.dtype) for module in (how if isinstance(how, Sequence) else (how,))]
    return Projection(label, pre, target, port, chain, latency, bound, dt=graph.dt, seed=graph.seed)


def _instead_of(how: Any) -> str:
    """The remedy for an argument that is neither a rule nor a transform."""
    if isinstance(how, type):
        return f"that is a class: write rv.{how.__name__}(…), with its arguments."
    if isinstance(how, float | int) and 0 < how <= 1:
        return f"for a probability write rv.FixedProbability({how})."
    text = how.replace(" ", "") if isinstance(how, str) else ""
    if text in ("i!=j", "j!=i"):
        return "all pairs but a cell with itself are rv.AllToAll(autapses=False)."
    if text in ("i==j", "j==i"):
        return "each cell with its own counterpart is rv.OneToOne()."
    rules = (
        "all pairs rv.AllToAll(), counterparts rv.OneToOne(), at random rv.FixedProbability(p) or rv.FixedInDegree(n), by distance "
        "rv.DistanceDependent(…), chosen pairs rv.FromArrays(pre, post)"
    )
    if isinstance(how, str) or callable(how):
        if text.isidentifier():
            return f"that is no rule. Give a rule: {rules}."
        condition = repr(how) if isinstance(how, str) else "lambda i, j: …"
        return f"for a condition on pairs write rv.Where({condition}). Other rules: {rules}."
    return f"give a rule ({rules}), or a transform such as rv.Linear(…)."


def _check(asked: Connection) -> None:
    how, weight = asked.how, asked.weight
    if not isinstance(asked.pre, str):
        raise GraphError(f"pre={asked.pre!r} must be one name: call connect for each population that projects.")
    if not (isinstance(how, Connectivity) and isinstance(asked.delay, Learn)):
        for word, given in (("interpolation", asked.interpolation != "linear"), ("width", asked.width is not None)):
            if given:
                raise GraphError(
                    f"{word}={getattr(asked, word)!r} belongs to learnable delays of single synapses: give "
                    "delay=rv.Learn(…), or leave it out (rv.Linear takes its own)."
                )
    flag(asked.progress, "progress")
    if asked.storage is not None and asked.plasticity is not None:
        raise GraphError(
            f"storage={asked.storage!r}: plastic weights change in the state, as floats; leave storage out."
        )
    for word, given in (("plasticity", asked.plasticity), ("sign", asked.sign), ("storage", asked.storage)):
        if given is not None and not isinstance(how, Connectivity):
            raise GraphError(
                f"{word} belongs to single synapses: connect with a rule such as rv.AllToAll(), not {type(how).__name__}."
            )
    if flag(asked.same_step, "same_step") and isinstance(how, Connectivity):
        raise GraphError(
            f"same_step belongs to transforms such as rv.Linear(…): synapses of a rule such as {type(how).__name__} take at least one step."
        )
    if not isinstance(how, Connectivity | nn.Module):
        _check_row(how)
    if not isinstance(how, Connectivity) and not (isinstance(weight, float | int) and weight == 1):
        raise GraphError(
            f"weight={weight!r} belongs to single synapses; {type(how).__name__} has weights of its own: set them there."
        )


def _check_row(how: Any) -> None:
    """Refuse what is no row of modules."""
    if not isinstance(how, list | tuple):
        raise GraphError(f"cannot connect with {how!r}: {_instead_of(how)}")
    for module in how:
        if not isinstance(module, nn.Module):
            raise GraphError(f"cannot connect with a list that holds {module!r}: {_instead_of(module)}")


def _label(graph: Graph, name: str, numbered: bool) -> str:
    """A name for a projection; with ``numbered``, a number makes it unique."""
    taken = graph.taken
    free = (f"{name}_{k}" for k in itertools.count(1)) if numbered and name in taken else iter((name,))
    return check_name(next(n for n in free if n not in taken or not numbered), taken, "projection")


def _lag(graph: Graph, pre: str) -> int:
    """Steps between an emission of ``pre`` and its earliest arrival."""
    graph.shape_of(pre)
    return graph.sources[pre].lag if pre in graph.sources else 1
