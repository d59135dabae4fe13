"""A simulation with gradient: a network on its own, in segments that are computed again on the way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ranvier._nearest import meant
from ranvier._warn import warn
from ranvier.errors import NonFiniteError
from ranvier.network.checks import check_record, describe_non_finite
from ranvier.network.order import GraphError
from ranvier.network.plan.plan import Plan
from ranvier.network.plan.planning import plan_for
from ranvier.network.precision import in_float32
from ranvier.network.processes.refuse import refuse_call
from ranvier.network.run.recomputed import recomputed
from ranvier.network.run.resets import cuts_of
from ranvier.network.run.runner import Runner
from ranvier.network.simulation._bar import simulation_bar
from ranvier.network.simulation._onset import locate_onset
from ranvier.network.simulation.given_inputs import given_inputs
from ranvier.network.state.check import check_state
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State
from ranvier.network.warnings.late_times import warn_of_late_times
from ranvier.network.warnings.starts import warn_of_starts
from ranvier.network.warnings.wiring import warn_of_wiring
from ranvier.units.steps import whole_steps

if TYPE_CHECKING:
    from ranvier.network.graph import Graph

__all__ = ["GradientRun", "Loss", "Signals", "run_with_gradient"]

Tensor = torch.Tensor
#: a loss of one segment: its signals by population, and its first step
Loss = Callable[[Mapping[str, "Signals"], int], Tensor]


class Signals(Mapping[str, Tensor]):
    """Signals of one population as tensors [T, 1, N] with gradient: ``.spikes``, ``.v``, or by name."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Tensor:
        return self._values[name]

    def __getattr__(self, name: str) -> Tensor:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(
                f"{name!r} was not recorded: pass record={{'name': [{name!r}]}} to net.run; there are {', '.join(self) or 'none'}."
                f"{meant(name, self)}"
            )
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class _Recorded(dict[str, Signals]):
    """Signals by population; says what there is where one was not recorded."""

    def __missing__(self, name: str) -> Signals:
        raise KeyError(
            f"{name!r} was not recorded: pass record={{{name!r}: ['spikes']}}; there are {', '.join(self) or 'none'}."
            f"{meant(name, self)}"
        )


@dataclass(frozen=True)
class GradientRun:
    """What ``net.run(…, grad=True)`` gives.

    Attributes
    ----------
    records
        Signals by population, [T, 1, N] as :meth:`Network.observe` gives them; empty where a ``loss`` took them.
    state
        Where it ended, with gradient; ``run.state.detach()`` goes on without.
    loss
        The sum of the segments' losses; None where no ``loss`` was given.
    duration, seconds
        Simulated time in ms, and the time it took.
    plan
        Which kernels ran.

    >>> names = net.connect("exc", "exc", rv.FixedProbability(0.1), to="g_e", weight=rv.Learn(0.05))
    >>> run = net.run(20*ms, record={"exc": ["v"]}, grad=True)
    >>> run.records["exc"]["v"].shape
    torch.Size([200, 1, 400])
    """

    records: Mapping[str, Signals]
    state: State
    loss: Tensor | None
    duration: float
    seconds: float
    plan: Plan

    def __getitem__(self, name: str) -> Signals:
        return self.records[name]


