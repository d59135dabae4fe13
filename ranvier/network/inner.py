"""A network inside a chain, or in a training: whether its parts can run in its place."""

from __future__ import annotations

from typing import Any

from ranvier.connectivity.hooks import has_hook
from ranvier.network.order import GraphError
from ranvier.units.steps import same_time

__all__ = ["beside_parts", "check_called", "check_step"]


def beside_parts(part: Any, own: type) -> str | None:
    """What a call does beside running the parts, in words; None where it does nothing else."""
    if has_hook(part):
        return "hooks"
    return None if type(part).forward is own.forward else "a forward of its own"


def check_called(part: Any, own: type) -> None:
    """Refuse a network or layer whose call is more than that of its parts, because only these will run."""
    what = beside_parts(part, own)
    if what is not None:
        raise GraphError(
            f"a {type(part).__name__} with {what} cannot be a part of rv.Sequential, which runs its parts and never calls it: "
            f"put hooks on a part, such as net['lif1'], or call both networks in a forward of your own."
        )


def check_step(inner: float, outer: float) -> None:
    """Refuse a network of another time step, in ms."""
    if not same_time(inner, outer):
        raise GraphError(
            f"a network with dt={inner:g} ms cannot be a part of one with dt={outer:g} ms: its delays are counted in its steps. Make it "
            f"with dt={outer:g}*ms."
        )
