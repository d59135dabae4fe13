"""The planner: a pure function of a known network and a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ranvier.network._chain import chains
from ranvier.network._graph import Part
from ranvier.network._plan import Choice, Plan, Request, Unit

__all__ = ["Carried", "Known", "make_plan"]


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
        How a compiled loop updates its synapses, where they change.
    earliest, latest
        Latencies in steps.
    drawable
        A compiled loop can draw its spikes itself.
    repeats
        One set-up of an operation around it can serve many windows.
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


@dataclass(frozen=True)
class Known:
    """A network as a planner sees it.

    ``loopable(part)`` and ``fusible(part)`` say why a cycle cannot be one compiled loop, or one operation, or None;
    ``join(part, before, spread)`` whether a part can run in one operation with the populations before it; ``outside`` are
    inputs and sources; ``moving`` are the populations whose step reads time or noise.
    """

    populations: Sequence[str]
    projections: Mapping[str, Carried]
    parts: tuple[Part, ...]
    outside: frozenset[str]
    moving: frozenset[str]
    loopable: Callable[[Part], str | None]
    fusible: Callable[[Part], str | None]
    join: Callable[[Part, Sequence[str], frozenset[str]], bool]


def make_plan(known: Known, request: Request, refuses: Callable[[Request], str | None]) -> Plan:
    """Choose what runs each part; ``refuses(request)`` is the cpu provider's sentence, or None."""
    fast, why = _provider(request, refuses)
    choices = [Choice(n, "scan", "cpu" if fast else "reference", why) for n in known.populations]
    cycles: dict[tuple[str, ...], Unit] = {}
    rows: list[Choice] = []
    for part in known.parts:
        if part.cyclic:
            cycles[part.members], row = _cycle(part, known, request, None if fast else why)
            rows.append(row)
    apart = frozenset(members for members, unit in cycles.items() if unit.how in ("loop", "windows"))
    ranges = chains(known.parts, apart, partial(_joins, known, request)) if fast else ()
    chained = {n for a, b in ranges for part in known.parts[a:b] for n in part.members}
    reason = _not_joined(request)
    units, notes = [], []
    joined = {} if reason else dict(ranges)
    stop = 0
    for index, part in enumerate(known.parts):
        if index < stop or known.outside.issuperset(part.members):
            continue
        if index in joined:
            stop = joined[index]
            units.append(Unit(tuple(n for p in known.parts[index:stop] for n in p.members), "joined"))
        else:
            units.append(cycles.get(part.members) or Unit(part.members, "scan"))
    if reason:
        notes = [f"{' -> '.join(n for p in known.parts[a:b] for n in p.members)}: {reason}" for a, b in ranges]
    home = {n: unit for unit in units for n in unit.members}
    carried = [
        _carry(name, p, request, None if fast else why, home[p.post], p.post in chained)
        for name, p in known.projections.items()
    ]
    by_event = {c.part for c in carried if c.provider == "cpu"}
    units = [_fed(u, known, request, by_event) if u.how in ("joined", "fused") else u for u in units]
    drawn = {
        n for n, p in known.projections.items()
        if p.drawable and home[p.post].how == "loop" and n not in request.hooked
    }  # fmt: skip
    notes += [f"{n}: runs by itself, as a hook is registered on it" for n in sorted(request.hooked)]
    return Plan(
        (*choices, *carried, *rows), known.parts, tuple(units), request.window, request.checkpoint, request.cuts,
        tuple(notes), frozenset(drawn), request.hooked,
    )  # fmt: skip


def _joins(known: Known, request: Request, part: Part, before: Sequence[str]) -> bool:
    """Whether ``part`` runs in one operation with the populations ``before`` it."""
    return _hook_inside((*before, *part.members), known, request) is None and known.join(part, before, request.spread)


def _hook_inside(members: Collection[str], known: Known, request: Request) -> str | None:
    """The reason why populations cannot run as one operation: a part inside has a hook, which would not be called."""
    if not request.hooked:
        return None
    inside = (n for n, p in known.projections.items() if p.pre in members and p.post in members)
    found = next((n for n in (*members, *inside) if n in request.hooked), None)
    return None if found is None else f"a hook is registered on {found}"


def _provider(request: Request, refuses: Callable[[Request], str | None]) -> tuple[bool, str]:
    """Whether the cpu provider runs the cells, and why."""
    sentence = refuses(request)
    if request.provider == "reference":
        return False, "asked for"
    if sentence is not None:
        return False, sentence
    return True, "asked for" if request.provider == "cpu" else "generated vector code for this processor"


