"""The interface of connectivity rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ranvier.connectivity._positions import Positions
from ranvier.connectivity._synapses import Synapses
from ranvier.errors import RanvierError
from ranvier.kernels.tasks import RowSource

if TYPE_CHECKING:
    from ranvier.connectivity._build import SynapseRequest
    from ranvier.connectivity.transform import Transform

__all__ = ["Connectivity", "ConnectivityError", "Ends", "RowRule"]


class ConnectivityError(RanvierError, ValueError):
    """A rule that cannot be honoured for the given populations."""


@dataclass(frozen=True)
class Ends:
    """The two populations a rule joins.

    Attributes
    ----------
    sizes
        Cells before and behind the synapse.
    same
        Both are one population, so that a cell could reach itself.
    positions
        Where the cells are, or None for a population without positions.
    """

    sizes: tuple[int, int]
    same: bool = False
    positions: tuple[Positions | None, Positions | None] = (None, None)

    def barred(self, autapses: bool) -> bool:
        """Whether a cell must not reach itself."""
        return self.same and not autapses

    def choices(self, autapses: bool) -> int:
        """How many postsynaptic cells one presynaptic cell may reach."""
        return self.sizes[1] - self.barred(autapses)

    def placed(self, rule: str) -> tuple[Positions, Positions]:
        """The positions of both populations.

        Raises
        ------
        ConnectivityError
            Where one has none.
        """
        for side, positions in zip(("presynaptic", "postsynaptic"), self.positions, strict=True):
            if positions is None:
                raise ConnectivityError(
                    f"{rule} needs to know where cells are, but the {side} population has no positions: "
                    f"give them, for example net.population(…, positions=rv.Grid((40, 40), 0.05*mm))."
                )
        return self.positions  # pyright: ignore[reportReturnType]


class Connectivity(ABC):
    """Decides the synapses between two populations.

    Attributes
    ----------
    scratch
        Bytes per synapse that building needs beyond its result.
    """

    scratch: int = 0
    #: whether shares of the synapses are worth keeping apart: not where a cell has one
    divides: bool = True

    @abstractmethod
    def expected(self, ends: Ends) -> int:
        """About how many synapses there will be; refuses what cannot be built."""

    @abstractmethod
    def build(self, ends: Ends, key: tuple[int, int]) -> Synapses:
        """The synapses, drawn by counting from ``key``: the same for any number of threads and any order of building."""

    def share(self, ends: Ends, key: tuple[int, int], low: int, high: int) -> Synapses:
        """Those onto the postsynaptic cells ``low`` … ``high`` - 1."""
        from ranvier.connectivity._share import share_of  # of several processes alone

        return share_of(self.build(ends, key), low, high)

    def join(self, ends: Ends, request: SynapseRequest) -> Transform:
        """The synapses as a transform, with the weights and delays that ``request`` asks for."""
        from ranvier.connectivity._build import build_synapses

        return build_synapses(self, ends, request)


class RowRule(Connectivity):
    """A rule whose rows are drawn independently: any of them can be made again from the key, without the others."""

    @abstractmethod
    def rows(self, ends: Ends, key: tuple[int, int], first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Row pointer (int64, from 0) and ascending int32 targets of the presynaptic cells ``first`` … ``stop`` - 1."""

    def source(self, ends: Ends, key: tuple[int, int]) -> RowSource:
        """The same rows for a loop that draws them one at a time; not every rule has this."""
        raise ConnectivityError(f"rows of {self!r} cannot be drawn inside a loop.")

    def build(self, ends: Ends, key: tuple[int, int]) -> Synapses:
        """All rows."""
        self.expected(ends)
        return Synapses(*self.rows(ends, key, 0, ends.sizes[0]), ends.sizes)

    def share(self, ends: Ends, key: tuple[int, int], low: int, high: int) -> Synapses:
        """Rows are drawn some at a time."""
        from ranvier.connectivity._share import joined_rows, row_tiles

        tiles = (self.rows(ends, key, first, stop) for first, stop in row_tiles(ends, self.expected(ends)))
        return joined_rows(tiles, ends, low, high)
