"""What runs the parts of a plan: built by the providers that the plan names, for the shapes that they offered to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ranvier.errors import ProviderError
from ranvier.kernels import registry
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import Propagate, PropagateShape, Shape, decoded

if TYPE_CHECKING:
    from ranvier.network.plan.plan import Plan, Unit

__all__ = ["part_of", "unit_of"]


def part_of(plan: Plan, name: str) -> Runnable:
    """What advances a population by itself, or carries a projection that is no part of a unit."""
    found = plan.built.get(name)
    if found is None:
        choice = plan.choice(name)
        shape = choice.shape
        found = _built(name, choice.provider, shape, choice.variant)
        if isinstance(shape, PropagateShape) and shape.storage is not None and not choice.stored:
            found = _Decoding(found)
        plan.built[name] = found
    return found


def unit_of(plan: Plan, unit: Unit) -> Runnable:
    """What runs several populations at once."""
    found = plan.built.get(unit.members)
    if found is None:
        name = " -> ".join(unit.members)
        found = plan.built[unit.members] = _built(name, unit.provider, unit.shape, unit.variant)
    return found


class _Decoding:
    """Lets ``run``, of a provider that takes no stored numbers, carry a projection: they are decoded before each task."""

    def __init__(self, run: Runnable) -> None:
        self.run = run

    def __call__(self, task: Propagate) -> Tensor:
        return self.run(decoded(task))


def _built(name: str, provider: str, shape: Shape | None, variant: str) -> Runnable:
    if shape is None:
        raise ProviderError(f"no provider was asked to run {name!r} by itself: its plan runs it inside a larger part.")
    return registry.build(registry.provider(provider), shape, variant)
