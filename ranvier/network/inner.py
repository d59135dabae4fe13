"""A network inside a chain, or in a training: whether its parts can run in its place."""

from __future__ import annotations

import sys
from typing import Any

import torch

from ranvier._warn import warn
from ranvier.connectivity.hooks import has_hook
from ranvier.network.order import GraphError
from ranvier.units.steps import same_time

__all__ = ["beside_parts", "check_called", "check_step", "warn_of_own_forward"]


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


def warn_of_own_forward(part: Any, own: type) -> None:
    """Warn where the signals of parts are asked for outside of a ``forward`` of a subclass, which may change input or output."""
    if type(part).forward is own.forward or torch.compiler.is_compiling():
        return
    code, frame = getattr(type(part).forward, "__code__", None), sys._getframe(1)
    while frame is not None:
        if frame.f_code is code:  # forward itself asks
            return
        frame = frame.f_back
    warn(
        f"observe runs the parts of a {type(part).__name__} on the input as it is given, not its own forward: call observe inside forward, or "
        f"give it what forward gives to the parts."
    )
