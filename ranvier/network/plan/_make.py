"""The planner: a pure function of a known network and a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ranvier.kernels.provider import EVENT, Provider, Refusal
from ranvier.kernels.tasks import CircuitShape, FusedShape, PropagateShape, ScanShape
from ranvier.network.order import Part
from ranvier.network.plan._asking import Asked
from ranvier.network.plan._neighbours import chains
from ranvier.network.plan.plan import STEPWISE, Choice, Plan, Request, Unit
from ranvier.storages import Storage

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
        How a circuit updates its synapses, where they change.
    earliest, latest
        Latencies in steps.
    drawable
        A circuit can draw its spikes itself.
    repeats
        One set-up of an operation around it can serve many windows.
    targets
        Rows of its matrix; None where it is none.
    storage
        How its weights lie in memory, where there are stored numbers alone.
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
    targets: int | None = None
    storage: Storage | None = None


@dataclass(frozen=True)
class Known:
    """A network as a planner sees it.

    ``scans`` are the populations; ``no_circuit(part)`` and ``fusible(part)`` say why a cycle cannot be one circuit, or one operation, or None;
    ``join(part, before, spread)`` whether a part can run in one operation with the populations before it; ``outside`` are
    inputs and sources; ``moving`` are the populations whose step reads time or noise.
    """

    scans: Mapping[str, ScanShape]
    projections: Mapping[str, Carried]
    parts: tuple[Part, ...]
    outside: frozenset[str]
    moving: frozenset[str]
    no_circuit: Callable[[Part], str | None]
    fusible: Callable[[Part], str | None]
    join: Callable[[Part, Sequence[str], frozenset[str]], bool]

    def scans_of(self, members: Collection[str]) -> tuple[ScanShape, ...]:
        """The populations among ``members``."""
        return tuple(self.scans[n] for n in members if n in self.scans)

    def storages_of(self, members: Collection[str]) -> tuple[Storage, ...]:
        """The storages of projections onto ``members``."""
        found = (p.storage for p in self.projections.values() if p.post in members and p.storage is not None)
        return tuple(dict.fromkeys(found))


def make_plan(known: Known, request: Request, providers: Sequence[Provider]) -> Plan:
    """Choose what runs each part: the first of ``providers`` that makes an offer."""
    asked = Asked(request, providers)
    choices = [asked.choose(n, "scan", shape) for n, shape in known.scans.items()]
    homes = {c.part: c.provider for c in choices}
    units: dict[tuple[str, ...], Unit] = {}
    rows: list[Choice] = []
    for part in known.parts:
        if part.cyclic:
            units[part.members], row = _cycle(part, known, asked, homes)
            rows.append(row)
        elif request.normed.intersection(part.members):
            units[part.members] = Unit(part.members, "steps")
    apart = frozenset(members for members, unit in units.items() if unit.how in ("circuit", "windows", "steps"))
    neighbours = _neighbours(known, asked, homes, apart)
    chained = {n for members, _ in neighbours for n in members}
    joined = {members[0]: unit for members, unit in neighbours if isinstance(unit, Unit)}
    inside = {n for unit in joined.values() for n in unit.members}
    ordered = []
    for part in known.parts:
        if part.members[0] in joined:
            ordered.append(joined[part.members[0]])
        elif not inside.issuperset(part.members) and not known.outside.issuperset(part.members):
            ordered.append(units.get(part.members) or Unit(part.members, "scan"))
    home = {n: unit for unit in ordered for n in unit.members}
    carried = [_carry(name, p, asked, home[p.post], p.post in chained) for name, p in known.projections.items()]
    by_event = {c.part for c in carried if c.variant == EVENT}
    ordered = [_fed(u, known, request, by_event) if u.how in ("joined", "fused") else u for u in ordered]
    drawn = {n for n, p in known.projections.items() if _drawn(n, p, request, home[p.post])}
    notes = [f"{' -> '.join(members)}: one after the other, as {w}" for members, w in neighbours if isinstance(w, str)]
    notes += [f"{n}: runs by itself, as a hook is registered on it" for n in sorted(request.hooked)]
    return Plan(
        (*choices, *carried, *rows), known.parts, tuple(ordered), request.window, request.checkpoint, request.cuts,
        tuple(notes), frozenset(drawn), request.hooked, asked.elsewhere,
    )  # fmt: skip


def _neighbours(
    known: Known, asked: Asked, homes: Mapping[str, str], apart: frozenset[tuple[str, ...]]
) -> list[tuple[tuple[str, ...], Unit | str]]:
    """Neighbouring parts that could run together, and the unit that does, or why none does; cycles ``apart`` do not join."""
    out: list[tuple[tuple[str, ...], Unit | str]] = []
    for a, b in chains(known.parts, apart, partial(_joins, known, asked.request)):
        members = tuple(n for p in known.parts[a:b] for n in p.members)
        if not asked.request.cuts.joined:
            out.append((members, "the rule cuts the gradient between them"))
            continue
        shape = FusedShape(known.scans_of(members), storages=known.storages_of(members))
        found = asked.together(members, shape, homes)
        if isinstance(found, Refusal):
            out.append((members, found.sentence))
        else:
            name, offer = found
            out.append(
                (members, Unit(members, "joined", 1, (), offer.repeats, name, offer.variant, shape, offer.stored))
            )
    return out


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


def _cycle(part: Part, known: Known, asked: Asked, homes: Mapping[str, str]) -> tuple[Unit, Choice]:
    """How a cycle runs."""
    members, length, request = part.members, part.window or 1, asked.request
    if request.normed.intersection(members):
        return Unit(members, "steps"), Choice("+".join(members), "cycle", "steps", STEPWISE)
    name, scans = "+".join(members), known.scans_of(members)
    hook = _hook_inside(members, known, request)
    stored = known.storages_of(members)
    circuit, fused = CircuitShape(scans, stored), FusedShape(scans, length, stored)
    found = asked.together(members, circuit, homes)
    if isinstance(found, Refusal):
        apart = found.sentence
    elif (reason := hook or known.no_circuit(part)) is not None:
        apart = reason
    else:
        who, offer = found
        unit = Unit(members, "circuit", length, provider=who, variant=offer.variant, shape=circuit, stored=offer.stored)
        return unit, Choice(name, "circuit", who, offer.reason, offer.variant)
    found = asked.together(members, fused, homes)
    if isinstance(found, Refusal):
        divided = found.sentence
    elif (
        reason := known.fusible(part) or hook or _in_space(members, request) or _two_gradients(members, known, request)
    ) is not None:
        divided = reason
    else:
        who, offer = found
        unit = Unit(members, "fused", length, (), offer.repeats, who, offer.variant, fused, offer.stored)
        return unit, Choice(name, "fused", who, f"{offer.reason}, windows inside ({apart})", offer.variant)
    why = divided if divided == apart else f"{divided}; {apart}"
    return Unit(members, "windows", length), Choice(name, "cycle", "windows", why)


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


def _drawn(name: str, p: Carried, request: Request, home: Unit) -> bool:
    """Whether a circuit draws the spikes of a projection itself."""
    return p.drawable and home.how == "circuit" and name not in request.hooked


def _carry(name: str, p: Carried, asked: Asked, home: Unit, chained: bool) -> Choice:
    """Who carries a projection into its unit ``home``."""
    if p.plastic is not None:
        if home.how == "circuit":
            return Choice(name, "plasticity", home.provider, p.plastic)
        return Choice(name, "plasticity", "windows", "step by step, as its cells do not run in a circuit")
    if _drawn(name, p, asked.request, home):
        return Choice(name, "propagate", home.provider, f"the circuit draws the spikes of {p.pre} itself", EVENT)
    if home.how in ("circuit", "fused", "joined") and p.pre in home.members:
        rows = "drawn when a cell fires" if p.dense and home.how == "circuit" else "by event"
        where = "circuit" if home.how == "circuit" else "operation"
        why = f"{rows}, inside the {where}: cost follows the spikes of {p.pre}"
        return _said(Choice(name, "propagate", home.provider, why, EVENT, stored=home.stored), p.storage)
    graded = p.pre in asked.request.dense_inputs
    shape = PropagateShape(name, p.pre, p.dense, p.targets, p.own, p.plain and chained, graded, p.storage)
    return _said(asked.choose(name, "propagate", shape), p.storage)


def _said(choice: Choice, storage: Storage | None) -> Choice:
    """A projection's line that says what becomes of its stored numbers."""
    if storage is None:
        return choice
    told = f"{storage.name} weights stay so" if choice.stored else f"{storage.name} weights are decoded for each call"
    return replace(choice, why=f"{choice.why}; {told}")


def _fed(unit: Unit, known: Known, request: Request, by_event: Collection[str]) -> Unit:
    """An operation with what enters it as spikes, and whether one set-up serves many windows, as its provider offered."""
    arriving = {n: p for n, p in known.projections.items() if p.post in unit.members}
    entering = {n: p for n, p in arriving.items() if p.pre not in unit.members}
    feeds = tuple(
        n for n, p in entering.items()
        if request.cuts.joined and p.plain and not p.latest and n in by_event and p.pre not in request.spread
        and n not in request.hooked
    )  # fmt: skip
    silent = known.outside - request.learnt
    again = (
        unit.again
        and request.series
        and not known.moving.intersection(unit.members)
        and all(p.repeats for p in arriving.values())
        and all(n in feeds and p.pre in silent for n, p in entering.items())
    )
    return replace(unit, feeds=feeds, again=again)
