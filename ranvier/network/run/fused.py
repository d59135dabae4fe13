"""Several populations as one differentiable operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.kernels.tasks import Feed, Feedback, Fused
from ranvier.network.plan.built import unit_of

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Unit
    from ranvier.network.run.runner import Runner
    from ranvier.network.run.window import Window

__all__ = ["fused", "fused_task"]


def fused(runner: Runner, unit: Unit, window: Window) -> None:
    """Advance the populations of a unit over the whole window in one call."""
    results = runner.again.run(runner, unit, window) if runner.again is not None and unit.again else None
    if results is None:
        results = unit_of(runner.plan, unit)(fused_task(runner, unit, window))
    for n, result in results.items():
        window.recorded.update({(n, v): x for v, x in runner.cells[n].take(result, window).items()})


def fused_task(runner: Runner, unit: Unit, window: Window) -> Fused:
    """The task of the populations together."""
    members, feedback, feeds, names = {}, [], [], unit.members
    arrivals = runner.arrivals
    for n in names:
        cells, inflow = runner.cells[n], arrivals.into(n, names, window, unit.feeds)
        for p in arrivals.onto[n]:
            bias, stream = None, cells.step.stream_of(p.port)
            if p.name in unit.feeds:
                weight, bias = p.chain.operands[0].numbers_for(unit.stored)
                feeds.append(Feed(n, stream, window.emissions[p.pre], weight))
            elif p.pre in names:
                past = window.history.get(p.pre)
                inner: list[Feedback]
                bias, inner = p.feedback(
                    past.detach() if past is not None and arrivals.apart(p) else past, stream, unit.stored
                )
                feedback += inner
            if bias is not None:
                inflow.add(p.port, bias)
        emits = n in window.history or arrivals.read_outside(n, names)
        members[n] = cells.scan(inflow, window, emits=emits, steady=runner.plan.cuts.joined)
    return Fused(members, tuple(feedback), unit.window, tuple(feeds))
