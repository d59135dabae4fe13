"""Asking the providers of kernels: the first offer is taken, and what was refused before is remembered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ranvier.errors import ProviderError
from ranvier.kernels import registry
from ranvier.kernels.provider import Offer, Provider, Refusal
from ranvier.kernels.tasks import Shape
from ranvier.network.plan.plan import Choice

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Request

__all__ = ["Asked"]


class Asked:
    """The providers of one plan, asked in order under its request."""

    def __init__(self, request: Request, providers: Sequence[Provider]) -> None:
        self.request, self.providers = request, {p.name: p for p in providers}
        #: parts by who runs them and the sentence of who was asked before
        self._refused: dict[tuple[str, str], list[str]] = {}

    def choose(self, part: str, task: str, shape: Shape) -> Choice:
        """The provider of a population or projection.

        Raises
        ------
        ProviderError
            All refuse; the message holds every reason.
        """
        sentences: list[str] = []
        for name, provider in self.providers.items():
            found = registry.answer(provider, shape, self.request)
            if isinstance(found, Offer):
                if sentences:
                    self._refused.setdefault((name, sentences[0]), []).append(part)
                    return Choice(part, task, name, sentences[0], found.variant, shape, found.stored)
                why = "asked for" if task == "scan" and name == self.request.provider else found.reason
                return Choice(part, task, name, why, found.variant, shape, found.stored)
            sentences.append(found.sentence)
        reasons = "; ".join(f"{n}: {s}" for n, s in zip(self.providers, sentences, strict=True))
        raise ProviderError(f"no provider runs {part!r}. {reasons}. Change the network, or register another provider.")

    def together(self, members: Collection[str], shape: Shape, homes: Mapping[str, str]) -> tuple[str, Offer] | Refusal:
        """Whether the provider that runs all ``members`` (``homes``, by name) also runs them as one task.

        No other provider is asked: a plan prints one provider for each population, whether or not it runs with others.
        """
        first = next(iter(self.providers))
        running = {homes[n] for n in members if n in homes} or {first}
        if len(running) > 1:
            return Refusal(f"its cells run on {' and '.join(sorted(running))}")
        (name,) = running
        found = registry.answer(self.providers[name], shape, self.request)
        return found if isinstance(found, Refusal) else (name, found)

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Which parts do not run on the provider that was asked first, a sentence for each reason."""
        return tuple(
            f"{', '.join(parts)} run{'s' * (len(parts) == 1)} on the {name} provider: {sentence}"
            for (name, sentence), parts in self._refused.items()
        )
