"""The planner: a pure function of a known network and a request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import prod

from ranvier.kernels.provider import DENSE, EVENT, Provider
from ranvier.kernels.tasks import PropagateShape
from ranvier.network.plan._asking import Asked
from ranvier.network.plan._circuits import circuits
from ranvier.network.plan._known import Carried, Known
from ranvier.network.plan._together import cycle, neighbours
from ranvier.network.plan.plan import Choice, Plan, Request, Unit
from ranvier.storages import Storage

__all__ = ["make_plan"]

#: numbers of a matrix that stays in the cache, so that dense rows go through it one by one
_CACHED = 1 << 16


def make_plan(known: Known, request: Request, providers: Sequence[Provider]) -> Plan:
    """Choose what runs each part: the first of ``providers`` that makes an offer."""
    asked = Asked(request, providers)
    choices = [asked.choose(n, "scan", shape) for n, shape in known.scans.items()]
    homes = {c.part: c.provider for c in choices}
    looped = circuits(known, asked, homes)
    units = {part.members: unit for part, unit in looped.units.items()}
    rows = list(looped.rows)
    for part in looped.order:
        if part in looped.units:
            continue
        if part.cyclic:
            units[part.members], row = cycle(part, known, asked, homes, looped.apart[part])
            rows.append(row)
        elif request.normed.intersection(part.members):
            units[part.members] = Unit(part.members, "steps")
    apart = frozenset(members for members, unit in units.items() if unit.how in ("circuit", "windows", "steps"))
    found = neighbours(known, asked, homes, looped.order, apart)
    chained = {n for members, _ in found for n in members}
    joined = {members[0]: unit for members, unit in found if isinstance(unit, Unit)}
    inside = {n for unit in joined.values() for n in unit.members}
    ordered: list[Unit] = []
    for part in looped.order:
        if part.members[0] in joined:
            ordered.append(joined[part.members[0]])
        elif not inside.issuperset(part.members) and not known.outside.issuperset(part.members):
            unit = units.get(part.members) or Unit(part.members, "scan")
            ordered += [] if ordered and ordered[-1] is unit else [unit]
    home = {n: unit for unit in ordered for n in unit.members}
    carried = [_carry(name, p, asked, home[p.post], p.post in chained) for name, p in known.projections.items()]
    by_event = {c.part for c in carried if c.variant == EVENT}
    ordered = [_fed(u, known, request, by_event) if u.how in ("joined", "fused") else u for u in ordered]
    drawn = {n for n, p in known.projections.items() if _drawn(n, p, request, home[p.post])}
    sent = {n for n, p in known.projections.items() if _sent(n, p, request, home[p.post])}
    notes = [f"{' -> '.join(members)}: one after the other, as {w}" for members, w in found if isinstance(w, str)]
    notes += [f"{n}: runs by itself, as a hook is registered on it" for n in sorted(request.hooked)]
    return Plan(
        (*choices, *carried, *rows), known.parts, tuple(ordered), request.window, request.checkpoint, request.cuts,
        tuple(notes), frozenset(drawn), frozenset(sent), request.hooked, asked.elsewhere,
    )  # fmt: skip


def _drawn(name: str, p: Carried, request: Request, home: Unit) -> bool:
    """Whether a circuit draws the spikes of a projection itself."""
    return p.drawable and home.how == "circuit" and request.single and name not in request.hooked


def _sent(name: str, p: Carried, request: Request, home: Unit) -> bool:
    """Whether the spikes of a source stay a list inside a circuit."""
    inside = home.how == "circuit" and p.single and p.apart is None and p.plastic is None
    return inside and request.single and not p.drawable and name not in request.hooked


def _carry(name: str, p: Carried, asked: Asked, home: Unit, chained: bool) -> Choice:
    """Who carries a projection into its unit ``home``."""
    if p.plastic is not None:
        if home.how == "circuit":
            return Choice(name, "plasticity", home.provider, p.plastic)
        return Choice(name, "plasticity", "windows", "step by step, as its cells do not run in a circuit")
    if _drawn(name, p, asked.request, home):
        return Choice(name, "propagate", home.provider, f"the circuit draws the spikes of {p.pre} itself", EVENT)
    if asked.request.products is not None and p.halves:
        shape = PropagateShape(name, p.pre, p.dense, graded=True, storage=p.storage, half=asked.request.products)
        return _said(asked.choose(name, "propagate", shape), p.storage)
    if (home.how in ("circuit", "fused", "joined") and p.pre in home.members) or _sent(name, p, asked.request, home):
        rows = "drawn when a cell fires" if p.dense and home.how == "circuit" else "by event"
        where = "circuit" if home.how == "circuit" else "operation"
        if p.pre in asked.request.dense_inputs:
            return _said(
                Choice(
                    name, "propagate", home.provider, f"in every step, inside the {where}, as {p.pre} is dense", DENSE
                ),
                p.storage,
            )
        why = f"{rows}, inside the {where}: cost follows the spikes of {p.pre}"
        return _said(Choice(name, "propagate", home.provider, why, EVENT, stored=home.stored), p.storage)
    small = asked.request.step or p.pre not in asked.request.dense_inputs or prod(p.matrix or ()) <= _CACHED
    if home.graded and small and _enters(name, p, home, asked.request):
        why = f"inside the operation: cost follows the numbers of {p.pre} that are not 0"
        return _said(Choice(name, "propagate", home.provider, why, EVENT, stored=home.stored), p.storage)
    graded = p.pre in asked.request.dense_inputs
    targets = None if p.matrix is None else p.matrix[0]
    shape = PropagateShape(name, p.pre, p.dense, targets, p.own, p.plain and chained, graded, p.storage)
    return _said(asked.choose(name, "propagate", shape), p.storage)


def _enters(name: str, p: Carried, unit: Unit, request: Request) -> bool:
    """Whether an operation can take what a projection brings as it is sent, and carry it itself."""
    known = p.pre not in request.spread and name not in request.hooked and p.pre not in unit.members
    return known and request.cuts.joined and p.plain and not p.latest


def _said(choice: Choice, storage: Storage | None) -> Choice:
    """A projection's line that says what becomes of its stored numbers."""
    if storage is None:
        return choice
    told = f"{storage.name} weights stay so" if choice.stored else f"{storage.name} weights are decoded for each call"
    return replace(choice, why=f"{choice.why}; {told}")


def _fed(unit: Unit, known: Known, request: Request, by_event: Collection[str]) -> Unit:
    """An operation with what enters it as spikes, and whether one set-up serves many windows or calls, as its provider offered."""
    arriving = {n: p for n, p in known.projections.items() if p.post in unit.members}
    entering = {n: p for n, p in arriving.items() if p.pre not in unit.members}
    feeds = tuple(n for n, p in entering.items() if n in by_event and _enters(n, p, unit, request))
    silent = known.outside - request.learnt
    whole = known.scans.keys() == {*unit.members}
    once = (
        not known.moving.intersection(unit.members)
        and all(p.repeats for p in arriving.values())
        and all(n in feeds and p.pre in silent for n, p in entering.items())
    )
    again = unit.again and once and (request.series or (request.step and whole))
    calls = unit.calls and once and whole and not again and not (request.window or request.checkpoint)
    return replace(unit, feeds=feeds, again=again, calls=calls)
