"""What a simulation is asked to record, read once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.network.checks import check_record
from ranvier.network.order import GraphError
from ranvier.network.plastic.members import values_of
from ranvier.network.recording._sample import Sample
from ranvier.network.recording._statistics import SpikeStatistics
from ranvier.units.steps import whole_steps

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["Trace", "Wanted", "common_stride", "read_record", "stride_of"]


@dataclass(frozen=True)
class Trace:
    """A variable, every ``stride`` steps, of ``cells`` (all where None)."""

    stride: int
    cells: np.ndarray | None = None


@dataclass
class Wanted:
    """Of one population or plastic projection."""

    spikes: bool = False
    traces: dict[str, Trace] = field(default_factory=dict)
    statistics: SpikeStatistics | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What has to be computed."""
        return (*(("spikes",) if self.spikes or self.statistics else ()), *self.traces)


def stride_of(every: Any, dt: float, default: int = 1) -> int:
    """A recording interval in steps, at least 1."""
    return default if every is None else whole_steps(every, dt, "every", 1)


def read_record(graph: Graph, record: Mapping[str, Sequence[Any]], stride: int) -> dict[str, Wanted]:
    """Every request, checked; ``stride`` is that of variables asked for by name alone."""
    if isinstance(record, Mapping):
        names = {
            n: [_name(x, n) for x in v] if isinstance(v, Iterable) and not isinstance(v, str) else v
            for n, v in record.items()
        }
        check_record(graph, names, sources=True)
    else:
        check_record(graph, record)
    out: dict[str, Wanted] = {}
    for n, asked in record.items():
        wanted = out[n] = Wanted()
        for x in asked:
            if isinstance(x, SpikeStatistics):
                if wanted.statistics is not None:
                    raise GraphError(f"record[{n!r}] asks for statistics twice: remove one of them.")
                wanted.statistics = x
            elif x == "spikes":
                if wanted.spikes:
                    raise GraphError(f"record[{n!r}] asks for 'spikes' twice: remove one of them.")
                wanted.spikes = True
            else:
                variable, trace = (
                    (x.variable, _trace(graph, n, x, stride)) if isinstance(x, Sample) else (x, Trace(stride))
                )
                if variable in wanted.traces:
                    raise GraphError(f"record[{n!r}] asks for {variable!r} twice: remove one of them.")
                wanted.traces[variable] = trace
    return out


def common_stride(wanted: Mapping[str, Wanted]) -> int:
    """The longest interval that hits every sample."""
    strides = [t.stride for w in wanted.values() for t in w.traces.values()]
    return math.gcd(*strides) if strides else 1


def _name(x: Any, n: str) -> str:
    if isinstance(x, Sample):
        return x.variable
    if isinstance(x, SpikeStatistics):
        return "spikes"
    if not isinstance(x, str):
        raise GraphError(f"record[{n!r}] holds {x!r}: give names, rv.Sample(…) or rv.SpikeStatistics(…).")
    return x


def _trace(graph: Graph, n: str, sample: Sample, stride: int) -> Trace:
    if sample.cells is not None:
        single = n in graph.projections
        size = values_of(graph.projections[n], sample.variable) if single else math.prod(graph.shape_of(n) or (0,))
        if sample.cells.min() < 0 or sample.cells.max() >= size:
            wrong = sample.cells.min() if sample.cells.min() < 0 else sample.cells.max()
            raise ShapeError(f"Sample of {n!r}: cells holds {wrong}, but there are 0 to {size - 1}.")
    return Trace(stride_of(sample.every, graph.dt, stride), sample.cells)
