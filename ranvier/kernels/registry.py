"""The providers, in the order in which plans ask them: the one place that knows them."""

from __future__ import annotations

from importlib import import_module

from ranvier.errors import ProviderError
from ranvier.kernels.provider import Offer, Provider, Request, Runnable
from ranvier.kernels.tasks import Shape

__all__ = ["first", "listed", "names", "provider", "providers", "register", "specification", "withdraw"]

#: name -> the module whose ``provider`` it is, imported when a plan first asks; or the provider itself
_known: dict[str, str | Provider] = {
    "cpu": "ranvier.kernels.cpu.provider",
    "reference": "ranvier.kernels.reference.provider",
}
_SPECIFICATION = "reference"
#: what was built for shapes that belong to no plan
_first: dict[tuple[Shape, Request], Runnable] = {}


def names() -> tuple[str, ...]:
    """The names of all providers, in order."""
    return tuple(_known)


def specification() -> Provider:
    """The provider that every other one is tested equal to."""
    return provider(_SPECIFICATION)


def listed() -> str:
    """The names, for a message."""
    return ", ".join(map(repr, _known))


def provider(name: str) -> Provider:
    """The provider of a name.

    Raises
    ------
    ProviderError
        The name is unknown.
    """
    found = _known.get(name)
    if found is None:
        raise ProviderError(
            f"provider={name!r} is unknown: use {listed()}, or make it known with ranvier.kernels.register first."
        )
    if isinstance(found, str):
        found = _known[name] = import_module(found).provider
    return found


def providers(first: str | None = None) -> tuple[Provider, ...]:
    """All providers in order, ``first`` before the others where it is named."""
    order = _known if first is None else (first, *(n for n in _known if n != first))
    return tuple(provider(n) for n in order)


def first(shape: Shape, request: Request) -> Runnable:
    """What the first provider with an offer builds for a shape that belongs to no plan; kept until the providers change.

    Raises
    ------
    ProviderError
        All refuse.
    """
    found = _first.get((shape, request))
    if found is None:
        found = _first[shape, request] = _built(shape, request)
    return found


def _built(shape: Shape, request: Request) -> Runnable:
    refused = []
    for asked in providers():
        answer = asked.offer(shape, request)
        if isinstance(answer, Offer):
            return asked.build(shape, answer.variant)
        refused.append(f"{asked.name}: {answer.sentence}")
    raise ProviderError(f"no provider runs {shape}. {'; '.join(refused)}. Register one that does.")


def register(new: Provider, *, before: str | None = None) -> None:
    """Make a provider known to every plan.

    Plans take the first offer, so a provider behind the others runs what they refuse, and whatever a network with
    ``provider=`` its name asks of it. A provider takes the place of another one of its name.

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
    if before is not None:
        provider(before)
    order = [(n, p) for n, p in _known.items() if n != new.name]
    place = next((k for k, (n, _) in enumerate(order) if n == before), len(order))
    order.insert(place, (new.name, new))
    _known.clear()
    _known.update(order)
    _first.clear()


def withdraw(name: str) -> None:
    """Forget a provider that was registered."""
    _known.pop(name, None)
    _first.clear()