def _not_joined(request: Request) -> str | None:
    """Why neighbouring parts run one after the other."""
    if not request.cuts.joined:
        return "one after the other, as the rule cuts the gradient between them"
    if request.few:
        return "one after the other, as a window has fewer than 64 rows (steps times batch)"
    return None


def _cycle(part: Part, known: Known, request: Request, slow: str | None) -> tuple[Unit, Choice]:
    """How a cycle runs; ``slow`` is the reason for the reference."""
    name, length = "+".join(part.members), part.window or 1
    if slow is not None:
        compiled = slow
    elif request.gradient:
        compiled = "a gradient is asked for"
    elif not request.single:
        compiled = "the batch is larger than one"
    else:
        compiled = _hook_inside(part.members, known, request) or known.loopable(part)
    if compiled is None:
        return Unit(part.members, "loop", length), Choice(name, "loop", "cpu", "one compiled loop for the whole cycle")
    divided = slow or known.fusible(part) or _hook_inside(part.members, known, request)
    divided = divided or _two_gradients(part.members, known, request)
    if divided is None:
        why = f"one operation, windows inside ({compiled})"
        return Unit(part.members, "fused", length), Choice(name, "loop", "cpu", why)
    why = divided if divided == compiled else f"{divided}; {compiled}"
    return Unit(part.members, "windows", length), Choice(name, "loop", "windows", why)


def _two_gradients(members: Collection[str], known: Known, request: Request) -> str | None:
    """The reason why an arrival at a cycle has two gradients, where one operation has a single one."""
    if not (request.gradient and request.cuts.split):
        return None
    silent = known.outside - request.learnt
    for name, p in known.projections.items():
        inside = p.pre in members
        returns = (not p.latest or request.cuts.recurrent_spikes) if inside else p.pre not in silent
        if p.post in members and returns:
            return f"under the rule, {name} passes one gradient to its weights and another to {p.pre}"
    return None


def _carry(name: str, p: Carried, request: Request, slow: str | None, home: Unit, chained: bool) -> Choice:
    """The provider that carries a projection into its unit ``home``; ``slow`` is the reason for the reference."""
    if p.plastic is not None:
        if home.how == "loop":
            return Choice(name, "plasticity", "cpu", p.plastic)
        return Choice(name, "plasticity", "reference", "step by step, as its cells do not run in a compiled loop")
    if slow is not None:
        return Choice(name, "propagate", "reference", slow)
    if home.how == "loop" and p.drawable and name not in request.hooked:
        return Choice(name, "propagate", "cpu", f"the loop draws the spikes of {p.pre} itself")
    if home.how in ("loop", "fused", "joined") and p.pre in home.members:
        rows = "drawn when a cell fires" if p.dense and home.how == "loop" else "by event"
        where = "loop" if home.how == "loop" else "operation"
        return Choice(name, "propagate", "cpu", f"{rows}, inside the {where}: cost follows the spikes of {p.pre}")
    if p.own is not None:
        return Choice(name, "propagate", "cpu", p.own)
    if p.dense is not None and not (p.plain and chained):
        return Choice(name, "propagate", "torch", p.dense)
    if p.pre in request.dense_inputs:
        return Choice(name, "propagate", "torch", f"{p.pre} is dense")
    return Choice(name, "propagate", "cpu", f"by event: cost follows the spikes of {p.pre}")


def _fed(unit: Unit, known: Known, request: Request, by_event: Collection[str]) -> Unit:
    """An operation with what enters it as spikes, and whether one set-up serves many windows."""
    arriving = {n: p for n, p in known.projections.items() if p.post in unit.members}
    entering = {n: p for n, p in arriving.items() if p.pre not in unit.members}
    feeds = tuple(
        n for n, p in entering.items()
        if request.cuts.joined and p.plain and not p.latest and n in by_event and p.pre not in request.spread
        and n not in request.hooked
    )  # fmt: skip
    silent = known.outside - request.learnt
    again = (
        request.series
        and not known.moving.intersection(unit.members)
        and all(p.repeats for p in arriving.values())
        and all(n in feeds and p.pre in silent for n, p in entering.items())
    )
    return Unit(unit.members, unit.how, unit.window, feeds, again)