def run_with_gradient(
    graph: Graph, duration: Any, state: State | None, record: Mapping[str, Sequence[Any]], segment: Any = None,
    loss: Loss | None = None, progress: bool = False, options: Mapping[str, Any] | None = None, stream: int | None = None,
    reset: Any = "auto", inputs: Any = None,
) -> GradientRun:  # fmt: skip
    """Run ``graph`` for ``duration``; see :meth:`Network.run`. ``options`` are those of a plain run, which have no gradient."""
    refuse_call(graph, "a run with grad=True")
    graph = in_float32(graph, "net.run")
    _refuse(graph, record, options or {})
    if loss is not None and not callable(loss):
        raise GraphError(
            f"loss={loss!r} is not a function: give one of signals and first step that returns a single tensor."
        )
    check_record(graph, record)
    cuts = cuts_of(graph, reset)
    steps = whole_steps(duration, graph.dt, "duration")
    length = steps if segment is None else whole_steps(segment, graph.dt, "segment", 1)
    if state is not None:
        state = check_state(graph, state, 1)
    graph = given_inputs(graph, inputs, steps, 0 if state is None else state.step)
    at = initial_state(graph, 1, stream) if state is None else state.with_stream(stream)
    warn_of_wiring(graph)
    if state is None:
        warn_of_starts(graph, at)
    started = time.perf_counter()
    plan = plan_for(
        graph, gradient=True, steps=steps, batch=1, checkpoint=None if segment is None else length, cuts=cuts
    )
    warn_of_late_times(graph, at.step + steps)
    runner = Runner(graph, plan, {n: tuple(v) for n, v in record.items()})
    pieces: dict[tuple[str, str], list[Tensor]] = {}
    total: Tensor | None = None

    def piece(before: State, count: int) -> tuple[Any, State]:
        inputs = {n: s.emissions(before.step, count, graph, before.stream) for n, s in graph.sources.items()}
        found, after = runner.run(inputs, count, before)
        return found if loss is None else _single(loss(_by_population(found, record), before.step)), after

    with simulation_bar(0, steps, graph.dt, progress) as bar:
        for done in range(0, max(steps, 1), max(length, 1)):
            count, before = min(length, steps - done), at.detach()
            if segment is None:
                found, at = piece(at, count)
            else:
                found, at = recomputed(graph, piece, at, count)
            if loss is None:
                for key, value in found.items():
                    pieces.setdefault(key, []).append(value)
            else:
                total = found if total is None else total + found
            trouble = describe_non_finite(graph, at)
            if trouble:
                with torch.no_grad():
                    raise NonFiniteError(locate_onset(graph, plan, before, count) or trouble)
            bar.update(done + count)
    joined = {key: values[0] if len(values) == 1 else torch.cat(values) for key, values in pieces.items()}
    records = _Recorded() if loss is not None else _by_population(joined, record)
    left = [*joined.values(), *at.tensors().values(), *([] if total is None else [total])]
    if steps and not any(t.requires_grad for t in left):
        warn(
            "grad=True, but nothing that was run depends on a value that is learnt: mark weights, delays or parameters with "
            "rv.Learn(…), or give a state or an rv.TimedArray that asks for a gradient."
        )
    return GradientRun(records, at, total, steps * graph.dt, time.perf_counter() - started, plan)


def _single(value: Any) -> Tensor:
    """What a loss returned, if it is one number with a gradient to follow."""
    if not isinstance(value, Tensor) or value.numel() != 1:
        shape = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"{value!r}"
        raise GraphError(
            f"loss returned {shape}: return a single number as a tensor, for example the mean of a signal."
        )
    return value


def _by_population(found: Mapping[tuple[str, str], Tensor], record: Mapping[str, Sequence[str]]) -> _Recorded:
    return _Recorded({n: Signals({v: found[n, v] for v in names}) for n, names in record.items()})


def _refuse(graph: Graph, record: Mapping[str, Sequence[Any]], options: Mapping[str, Any]) -> None:
    if not torch.is_grad_enabled():
        raise GraphError("grad=True inside torch.no_grad(): nothing would have a gradient; leave one of them out.")
    for name, value in options.items():
        if value is not None:
            raise GraphError(f"{name}={value!r} keeps numbers without gradient: leave it out where grad=True.")
    for name, p in graph.projections.items():
        if p.plasticity is not None:
            raise GraphError(
                f"projection {name!r} is plastic: what its rule does to weights passes no gradient to the spikes that caused "
                "it. Run without grad=True, or connect it without plasticity."
            )
        if not p.transform.differentiable:
            raise GraphError(
                f"projection {name!r} is procedural: its synapses are never stored, so none has a gradient. Connect with the "
                "rule itself, without rv.Procedural."
            )
    for name, wanted in record.items():
        for one in wanted if isinstance(wanted, Sequence) else ():
            if not isinstance(one, str):
                raise GraphError(
                    f"record[{name!r}] holds {one!r}: with grad=True record names, such as 'spikes' or 'v', and compute from the "
                    "tensors."
                )
