"""Messages between the processes of a run besides spikes: whether they run the same network, and facts about all synapses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ranvier.network.state.state import State, stream_of

if TYPE_CHECKING:
    from ranvier.distributed import Processes
    from ranvier.network.graph import Graph

__all__ = ["agree_on", "common_stream", "said_by_all", "said_by_any"]


def common_stream(graph: Graph, stream: int | None) -> int | None:
    """A new random stream, the same in all processes, where None is given; in one process it is drawn later."""
    if graph.processes is None or stream is not None:
        return stream
    return graph.processes.of_first(stream_of())


def agree_on(graph: Graph, state: State, asked: Any) -> None:
    """Compare the network, the ``state`` and what is ``asked`` of a run between the processes.

    Raises
    ------
    ProcessError
        Naming the part that differs.
    """
    if graph.processes is None:
        return
    told = dict(_told(graph, state, asked))
    digests = {n: hashlib.sha256(json.dumps(data, sort_keys=True).encode()).digest() for n, data in told.items()}
    graph.processes.agree(digests, "net.run")


def said_by_any(processes: Processes | None, said: Sequence[bool]) -> list[bool]:
    """For each of the facts whether any process says so."""
    if processes is None or not said:
        return list(said)
    return [any(one) for one in zip(*processes.wholly(list(map(int, said))), strict=True)]


def said_by_all(processes: Processes | None, said: Sequence[bool]) -> list[bool]:
    """For each of the facts whether all processes say so."""
    return [not one for one in said_by_any(processes, [not one for one in said])]


def _told(graph: Graph, state: State, asked: Any) -> Iterator[tuple[str, Any]]:
    """Every part that must be the same, as plain data."""
    from ranvier.network.saving import digest, plain  # files import networks

    yield "the step, the seed or the dtype of the network", [graph.dt, graph.seed, str(graph.dtype), graph.provider]
    for n, population in graph.populations.items():
        cell = population.cell
        words = [
            getattr(cell, word) for word in ("equations", "threshold", "reset", "events", "arrivals", "method", "emit")
        ]
        numbers = {k: digest(t) for k, t in population.state_dict().items()}
        yield f"population {n!r}", [n, population.shape, plain(words), numbers]
    for n, source in graph.sources.items():
        yield f"source {n!r}", [n, plain(source)]
    for n, p in graph.projections.items():
        ends = [n, p.pre, p.post, p.port, p.shortest, p.depth, plain(p.plasticity and p.plasticity.rule)]
        shared = p.transform.shared
        own = (
            {k: digest(t) for k, t in p.state_dict().items()} if shared is None else [shared.places.total, shared.asked]
        )
        yield f"projection {n!r}", [*ends, own]
    yield "the state in which the run begins", [
        state.step, state.stream, {k: digest(t) for k, t in state.tensors().items() if not k.startswith("synapses/")},
    ]  # fmt: skip
    yield "the request", plain(asked)
