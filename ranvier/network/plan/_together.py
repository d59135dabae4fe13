"""Parts that run together: neighbours as one operation, cycles that are no circuit as an operation or in windows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from ranvier.kernels.provider import Offer, Refusal
from ranvier.kernels.tasks import FusedShape
from ranvier.network.order import Part
from ranvier.network.plan._asking import Asked
from ranvier.network.plan._known import Known
from ranvier.network.plan._neighbours import chains
from ranvier.network.plan.plan import STEPWISE, Choice, Request, Unit

__all__ = ["as_operation", "cycle", "neighbours"]


def neighbours(
    known: Known, asked: Asked, homes: Mapping[str, str], parts: Sequence[Part], apart: frozenset[tuple[str, ...]]
) -> list[tuple[tuple[str, ...], Unit | str]]:
    """Neighbours among ``parts`` that could run together, and the unit that does, or why none does; those ``apart`` do not join."""
    out: list[tuple[tuple[str, ...], Unit | str]] = []
    for a, b in chains(parts, apart, partial(_joins, known, asked.request)):
        members = tuple(n for p in parts[a:b] for n in p.members)
        if not asked.request.cuts.joined:
            out.append((members, "the rule cuts the gradient between them"))
            continue
        shape = FusedShape(known.scans_of(members), storages=known.storages_of(members))
        found = asked.together(members, shape, homes)
        if isinstance(found, Refusal):
            out.append((members, found.sentence))
        else:
            name, offer = found
            kind = offer.variant, shape, offer.stored, offer.graded, offer.calls
            way = Unit(members, "joined", 1, (), offer.repeats, name, *kind)
            out.append((members, way))
    return out


def _joins(known: Known, request: Request, part: Part, before: Sequence[str]) -> bool:
    """Whether ``part`` runs in one operation with the populations ``before`` it.

    An operation cuts all spikes that arrive later, or none. A rule that cuts those of a cycle alone keeps apart what a delay joins.
    """
    if not request.cuts.recurrent_spikes:
        late = (p.latest for p in known.projections.values() if p.post in part.members and p.pre in before)
        if any(late):
            return False
    members = (*before, *part.members)
    if _hook_inside(members, known, request) or _half_inside(members, known, request):
        return False
    return known.join(part, before, request.spread)


def _hook_inside(members: Collection[str], known: Known, request: Request) -> str | None:
    """The reason why populations cannot run as one operation: a part inside has a hook, which would not be called."""
    if not request.hooked:
        return None
    inside = (n for n, p in known.projections.items() if p.pre in members and p.post in members)
    found = next((n for n in (*members, *inside) if n in request.hooked), None)
    return None if found is None else f"a hook is registered on {found}"


def _half_inside(members: Collection[str], known: Known, request: Request) -> str | None:
    """The reason why populations cannot run as one operation: torch's autocast computes a product inside."""
    if request.products is None:
        return None
    inside = (n for n, p in known.projections.items() if p.halves and p.pre in members and p.post in members)
    found = next(inside, None)
    return None if found is None else f"torch computes {found} in {request.products}, step by step"


def cycle(part: Part, known: Known, asked: Asked, homes: Mapping[str, str], apart: str) -> tuple[Unit, Choice]:
    """How a cycle runs that cannot be a circuit, as ``apart`` says."""
    members, length = part.members, part.window or 1
    if asked.request.normed.intersection(members):
        return Unit(members, "steps"), Choice("+".join(members), "cycle", "steps", STEPWISE)
    name, found = "+".join(members), as_operation(part, known, asked, homes)
    if isinstance(found, Refusal):
        divided = found.sentence
        why = divided if divided == apart else f"{divided}; {apart}"
        return Unit(members, "windows", length), Choice(name, "cycle", "windows", why)
    who, offer, shape = found
    kind = offer.variant, shape, offer.stored, offer.graded, offer.calls
    unit = Unit(members, "fused", length, (), offer.repeats, who, *kind)
    return unit, Choice(name, "fused", who, f"{offer.reason}, windows inside ({apart})", offer.variant)


def as_operation(
    part: Part, known: Known, asked: Asked, homes: Mapping[str, str]
) -> tuple[str, Offer, FusedShape] | Refusal:
    """Who runs a cycle as one differentiable operation, or why nobody does."""
    members, request = part.members, asked.request
    shape = FusedShape(known.scans_of(members), part.window or 1, known.storages_of(members))
    found = asked.together(members, shape, homes)
    if isinstance(found, Refusal):
        return found
    reason = (
        known.fusible(part)
        or _hook_inside(members, known, request)
        or _half_inside(members, known, request)
        or _in_space(members, request)
        or _two_gradients(members, known, request)
    )
    return (*found, shape) if reason is None else Refusal(reason)


def _in_space(members: Collection[str], request: Request) -> str | None:
    """The reason why populations cannot run as one operation, where a matrix is not from all cells of one to all of another."""
    found = next((n for n in members if n in request.spread), None)
    return None if found is None else f"the cells of {found} do not form a row"


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
