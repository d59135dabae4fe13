"""Which parts form one circuit: populations that single synapses join, with or without a cycle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ranvier.kernels.provider import Refusal
from ranvier.kernels.tasks import CircuitShape
from ranvier.network.order import Part
from ranvier.network.plan._asking import Asked
from ranvier.network.plan._known import Known
from ranvier.network.plan._together import as_operation
from ranvier.network.plan.plan import Choice, Unit

__all__ = ["Circuits", "circuits"]


@dataclass(frozen=True)
class Circuits:
    """The circuits of a plan.

    ``order`` are the parts in an order in which they can run, those of a circuit beside each other; ``units`` are the circuits by
    part, ``rows`` their lines; ``apart`` says of other parts why no circuit can hold them.
    """

    order: tuple[Part, ...]
    units: Mapping[Part, Unit]
    rows: tuple[Choice, ...]
    apart: Mapping[Part, str]


def circuits(known: Known, asked: Asked, homes: Mapping[str, str]) -> Circuits:
    """Which parts run together as circuits.

    A circuit holds no two parts between which another one must run: it ends where a projection does that it cannot hold.
    A part without a cycle is in one if single synapses join it to another part of it, or if only sources drive it.
    """
    apart: dict[Part, str] = {}
    for part in known.parts:
        reason = _why_apart(part, known, asked, homes)
        if reason is not None:
            apart[part] = reason
    home = {n: part for part in known.parts for n in part.members}
    held = {
        n: p.apart is None and n not in asked.request.hooked and home[p.pre] not in apart and home[p.post] not in apart
        for n, p in known.projections.items()
    }
    level = _levels(known, home, held)
    joined = _joined(known, home, held) - apart.keys()
    order: list[Part] = []
    units: dict[Part, Unit] = {}
    rows: list[Choice] = []
    for k in sorted(set(level.values())):
        here = [part for part in known.parts if level[part] == k]
        order += [part for part in here if part not in joined]
        together = [part for part in here if part in joined]
        order += together
        for group, unit, row in _together(known, asked, homes, together):
            units |= dict.fromkeys(group, unit)
            rows.append(row)
    return Circuits(tuple(order), units, tuple(rows), apart)


def _why_apart(part: Part, known: Known, asked: Asked, homes: Mapping[str, str]) -> str | None:
    """Why a circuit cannot hold a part; None where it can."""
    members, request = part.members, asked.request
    if known.outside.issuperset(members):
        return "it is given"
    if request.normed.intersection(members):
        return "a norm takes the statistics of each step"
    _, shape = _shape(known, (part,))
    if not (request.single or request.gradient):
        if not part.cyclic:
            return "the batch is larger than one, and no cycle makes its steps wait for one another"
        if not (shape.stacks or isinstance(as_operation(part, known, asked, homes), Refusal)):
            return "this circuit would run sample by sample, and the batch is larger than one"
    found = asked.together(members, shape, homes)
    if isinstance(found, Refusal):
        return found.sentence
    inside = {n: p for n, p in known.projections.items() if p.pre in members and p.post in members}
    hooked = next((n for n in (*members, *inside) if n in request.hooked), None)
    if hooked is not None:
        return f"a hook is registered on {hooked}"
    reasons = [known.apart.get(n) for n in members] + [p.apart for p in inside.values()]
    return next((r for r in reasons if r is not None), None)


def _levels(known: Known, home: Mapping[str, Part], held: Mapping[str, bool]) -> dict[Part, int]:
    """How many projections that no circuit holds lead to each part, one after the other; parts of one circuit have the same level."""
    level: dict[Part, int] = {}
    for part in known.parts:
        before = (
            level[home[p.pre]] + (not held[n])
            for n, p in known.projections.items()
            if p.post in part.members and p.pre not in part.members and p.pre not in known.outside
        )
        level[part] = max(before, default=0)
    return level


def _joined(known: Known, home: Mapping[str, Part], held: Mapping[str, bool]) -> set[Part]:
    """Cycles, parts that a projection inside joins to others, and parts that only sources drive."""
    joined = {part for n, p in known.projections.items() if held[n] for part in (home[p.pre], home[p.post])}
    fed = {home[p.post] for p in known.projections.values() if p.pre not in known.sources}
    return joined | {part for part in known.parts if part.cyclic or part not in fed}


def _together(
    known: Known, asked: Asked, homes: Mapping[str, str], parts: Collection[Part]
) -> list[tuple[tuple[Part, ...], Unit, Choice]]:
    """The circuit of these parts; where different providers run them, that of each."""
    group = tuple(parts)
    if not group:
        return []
    members, shape = _shape(known, group)
    found = asked.together(members, shape, homes)
    if isinstance(found, Refusal):
        return [one for part in group for one in _together(known, asked, homes, (part,))] if len(group) > 1 else []
    name, offer = found
    unit = Unit(
        members,
        "circuit",
        provider=name,
        variant=offer.variant,
        shape=shape,
        stored=offer.stored,
        exchanges=offer.exchanges,
        pieces=offer.pieces,
    )
    return [(group, unit, Choice("+".join(members), "circuit", name, offer.reason, offer.variant))]


def _shape(known: Known, group: Collection[Part]) -> tuple[tuple[str, ...], CircuitShape]:
    members = tuple(n for part in group for n in part.members)
    stacks = all(p.stacks for p in known.projections.values() if p.pre in members or p.post in members)
    return members, CircuitShape(known.scans_of(members), known.storages_of(members), stacks)
