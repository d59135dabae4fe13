"""Short names of the tensors of a network: those of its parts, as a user writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ranvier._nearest import meant
from ranvier.network.order import GraphError

if TYPE_CHECKING:
    from torch import nn

    from ranvier.network.parts.by_name import Parts
    from ranvier.network.parts.population import Population
    from ranvier.network.parts.projection import Projection

__all__ = ["Names", "look_up", "part_of", "shown_of"]


class Names:
    """The places of a network's modules in torch's tree, and the short names by which it shows them.

    A population has its own name (``lif1.tau``), and so has the one transform of a projection (``linear1.weight``); several are
    numbered (``conv2d1.1.bias``). What belongs to a projection itself, as its fixed delays, keeps its place.
    """

    def __init__(self, populations: Parts[Population], projections: Parts[Projection]) -> None:
        self.places = {f"populations.{n}": n for n in populations}
        self.places |= {
            f"projections.{n}.chain.0" if len(p.chain) == 1 else f"projections.{n}.chain": n
            for n, p in projections.items()
        }
        self._back = {short: place for place, short in self.places.items()}

    def short(self, path: str) -> str:
        """The short name of a module or tensor from its path in the tree."""
        return _moved(path, self.places)

    def path(self, short: str) -> str:
        """The path of a module or tensor from its short name; a path stays as it is."""
        return _moved(short, self._back)


def _moved(path: str, places: Mapping[str, str]) -> str:
    """``path``, whose longest beginning among ``places`` is replaced."""
    head, tail = path, ""
    while head:
        if head in places:
            return places[head] + tail
        head, dot, last = head.rpartition(".")
        tail = f"{dot}{last}{tail}"
    return path


def shown_of(projection: Projection) -> nn.Module:
    """What a projection shows under its name: its one transform, or the list of several."""
    chain = projection.chain
    return chain[0] if len(chain) == 1 else chain


def look_up(kinds: Mapping[str, Mapping[str, Any]], name: str) -> Any:
    """The same as :func:`part_of`; None where there is no such part."""
    for kind, parts in kinds.items():
        if name in parts:
            return shown_of(parts[name]) if kind == "projections" else parts[name]
    return None


def part_of(kinds: Mapping[str, Mapping[str, Any]], name: Any) -> Any:
    """The part called ``name`` among the ``kinds`` of parts.

    Raises
    ------
    GraphError
        Where there is none, naming those that there are.
    """
    part = look_up(kinds, name) if isinstance(name, str) else None
    if part is not None:
        return part
    known = [n for parts in kinds.values() for n in parts]
    raise GraphError(
        f"there is no part {name!r}: the network has {', '.join(known) or 'none yet'}.{meant(name, known)}"
    )
