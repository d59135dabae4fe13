"""The sources of a network by name."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from ranvier.errors import DimensionError, ShapeError
from ranvier.network.checks import check_apart
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from ranvier.network.stimuli import Source

__all__ = ["Sources"]


class Sources(UserDict[str, "Source"]):
    """Sources by name; ``forget`` is called when they change.

    ``net.sources["noise"] = rv.Poisson(…)`` replaces a source; its projections then read the new one.

    Raises
    ------
    ShapeError, DimensionError, GraphError
        Where the new source differs from the old one in shape, unit or lag, for which the projections were made.
    """

    def __init__(self, forget: Callable[[], None]) -> None:
        super().__init__()
        self._forget = forget

    def __setitem__(self, name: str, source: Source) -> None:
        check_apart(self, name, source)
        before = self.get(name)
        if before is not None:
            _check_alike(name, before, source)
        super().__setitem__(name, source)
        self._forget()

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._forget()


def _check_alike(name: str, before: Source, source: Source) -> None:
    remedy = "give a source of the same shape, unit and kind, or add this one under another name with net.source(…) and connect it."
    if source.shape != before.shape:
        raise ShapeError(
            f"source {name!r} has shape {before.shape}, but the new source has shape {source.shape}: {remedy}"
        )
    if source.dimension != before.dimension:
        raise DimensionError(
            f"source {name!r} emits {before.dimension}, but the new source emits {source.dimension}: {remedy}"
        )
    if source.lag != before.lag:
        words = {0: "a signal, which acts in its own step", 1: "spikes, which arrive one step later"}
        told, new = (words.get(s.lag, f"what arrives {s.lag} steps later") for s in (before, source))
        raise GraphError(f"source {name!r} emits {told}; the new source emits {new}: {remedy}")
