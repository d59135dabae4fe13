"""What runs the parts of a plan: built by the providers that the plan names, once for every plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.kernels import registry
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import CircuitShape, FusedShape, PropagateShape, ScanShape

if TYPE_CHECKING:
    from ranvier.network._plan import Unit
    from ranvier.network._projection import Projection
    from ranvier.network._runner import Runner

__all__ = ["product_of", "scan_of", "unit_of"]


def scan_of(runner: Runner, name: str) -> Runnable:
    """What advances a population by itself."""
    found = runner.plan.built.get(name)
    if found is None:
        choice = runner.plan.choice(name)
        shape = ScanShape(name, runner.steps[name])
        found = runner.plan.built[name] = registry.provider(choice.provider).build(shape, choice.variant)
    return found


def product_of(runner: Runner, projection: Projection) -> Runnable:
    """What carries a projection that is no part of a unit."""
    found = runner.plan.built.get(projection.name)
    if found is None:
        choice = runner.plan.choice(projection.name)
        shape = PropagateShape(projection.name, projection.pre)
        found = registry.provider(choice.provider).build(shape, choice.variant)
        runner.plan.built[projection.name] = found
    return found


def unit_of(runner: Runner, unit: Unit) -> Runnable:
    """What runs several populations at once."""
    found = runner.plan.built.get(unit.members)
    if found is None:
        members = tuple(ScanShape(n, runner.steps[n]) for n in unit.members if n in runner.steps)
        window = None if unit.how == "joined" else unit.window
        shape = CircuitShape(members) if unit.how == "loop" else FusedShape(members, window)
        found = runner.plan.built[unit.members] = registry.provider(unit.provider).build(shape, unit.variant)
    return found
