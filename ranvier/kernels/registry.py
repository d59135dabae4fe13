"""The providers, in the order in which plans ask them: the one place that knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from threading import Lock

from ranvier.errors import ProviderError
from ranvier.kernels.provider import Offer, Provider, Refusal, Request, Runnable
from ranvier.kernels.tasks import Shape

__all__ = [
    "answer",
    "build",
    "first",
    "generation",
    "listed",
    "names",
    "provider",
    "providers",
    "register",
    "specification",
    "withdraw",
]


@dataclass(frozen=True)
class _Known:
    """The providers between two changes, so that a thread sees all of them while another one registers.

    ``named``: name -> the module whose ``provider`` it is, imported when a plan first asks; or the provider itself.
    ``first``: what was built for shapes that belong to no plan. ``generation`` counts the changes.
    """

    named: dict[str, str | Provider]
    generation: int = 0
    first: dict[tuple[Shape, Request], Runnable] = field(default_factory=dict)

    def provider(self, name: str) -> Provider:
        found = self.named.get(name)
        if found is None:
            raise ProviderError(
                f"provider={name!r} is unknown: use {', '.join(map(repr, self.named))}, or make it known with "
                f"ranvier.kernels.register first."
            )
        if isinstance(found, str):
            found = self.named[name] = import_module(found).provider
        return found


_known = _Known({"cpu": "ranvier.kernels.cpu.provider", "reference": "ranvier.kernels.reference.provider"})
_changing = Lock()
_SPECIFICATION = "reference"


def names() -> tuple[str, ...]:
    """The names of all providers, in order."""
    return tuple(_known.named)


def specification() -> Provider:
    """The provider that every other one is tested equal to."""
    return provider(_SPECIFICATION)


def listed() -> str:
    """The names, for a message."""
    return ", ".join(map(repr, _known.named))


def generation() -> int:
    """How often the providers changed: a plan of an earlier generation is made anew."""
    return _known.generation


def provider(name: str) -> Provider:
    """The provider of a name.

    Raises
    ------
    ProviderError
        The name is unknown.
    """
    return _known.provider(name)


def providers(first: str | None = None) -> tuple[Provider, ...]:
    """All providers in order, ``first`` before the others where it is named."""
    known = _known
    order = known.named if first is None else (first, *(n for n in known.named if n != first))
    return tuple([known.provider(n) for n in order])


def answer(asked: Provider, shape: Shape, request: Request) -> Offer | Refusal:
    """The answer of a provider to a shape.

    Raises
    ------
    ProviderError
        It says neither yes nor no.
    """
    found = asked.offer(shape, request)
    if not isinstance(found, Offer | Refusal):
        raise ProviderError(
            f"the provider {asked.name!r} answers {shape} with {found!r}: its offer(shape, request) must return an Offer or "
            f"a Refusal of ranvier.kernels."
        )
    return found


def build(asked: Provider, shape: Shape, variant: str) -> Runnable:
    """The runnable of a provider for a shape that it offered to run.

    Raises
    ------
    ProviderError
        It cannot be called.
    """
    found = asked.build(shape, variant)
    if not callable(found):
        raise ProviderError(
            f"the provider {asked.name!r} builds {found!r} for {shape}: its build(shape, variant) must return a function of "
            f"a task."
        )
    return found


def first(shape: Shape, request: Request) -> Runnable:
    """The runnable of the first provider that offers a shape of no plan; kept until the providers change.

    Raises
    ------
    ProviderError
        All refuse.
    """
    kept = _known.first
    found = kept.get((shape, request))
    if found is None:
        found = kept[shape, request] = _built(shape, request)
    return found


def _built(shape: Shape, request: Request) -> Runnable:
    refused = []
    for asked in providers():
        found = answer(asked, shape, request)
        if isinstance(found, Offer):
            return build(asked, shape, found.variant)
        refused.append(f"{asked.name}: {found.sentence}")
    raise ProviderError(f"no provider runs {shape}. {'; '.join(refused)}. Register one that does.")


def register(new: Provider, *, before: str | None = None) -> None:
    """Make a provider known to every plan, also to those of networks that already ran.

    Plans take the first offer, so a provider behind the others runs what they refuse, and whatever a network with
    ``provider=`` its name asks of it. Only the provider that runs each of several populations alone is asked to
    run them as one task (``FusedShape``, ``CircuitShape``). A provider takes the place of another one of its name.

    Parameters
    ----------
    new
        Has a ``name``, ``offer`` and ``build``.
    before
        The name of the provider that it is asked before; None puts it behind all.

    Raises
    ------
    ProviderError
        ``before`` is unknown.

    >>> from ranvier.kernels import Refusal, register, withdraw
    >>> class Never:
    ...     name = "never"
    ...
    ...     def offer(self, shape, request):
    ...         return Refusal("it runs nothing")
    >>> register(Never())
    >>> withdraw("never")
    """
    global _known
    if before is not None:
        provider(before)
    with _changing:
        order = [(n, p) for n, p in _known.named.items() if n != new.name]
        place = next((k for k, (n, _) in enumerate(order) if n == before), len(order))
        order.insert(place, (new.name, new))
        _known = _Known(dict(order), _known.generation + 1)


def withdraw(name: str) -> None:
    """Forget a registered provider; others run its tasks from the next call on."""
    global _known
    with _changing:
        _known = _Known({n: p for n, p in _known.named.items() if n != name}, _known.generation + 1)
