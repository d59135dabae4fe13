"""How errors reach a cell through space: over projections outside cycles, whatever their delay.

A spike in a cycle comes back later, so a rule without paths over time ignores that path. Outside cycles a delay only sets when
a spike arrives: the error of its arrival goes back to the step in which the cell fired.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ranvier.errors import TrainingError
from ranvier.network import Network, Projection
from ranvier.training.rules._refuse import learns, refuse_mixing, upstream_of

__all__ = ["first_arrivals", "reach_back"]


def reach_back(net: Network, rule: str, read: Collection[str]) -> int:
    """Steps from an error to the earliest spike that it goes back to, where a loss reads the parts ``read``.

    Raises
    ------
    TrainingError
        Where a part that learns is read over a cycle alone, so that no error would come back, or where the steps, which are
        then run twice, would not give the same numbers.
    """
    round_a_cycle = net.graph.in_cycles()
    kept = [p for p in net.projections.values() if not (p.depth and p.name in round_a_cycle)]
    longest = _latencies(read, kept, max, lambda p: p.depth)
    anyhow = {n for o in read for n in upstream_of(net, o)}
    learnt = [n for n in (*net.populations, *net.relays) if _learns_at(net, n)]
    for n in learnt:
        if n in anyhow and n not in longest:
            raise TrainingError(
                f"{rule} passes no error back through spikes in a cycle, but {n!r} learns and reaches the output only through "
                f"a cycle: give the projections onto {n!r} fixed weights, connect it to the output, or use "
                f"rv.rules.EProp(feedback='random') or rv.rules.BPTT(window=…)."
            )
    steps = max((longest.get(n, 0) for n in learnt), default=0)
    if steps:
        refuse_mixing(
            net,
            f"{rule} runs some steps twice where a delay follows cells that learn",
            "call net.eval(), remove the delay, or use rv.rules.BPTT(window=…).",
        )
    return steps


def first_arrivals(net: Network, output: str) -> dict[str, int]:
    """For every part before an output, the steps until its spike can first count there."""
    return _latencies([output], list(net.projections.values()), min, lambda p: p.shortest)


def _latencies(
    ends: Collection[str], projections: Sequence[Projection], choose: Callable[[int, int], int], steps: Callable[[Projection], int]
) -> dict[str, int]:  # fmt: skip
    """For every part before the ``ends``, the sum of steps along the way that ``choose`` prefers."""
    found = dict.fromkeys(ends, 0)
    for _ in projections:
        before = dict(found)
        for p in projections:
            if p.post in found:
                way = found[p.post] + steps(p)
                found[p.pre] = choose(found.get(p.pre, way), way)
        if found == before:
            break
    return found


def _learns_at(net: Network, name: str) -> bool:
    """Whether a part itself, or a projection onto it, learns."""
    own = name in net.populations and learns(net.populations[name])
    return own or any(learns(p) for p in net.projections.values() if p.post == name)
